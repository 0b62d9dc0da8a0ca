/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GP's beginning, and what it does for ever: shadows for whoever comes.  All
 * of that is one CPU's: the first, or with the word "core=" the second, which
 * then does nothing else (docs/forwarding.md, "A syscall core").
 */
#include "gp.h"

#define PRIORITY_GP     40
#define LOOK_EVERY      (10 * MILLISECOND)

struct link link;

#define CORE            1

static struct thread *acceptor;
static bool polls;                  /* always; else while a process asks */

static void on_told(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    link_rung(&link);
    shadows_mail();
    thread_wake(acceptor);
}

static void accept(void)
{
    for (unsigned slot = 0; slot < SCF3_SLOTS; slot++) {
        unsigned version = shadows[slot].thread ? 0 : shadow_wanted(slot);

        if (version && !shadow_make(slot, version)) {
            printf("# no memory for shadow %u\n", slot);
        }
    }
}

static void start(void)
{
    static const uint8_t vectors[] = { UINTR_NOTIFICATION, GP_WAKE_VECTOR };

    kernel_start(GP_FRAMES, GP_FRAMES_END);
    threads_start(PRIORITY_GP);
    acceptor = thread_current();
    trap_handle(GP_WAKE_VECTOR, on_told);
    trap_handle(GP_IRQ_VECTOR, on_told);
    trap_handle(GP_IPI_VECTOR, on_told);
    if (!link_start(&link, GP_IRQ_VECTOR, vectors, sizeof(vectors))) {
        fatal("there is no mailbox with output-size=2M");
    }
    wire_set(&link.own[0].head.running, apic_id());
}

/* Requests that come without an interrupt are looked for instead of a rest. */
void thread_idle(void)
{
    if (shadows_poll() || polls) {
        cpu_relax();
        irq_window();
    } else {
        asm volatile("sti; hlt; cli" : : : "memory");
    }
}

static void serve(uint64_t unused __attribute__((unused)))
{
    start();
    printf("# GP is ready\n");
    for (;;) {
        accept();
        shadows_mail();
        thread_block(clock_now() + LOOK_EVERY);
    }
}

static void compute(void)
{
    for (volatile uint64_t n = 1;;) {
        n = n * 5 + 1;
    }
}

/* What the first CPU does beside a core; "compute=1": it never rests. */
void __attribute__((weak)) gp_own_work(void)
{
    if (arg_given("compute")) {
        compute();
    }
    for (;;) {
        hlt();
    }
}

void payload_start(void)
{
    if (!arg_given("core")) {
        serve(0);
    }
    polls = arg_is("core", "poll");
    smp_run(CORE, serve, 0);
    gp_own_work();
}

const char *const test_group = "/gp";
const struct test tests[] = { {} };
