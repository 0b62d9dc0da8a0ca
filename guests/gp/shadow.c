/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shadow processes: how they come, what they see of RT, how they go. */
#include "elf.h"
#include "errno.h"
#include "gp.h"
#include "oldpage.h"
#include "shadow/calls.h"

#define PRIORITY_SHADOW 16
#define STACK           16          /* pages */

struct process shadows[SCF3_SLOTS];
extern const char shadow_image[], shadow_image_end[];

/* ---- coming ---- */

/* Pages of the link, which nobody frees. */
static int show(struct space *s, uint64_t va, const void *from, uint64_t bytes,
                unsigned prot)
{
    for (uint64_t at = 0; at < bytes; at += PAGE_SIZE) {
        int error = space_map(s, va + at, (uint64_t)from + at,
                              prot | SPACE_FOREIGN);

        if (error) {
            return error;
        }
    }
    return 0;
}

static uint8_t *old_page(const struct process *p)
{
    return (uint8_t *)(uint64_t)(p->version == 1 ? SCF1_QUEUE :
                                 SCF2_QUEUES + p->slot * SCF_PAGE_SIZE);
}

/* The queue lies in the window; version 1 has a data area as well. */
static int show_old(struct process *p)
{
    int error = show(&p->space, SHADOW_OLD, old_page(p), SCF_PAGE_SIZE,
                     SPACE_READ | SPACE_WRITE);

    return error || p->version != 1 ? error :
           show(&p->space, SHADOW_DATA, (void *)SCF1_DATA, SCF1_DATA_SIZE,
                SPACE_READ | SPACE_WRITE);
}

/* F15 */
static bool has_queue_beside(const struct process *p)
{
    return p->version == 3 && p->slot < SCF2_SLOTS;
}

/* F20: its own slot to write, RT's to read, and RT's first for its priority */
static int show_link(struct process *p)
{
    int error = has_queue_beside(p) ? show_old(p) : 0;

    error = error ? error : show(&p->space, SHADOW_OWN, &link.own[p->slot],
                     SCF3_SLOT_SIZE, SPACE_READ | SPACE_WRITE);

    if (!error) {
        error = show(&p->space, SHADOW_PEER, &link.peer[p->slot],
                     SCF3_SLOT_SIZE, SPACE_READ);
    }
    if (!error) {
        error = show(&p->space, SHADOW_FIRST, &link.peer[0], PAGE_SIZE,
                     SPACE_READ);
    }
    return error || !arg_given("marks") ? error :
           show(&p->space, SHADOW_MARKS, (void *)link.marks, PAGE_SIZE,
                SPACE_READ | SPACE_WRITE);
}

static int load(struct process *p, uint64_t *entry)
{
    struct program program;
    int error = elf_load(&p->space, shadow_image,
                         shadow_image_end - shadow_image, &program);

    *entry = program.entry;
    if (!error) {
        error = space_map_range(&p->space, SHADOW_STACK - STACK * PAGE_SIZE,
                                STACK, SPACE_READ | SPACE_WRITE);
    }
    return error ? error : p->version == 3 ? show_link(p) : show_old(p);
}

/* The UPID lies in the window, where RT reaches it. */
static struct upid *upid_of(const struct process *p)
{
    return (struct upid *)link.upids + p->slot;
}

static void equip(struct process *p)
{
    struct thread *t = p->thread;

    t->process = p;
    t->far_id = link_first_id(&link) + this_cpu()->index;
    t->wake_vector = GP_WAKE_VECTOR;
    p->uitt[0] = uitte(p->slot, (struct upid *)(link.upids + link.upid_half));
    thread_uintr_table(t, p->uitt, 1);
}

/* These words name a slot whose shadow is so, for tests. */
static uint64_t illness_of(unsigned slot)
{
    static const struct {
        const char *word;
        uint64_t illness;
    } words[] = { { "loop", SHADOW_LOOPS }, { "fault", SHADOW_FAULTS },
                  { "mute", SHADOW_MUTE }, { "slow", SHADOW_SLOW } };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (arg_given(words[i].word) &&
            arg_number(words[i].word, 0) == slot) {
            return words[i].illness;
        }
    }
    return SHADOW_WELL;
}

static struct thread *make_thread(struct process *p, uint64_t entry)
{
    struct frame f = {
        .rip = entry, .cs = SEL_UCODE, .ss = SEL_UDATA,
        .rflags = RFLAGS_FIXED | RFLAGS_IF, .rsp = SHADOW_STACK - 8,
        .rdi = p->slot, .rsi = p->version,
        .rdx = illness_of(p->slot), .rcx = arg_given("marks"),
    };

    return thread_create(PRIORITY_SHADOW, &p->space, &f);
}

unsigned shadow_wanted(unsigned slot)
{
    if (wire_word(&link.peer[slot].head.epoch)) {
        return 3;
    }
    if (slot == 0 && old_version((uint8_t *)SCF1_QUEUE) == 1) {
        return 1;
    }
    return slot < SCF2_SLOTS && old_version((uint8_t *)SCF2_QUEUES +
                                            slot * SCF_PAGE_SIZE) == 2 ? 2 : 0;
}

struct process *shadow_make(unsigned slot, unsigned version)
{
    struct process *p = &shadows[slot];
    uint64_t entry;

    if (p->thread) {
        return p;
    }
    p->slot = slot;
    p->version = version;
    if (space_create(&p->space, &private_frames)) {
        return NULL;
    }
    p->thread = load(p, &entry) ? NULL : make_thread(p, entry);
    if (!p->thread) {
        space_destroy(&p->space);
        return NULL;
    }
    files_init(&p->files);
    equip(p);
    thread_start(p->thread);
    return p;
}

