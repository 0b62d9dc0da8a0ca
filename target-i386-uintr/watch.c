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
#include "qemu/error-report.h"
#include "qemu/lockable.h"
#include "qemu/module.h"
#include "qemu/thread.h"
#include "exec/cpu-common.h"
#include "exec/cputlb.h"
#include "exec/exec-all.h"
#include "exec/ramlist.h"
#include "tcg/helper-tcg.h"
#include "tcg/insn-start-words.h"
#include "internal.h"
#include "observe.h"
#include "trace.h"
#include "where.h"

#define LINES (TARGET_PAGE_SIZE / UPID_ALIGN)
/* A page with UPIDs; it stays for ever. */
typedef struct WatchedPage {
    uint64_t ram;
    char *host;
    uint64_t lines;                 /* a bit for each place of a UPID */
    uint64_t linear[LINES];         /* when each was first seen */
} WatchedPage;

const UintrObserver *uintr_observer;
__thread bool uintr_device_posts;

static GHashTable *pages;           /* RAM address -> WatchedPage */
static unsigned upids;
static QemuMutex lock;

static unsigned line_of(uint64_t address)
{
    return (address & ~TARGET_PAGE_MASK) / UPID_ALIGN;
}

/* Every store to such a page asks: without the lock for those of late. */
static WatchedPage *find_page(ram_addr_t ram)
{
    static WatchedPage *lately[64];
    uint64_t key = ram & TARGET_PAGE_MASK;
    WatchedPage **slot = &lately[key >> TARGET_PAGE_BITS &
                                 (ARRAY_SIZE(lately) - 1)];
    WatchedPage *page = qatomic_load_acquire(slot);

    if (!page || page->ram != key) {
        QEMU_LOCK_GUARD(&lock);
        page = g_hash_table_lookup(pages, &key);
        if (page) {
            qatomic_store_release(slot, page);
        }
    }
    return page;
}

