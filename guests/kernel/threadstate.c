/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVES and XRSTORS carry a thread's registers, those of user interrupts
 * included.  The rest is the protocol of docs/uintr.md: off the CPU the UPID
 * has SN set, and XSAVES has cleared UINV; back on it NDST is renewed, SN
 * cleared, and what was posted meanwhile fetched by an IPI to ourselves (R68).
 */
#include "errno.h"
#include "threadstate.h"
#include "xsave.h"

#define MSR_FS_BASE     0xc0000100
#define MSR_KERNEL_GS   0xc0000102
#define XCR0            0

static struct upid upids[THREADS_MAX];

static uint64_t enabled(void)
{
    return xgetbv(XCR0) | rdmsr(MSR_XSS);
}

/* All components in their initial state; the rest of the frame is not read. */
static void empty_image(struct area *area)
{
    uint64_t *word = (uint64_t *)area;

    for (size_t i = 0; i < EXTENDED_AT / sizeof(*word); i++) {
        word[i] = 0;
    }
    area->xcomp_bv = XCOMP_COMPACTED | enabled();
}

bool threadstate_create(struct thread *t)
{
    t->area = (struct area *)frame_alloc_dirty(&private_frames);
    if (t->area) {
        empty_image(t->area);
    }
    return t->area;
}

void threadstate_destroy(struct thread *t)
{
    if (t->area) {
        frame_free(&private_frames, (uint64_t)t->area);
        t->area = NULL;
    }
    t->upid = NULL;
}

static void set_vector(struct upid *upid, uint8_t vector)
{
    ((volatile uint8_t *)&upid->low)[UPID_NV_SHIFT / 8] = vector;
}

/* What is posted from here on interrupts; what was posted has done so. */
static void listen(struct thread *t)
{
    set_vector(t->upid, t->wake_vector);
    __atomic_fetch_and(&t->upid->low, ~(uint64_t)UPID_ON, __ATOMIC_SEQ_CST);
    if (t->upid->pir) {
        thread_wake(t);
    }
}

void threadstate_save(struct thread *t)
{
    xsaves(t->area);
    if (t->upid && t->wake_vector && t->state == THREAD_BLOCKED) {
        listen(t);
    } else if (t->upid) {
        __atomic_fetch_or(&t->upid->low, UPID_SN, __ATOMIC_SEQ_CST);
    }
}

/* The upper half of the low word: nobody else writes it. */
static void set_destination(struct upid *upid, uint32_t id)
{
    volatile uint32_t *half = (volatile uint32_t *)&upid->low;

    half[1] = upid_low(0, id, 0) >> UPID_NDST_SHIFT;
}

static void resume_notifications(struct thread *t)
{
    struct upid *upid = t->upid;

    set_destination(upid, t->far_id ? t->far_id : apic_id());
    set_vector(upid, UINTR_NOTIFICATION);
    __atomic_fetch_and(&upid->low, ~(uint64_t)UPID_SN, __ATOMIC_SEQ_CST);
    if (upid->pir) {
        apic_icr(apic_id(), ICR_FIXED | ICR_ASSERT | UINTR_NOTIFICATION);
    }
}

void threadstate_load(struct thread *t)
{
    xrstors(t->area);
    wrmsr(MSR_FS_BASE, t->fs_base);
    wrmsr(MSR_KERNEL_GS, 0);
    if (t->upid) {
        resume_notifications(t);
    }
}

void thread_uintr_end(void)
{
    struct thread *t = thread_current();
    uint32_t highest = rdmsr(UINTR_MSR_MISC);

    if (t->upid) {
        __atomic_fetch_or(&t->upid->low, UPID_SN, __ATOMIC_SEQ_CST);
        t->upid = NULL;
    }
    clui();
    wrmsr(UINTR_MSR_MISC, highest);     /* no UINV: nothing comes from here */
    for (uint32_t msr = UINTR_MSR_RR; msr <= UINTR_MSR_STACKADJUST; msr++) {
        wrmsr(msr, 0);
    }
    wrmsr(UINTR_MSR_PD, 0);
}

void threadstate_drop(void)
{
    thread_uintr_end();
    wrmsr(UINTR_MSR_MISC, 0);
    wrmsr(UINTR_MSR_TT, 0);
}

void thread_renew_state(void)
{
    struct thread *t = thread_current();

    threadstate_drop();
    empty_image(t->area);
    xrstors(t->area);
    thread_set_fs(0);
}

void thread_set_fs(uint64_t base)
{
    thread_current()->fs_base = base;
    wrmsr(MSR_FS_BASE, base);
}

/* All but user interrupts, whose UPID stays with its thread. */
void thread_copy_state(struct thread *to)
{
    uint64_t what = ~UINTR;

    asm volatile("xsaves64 %0" : "+m"(*to->area)
                 : "a"((uint32_t)what), "d"(what >> 32) : "memory");
    to->fs_base = thread_current()->fs_base;
}

/* ---- user interrupts ---- */

/*
 * An off-CPU thread's part of its image, made if it is not there.  It is at
 * the same place in all, and takes long to find.
 */
static struct uintr_image *image_of(struct thread *t)
{
    static uint64_t found_for, offset;
    struct area *a = t->area;
    struct uintr_image *image;

    a->xcomp_bv |= UINTR;
    if (a->xcomp_bv != found_for) {
        found_for = a->xcomp_bv;
        offset = (uint64_t)image_in(a) - (uint64_t)a;
    }
    image = (void *)a + offset;
    if (!(a->xstate_bv & UINTR)) {
        *image = (struct uintr_image) { 0 };
        a->xstate_bv |= UINTR;
    }
    return image;
}

void thread_uintr_table(struct thread *t, struct uitte *table,
                        uint32_t entries)
{
    uint64_t tt = (uint64_t)table | UINTR_TT_ENABLE;

    if (t == thread_current()) {
        uintr_sender(table, entries);
    } else {
        struct uintr_image *image = image_of(t);

        image->tt = tt;
        image->misc = (image->misc & ~(uint64_t)UINT32_MAX) | (entries - 1);
    }
}

int thread_uintr_handler(uint64_t handler, uint64_t stackadjust)
{
    struct thread *t = thread_current();

    if (!space_user_range(handler, 1) ||
        !is_canonical(stackadjust, 48)) {
        return -EINVAL;
    }
    if (!t->upid) {
        t->upid = &upids[t - threads];
        upid_init(t->upid, UINTR_NOTIFICATION, apic_id());
    }
    uintr_receiver((void *)handler, t->upid, UINTR_NOTIFICATION);
    wrmsr(UINTR_MSR_STACKADJUST, stackadjust);
    return 0;
}