/* ---- being told ---- */

/* As SENDUIPI would, but from here: the vector, and an IPI to this CPU. */
static void post(struct process *p)
{
    struct upid *upid = upid_of(p);

    if (p->thread->upid) {
        __atomic_fetch_or(&upid->pir, BIT(SHADOW_VECTOR), __ATOMIC_SEQ_CST);
        if (p->thread == thread_current()) {
            apic_icr(apic_id(), ICR_FIXED | ICR_ASSERT | UINTR_NOTIFICATION);
        }
    }
    thread_wake(p->thread);
}

/*
 * What it has taken stands in its half of the slot.  Nothing is to be done for
 * a slot that nobody has open, nor for an epoch that cannot be served (F30).
 */
static bool slot_has_work(unsigned slot)
{
    const struct scf_head *own = &link.own[slot].head;
    const struct scf_head *peer = &link.peer[slot].head;

    if (wire_word(&own->epoch) != wire_word(&peer->epoch)) {
        return wire_word(&own->epoch) || !wire_word(&peer->made);
    }
    return wire_word(&own->epoch) &&
           wire_word(&own->taken) != wire_word(&peer->made);
}

/* It is not asked. */
static bool has_work(const struct process *p)
{
    if (p->version != 3) {
        return old_has_work(old_page(p));
    }
    if (has_queue_beside(p) && old_version(old_page(p)) == 2 &&
        old_has_work(old_page(p))) {
        return true;
    }
    return slot_has_work(p->slot);
}

/* F40: how the process of an open slot wants its requests to be found. */
static bool asks_for(const struct process *p, uint32_t mode)
{
    const struct scf_head *head = &link.peer[p->slot].head;

    return p->thread && p->version == 3 && wire_word(&head->epoch) &&
           (wire_word(&head->reply) & SCF3_REQUEST_MODE) >>
           SCF3_REQUEST_MODE_SHIFT == mode;
}

void shadows_look(void)
{
    for (struct process *p = shadows; p < shadows + SCF3_SLOTS; p++) {
        if (p->thread && (has_work(p) || upid_of(p)->pir)) {
            post(p);
        }
    }
}

/* ---- messages of the mailbox (F46) ---- */

static struct process *bound;       /* the device posts to it */

static bool is_posted(const struct process *p)
{
    return asks_for(p, SCF3_MODE_POSTED) && p->thread->upid;
}

/* The first that wants it; the device has one binding. */
static void bind(void)
{
    struct process *p = shadows;

    if (bound && is_posted(bound)) {
        return;
    }
    while (p < shadows + SCF3_SLOTS && !is_posted(p)) {
        p++;
    }
    p = p < shadows + SCF3_SLOTS ? p : NULL;
    if (p != bound) {
        bound = p;
        link_bind(&link, p ? upid_of(p) : NULL, SHADOW_VECTOR);
    }
}

void shadows_mail(void)
{
    bind();
    link_posts(&link);
    shadows_look();
}

/* Nobody runs, so all of them sleep: it is enough to wake them. */
bool shadows_poll(void)
{
    bool some = false;

    for (struct process *p = shadows; p < shadows + SCF3_SLOTS; p++) {
        if (asks_for(p, SCF3_MODE_POLL)) {
            some = true;
            if (has_work(p)) {
                thread_wake(p->thread);
            }
        }
    }
    return some;
}

void shadows_retry(void)
{
    for (struct process *p = shadows; p < shadows + SCF3_SLOTS; p++) {
        if (p->thread && wire_word(&link.own[p->slot].head.parked)) {
            post(p);
        }
    }
}

/* ---- the pages of the RT process ---- */

static bool in_window(uint64_t frame, uint64_t pages)
{
    return frame >= WINDOW && frame <= WINDOW_FRAMES_END &&
           pages <= (WINDOW_FRAMES_END - frame) / PAGE_SIZE;
}

static bool is_programs(uint64_t va, uint64_t pages)
{
    return va % PAGE_SIZE == 0 && pages && pages <= PROGRAM_END / PAGE_SIZE &&
           va <= PROGRAM_END - pages * PAGE_SIZE &&
           space_user_range(va, pages * PAGE_SIZE);
}

long shadow_map(struct process *p, const uint64_t a[4])
{
    uint64_t va = a[0], frame = a[1], pages = a[2];
    unsigned prot = a[3] & (SPACE_READ | SPACE_WRITE);
    long error = 0;

    if (!is_programs(va, pages) || frame % PAGE_SIZE ||
        !in_window(frame, pages)) {
        return -EINVAL;
    }
    for (uint64_t i = 0; i < pages && !error; i++) {
        error = space_map(&p->space, va + i * PAGE_SIZE,
                          frame + i * PAGE_SIZE, prot | SPACE_FOREIGN);
    }
    return error;
}

long shadow_unmap(struct process *p, uint64_t va, uint64_t pages)
{
    if (!is_programs(va, pages)) {
        return -EINVAL;
    }
    space_unmap_range(&p->space, va, pages);
    return 0;
}

void shadow_unmap_all(struct process *p)
{
    uint64_t va = 0, frame;
    unsigned prot;

    while (space_next(&p->space, &va, &frame, &prot) && va < PROGRAM_END) {
        space_unmap_range(&p->space, va, 1);
    }
}

/* ---- going ---- */

void shadow_gone(struct process *p)
{
    files_close_all(&p->files);
    wire_set(&link.own[p->slot].head.epoch, 0);
    thread_leave_space();
    space_destroy(&p->space);
    p->thread = NULL;
    shadows_retry();
}