static bool page_is_watched(ram_addr_t page)
{
    return find_page(page);
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

static void on_store_to(const WatchedPage *page, unsigned line, CPUState *cs,
                        ram_addr_t addr, ram_addr_t size, uintptr_t ra)
{
    CPUX86State *env = cs ? cpu_env(cs) : NULL;
    ram_addr_t upid = page->ram + line * UPID_ALIGN;
    ram_addr_t first = MAX(addr, upid);
    UintrStore store = {
        .cpu = cs, .rip = env ? uintr_rip_of(env, ra) : 0,
        .host = page->host + line * UPID_ALIGN, .offset = first - upid,
        .size = MIN(addr + size, upid + UPID_ALIGN) - first,
    };

    if (env && ra) {
        x86_uintr_point(env, UINTR_POINT_STORE, ra);
    }
    tell(&store, page->linear[line]);
}

/*
 * A post's store is known by the instruction: one that faults never comes to
 * its end.
 */
static bool is_own(CPUState *cs, uintptr_t ra)
{
    const X86UintrConfig *own;

    if (!cs) {
        return uintr_device_posts;
    }
    own = &env_archcpu(cpu_env(cs))->uintr;
    return own->own_access || (ra && ra == own->own_post);
}

static void on_store(CPUState *cs, ram_addr_t addr, ram_addr_t size,
                     uintptr_t ra)
{
    ram_addr_t next;

    if (is_own(cs, ra)) {
        return;
    }
    for (ram_addr_t at = addr; at < addr + size; at = next) {
        const WatchedPage *page = find_page(at);
        unsigned first = line_of(at), last;

        next = MIN((at | ~TARGET_PAGE_MASK) + 1, addr + size);
        last = line_of(next - 1);
        for (unsigned i = first; page && i <= last; i++) {
            if (qatomic_load_acquire(&page->lines) >> i & 1) {
                on_store_to(page, i, cs, addr, size, ra);
            }
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
    pages = g_hash_table_new(g_int64_hash, g_int64_equal);
    qatomic_store_release(&tlb_watch, &watch);
}

static WatchedPage *new_page(uint64_t ram, char *host)
{
    WatchedPage *page = g_new0(WatchedPage, 1);

    page->ram = ram;
    page->host = host;
    g_hash_table_insert(pages, &page->ram, page);
    return page;
}

/* The stores to RAM that has gone are none of those to its successor. */
static void forget_page(WatchedPage *page)
{
    upids -= ctpop64(page->lines);
    qatomic_set(&page->lines, 0);
}

/* True if the page was not watched before. */
static bool remember(uint64_t ram, uint64_t linear, char *host)
{
    uint64_t key = ram & TARGET_PAGE_MASK;
    unsigned line = line_of(ram);
    WatchedPage *page;
    bool is_new;
    QEMU_LOCK_GUARD(&lock);

    page = g_hash_table_lookup(pages, &key);
    if (page && page->host != host - (ram - key)) {
        forget_page(page);
        page->host = host - (ram - key);
    }
    is_new = !page || !page->lines;
    if (!is_new && page->lines >> line & 1) {
        return false;
    }
    if (upids >= MOST_UPIDS) {
        warn_report_once("uintr: there are more than %d UPIDs: nobody is told "
                         "of stores to the others", MOST_UPIDS);
        return false;
    }
    page = page ?: new_page(key, host - (ram - key));
    page->linear[line] = linear;
    qatomic_store_release(&page->lines, page->lines | 1ULL << line);
    upids++;
    return is_new;
}

/* Every post asks: most ask for one that was asked for just before. */
static void *lately[64];

static void **lately_slot(void *host)
{
    return &lately[(uintptr_t)host / UPID_ALIGN % ARRAY_SIZE(lately)];
}

void uintr_watch_upid(uint64_t linear, void *host)
{
    static gsize once;
    ram_addr_t ram;

    if (qatomic_read(lately_slot(host)) == host) {
        return;
    }
    ram = qemu_ram_addr_from_host(host);
    if (g_once_init_enter(&once)) {
        start_watching();
        g_once_init_leave(&once, 1);
    }
    if (ram != RAM_ADDR_INVALID && remember(ram, linear, host)) {
        tlb_protect_code(ram);
    }
    qatomic_set(lately_slot(host), host);   /* another thread's is told, too */
}

void uintr_upid_is_used(uint64_t linear, void *host)
{
    if (uintr_observer || uintr_scheduler ||
        trace_event_get_state_backends(TRACE_UINTR_UPID_STORE)) {
        uintr_watch_upid(linear, host);
    }
}

bool uintr_upid_is_watched(void *host)
{
    ram_addr_t ram = qemu_ram_addr_from_host(host);
    const WatchedPage *page;

    if (!qatomic_load_acquire(&tlb_watch) || ram == RAM_ADDR_INVALID) {
        return false;
    }
    page = find_page(ram);
    return page && qatomic_load_acquire(&page->lines) >> line_of(ram) & 1;
}

unsigned uintr_known_upids(void)
{
    return upids;
}

void uintr_for_each_known_upid(UintrKnownFn *fn, void *opaque)
{
    GHashTableIter iter;
    WatchedPage *page;

    if (!pages) {
        return;
    }
    g_hash_table_iter_init(&iter, pages);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&page)) {
        for (unsigned line = 0; line < LINES; line++) {
            if (page->lines >> line & 1) {
                fn(page->linear[line], page->host + line * UPID_ALIGN, opaque);
            }
        }
    }
}

static void forget_lately(void)
{
    for (int i = 0; i < ARRAY_SIZE(lately); i++) {
        qatomic_set(&lately[i], NULL);
    }
}

/* Another block may come to lie where this one was, here or in the host. */
static void on_removal(RAMBlockNotifier *n, void *host, size_t size,
                       size_t max_size)
{
    GHashTableIter iter;
    WatchedPage *page;

    forget_lately();
    if (!pages) {
        return;
    }
    WITH_QEMU_LOCK_GUARD(&lock) {
        g_hash_table_iter_init(&iter, pages);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&page)) {
            if ((uintptr_t)page->host - (uintptr_t)host < max_size) {
                forget_page(page);
            }
        }
    }
}

static RAMBlockNotifier ram_notifier = { .ram_block_removed = on_removal };

static void watch_init(void)
{
    ram_block_notifier_add(&ram_notifier);
}

type_init(watch_init)

/* The pages stay watched. */
void uintr_forget_upids(void)
{
    GHashTableIter iter;
    WatchedPage *page;

    forget_lately();
    upids = 0;
    if (pages) {
        g_hash_table_iter_init(&iter, pages);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&page)) {
            page->lines = 0;
        }
    }
}

void uintr_observe(const UintrObserver *observer)
{
    uintr_observer = observer;
}
