/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GP's beginning, and what it does for ever: shadows for whoever comes. */
#include "gp.h"

#define PRIORITY_GP     40
#define LOOK_EVERY      (10 * MILLISECOND)

struct link link;

static struct thread *acceptor;

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
}

void payload_start(void)
{
    start();
    printf("# GP is ready\n");
    for (;;) {
        accept();
        shadows_mail();
        thread_block(clock_now() + LOOK_EVERY);
    }
}

const char *const test_group = "/gp";
const struct test tests[] = { {} };
