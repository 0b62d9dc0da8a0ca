/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a critical section has a second way out, without STUI.  It is
 * taken if the handler has emptied the batch between the first look at it and
 * CLUI; from then on the task receives nothing.
 */
#include "buggy.h"
#include "recv.h"

const char *const test_group = "/buggy/uif-not-restored";

#define POSTS           12
#define BETWEEN         100000          /* ticks, at most */
#define FLUSH_EVERY     400             /* PAUSEs */
#define BATCH           2

static volatile uint64_t held, flushed;

void on_message(void);
CODE(enter_on_message,
    "push %rax; push %rcx; push %rdx; push %rsi; push %rdi\n"
    "push %r8; push %r9; push %r10; push %r11; cld; call on_message\n"
    "pop %r11; pop %r10; pop %r9; pop %r8\n"
    "pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax; lea 8(%rsp), %rsp\n"
    UIRET_BYTES);

/* With UIF clear: the handler, or a critical section of the task. */
static void flush(void)
{
    flushed += held;
    held = 0;
}

void on_message(void)
{
    task.received++;
    if (++held == BATCH) {
        flush();
    }
}

static void flush_what_is_held(void)
{
    if (!held) {
        return;
    }
    clui();
    if (!held) {
        if (IS_FIXED) {
            stui();
        }
        return;
    }
    flush();
    stui();
}

static void in_ring_3(void)
{
    stui();
    while (!task.ends) {
        for (int i = 0; i < FLUSH_EVERY; i++) {
            cpu_relax();
        }
        flush_what_is_held();
    }
}

static void kernel(uint64_t unused __attribute__((unused)))
{
    struct frame f = frame_user(in_ring_3, 0, 0);

    uintr_receiver(USER((const void *)enter_on_message), &task.upid, NV);
    f.rflags |= RFLAGS_IF;
    run(&f);
}

static void work(uint64_t post __attribute__((unused)))
{
    static uint64_t seed = 1;

    work_a_while(&seed, tsc_ticks(BETWEEN));
}

static void test_all_received(void)
{
    trap_handle(NV, irq_count);
    upid_init(&task.upid, NV, 1);
    every_post_arrives(kernel, 1, POSTS, work);
}

const struct test tests[] = {
    { "all-received", test_all_received, 2 },
    {}
};
