/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who writes to a UPID?
 *
 * A page that holds a known UPID is kept as if it held code, so that stores
 * to it take TCG's slow path and can be told of: plain ones, atomics, block
 * helpers and DMA.  Translated code is the same as ever, and so is time under
 * icount.  A UPID becomes known when a CPU uses it while somebody listens to
 * the event uintr_upid_store; what user interrupts themselves write is not
 * reported by it, they have events of their own.
 */
#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/thread.h"
#include "exec/cputlb.h"
#include "exec/exec-all.h"
#include "exec/ramlist.h"
#include "tcg/helper-tcg.h"
#include "tcg/insn-start-words.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"
#include "where.h"

#define UPID_ALIGN 64
/* A guest may make up as many as it likes. */
#define MOST_UPIDS 4096

typedef struct Watched {
    uint64_t linear;                /* when it was first seen */
    void *host;
} Watched;

const UintrObserver *uintr_observer;

static GHashTable *upids;           /* RAM address of a UPID -> Watched */
static GHashTable *pages;           /* RAM addresses of their pages */
static QemuMutex lock;

static uint64_t *boxed(uint64_t value)
{
    return g_memdup2(&value, sizeof(value));
}

static bool page_is_watched(ram_addr_t page)
{
    uint64_t key = page & TARGET_PAGE_MASK;
    QEMU_LOCK_GUARD(&lock);

    return g_hash_table_contains(pages, &key);
}

static bool find_upid(uint64_t ram, Watched *upid)
{
    Watched *found;
    QEMU_LOCK_GUARD(&lock);

    found = g_hash_table_lookup(upids, &ram);
    if (found) {
        *upid = *found;
    }
    return found;
}

uint64_t uintr_rip_of(CPUX86State *env, uintptr_t ra)
{
    CPUState *cs = env_cpu(env);
    uint64_t data[TARGET_INSN_START_WORDS];
    uint64_t base = env->segs[R_CS].base;

    if (!ra || !cpu_unwind_state_data(cs, ra, data)) {
        return env->eip;
    }
    if (tcg_cflags_has(cs, CF_PCREL)) {
        data[0] |= (env->eip + base) & TARGET_PAGE_MASK;
    }
    return env->hflags & HF_CS64_MASK ? data[0] : (uint32_t)(data[0] - base);
}

static void tell(const UintrStore *store, uint64_t linear)
{
    trace_uintr_upid_store(store->cpu ? store->cpu->cpu_index : -1, store->rip,
                           linear, store->offset, store->size);
    UINTR_TELL(store, store);
}

static void on_store(CPUState *cs, ram_addr_t addr, ram_addr_t size,
                     uintptr_t ra)
{
    CPUX86State *env = cs ? cpu_env(cs) : NULL;
    Watched found;

    if (env && env_archcpu(env)->uintr.own_access) {
        return;
    }
    for (ram_addr_t upid = QEMU_ALIGN_DOWN(addr, UPID_ALIGN);
         upid < addr + size; upid += UPID_ALIGN) {
        if (find_upid(upid, &found)) {
            ram_addr_t first = MAX(addr, upid);
            UintrStore store = {
                .cpu = cs, .rip = env ? uintr_rip_of(env, ra) : 0,
                .host = found.host, .offset = first - upid,
                .size = MIN(addr + size, upid + UPID_ALIGN) - first,
            };

            if (env && ra) {
                x86_uintr_point(env, UINTR_POINT_STORE, ra);
            }
            tell(&store, found.linear);
        }
    }
}

static const TLBWatch watch = {
    .page_is_watched = page_is_watched,
    .on_store = on_store,
};

static void start_watching(void)
{
    qemu_mutex_init(&lock);
    upids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    qatomic_store_release(&tlb_watch, &watch);
}

/* True if the page was not watched before. */
static bool remember(uint64_t ram, Watched upid)
{
    QEMU_LOCK_GUARD(&lock);

    if (g_hash_table_contains(upids, &ram) ||
        g_hash_table_size(upids) >= MOST_UPIDS) {
        return false;
    }
    g_hash_table_insert(upids, boxed(ram), g_memdup2(&upid, sizeof(upid)));
    return g_hash_table_add(pages, boxed(ram & TARGET_PAGE_MASK));
}

/* Every post asks: most ask for one that was asked for just before. */
static bool seen_lately(void *host)
{
    static void *lately[64];
    void **slot = &lately[(uintptr_t)host / UPID_ALIGN % ARRAY_SIZE(lately)];
    bool seen = qatomic_read(slot) == host;

    if (!seen) {
        qatomic_set(slot, host);
    }
    return seen;
}

void uintr_watch_upid(uint64_t linear, void *host)
{
    static gsize once;
    ram_addr_t ram;

    if (seen_lately(host)) {
        return;
    }
    ram = qemu_ram_addr_from_host(host);
    if (g_once_init_enter(&once)) {
        start_watching();
        g_once_init_leave(&once, 1);
    }
    if (ram != RAM_ADDR_INVALID && remember(ram, (Watched) { linear, host })) {
        tlb_protect_code(ram);
    }
}

void uintr_observe(const UintrObserver *observer)
{
    uintr_observer = observer;
}
