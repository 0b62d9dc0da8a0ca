/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults of QEMU's own SVM that guests of a hypervisor can make use of. */
#include "svmguest.h"

const char *const test_group = "/stock/svm";

#define EFER_LME        BIT(8)
#define CODE16          0x9b
#define LOOK            100000          /* PAUSEs in which nothing may happen */

static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9 };

static void nothing(uint64_t unused __attribute__((unused))) { }

/*
 * A guest with EFER.LME and neither paging nor PAE: its host is back in long
 * mode with paging behind the exit.
 */
static void test_exit_without_pae(void)
{
    struct guest *guest;
    uint64_t cr0;

    svm_enable();
    cr0 = read_cr0();
    guest = svm_guest(0, nothing, 0);
    guest->vmcb->cs = (struct vmcb_segment) { 0, CODE16, 0xffff,
                                              (uint64_t)vmmcall };
    guest->vmcb->rip = 0;
    guest->vmcb->cr0 = CR0_ET;
    guest->vmcb->cr4 = 0;
    guest->vmcb->efer = EFER_SVME | EFER_LME;
    svmguest_expect_exit(guest, VMEXIT_VMMCALL);
    CHECK_EQ(read_cr0(), cr0);
    svm_disable();
}

/* ---- INIT while GIF is 0 ---- */

static volatile bool closed, sent, open;
static volatile uint64_t after;

static void pauses(uint64_t n)
{
    while (n--) {
        cpu_relax();
    }
}

static void closed_to_init(uint64_t unused __attribute__((unused)))
{
    svm_enable();
    clgi();
    closed = true;
    while (!sent || !open) {
        after += sent;
        cpu_relax();
    }
    stgi();
    after = UINT64_MAX;
}

static void test_init_waits(void)
{
    smp_run(1, closed_to_init, 0);
    CHECK(WAIT_FOR(closed));
    smp_init(1);
    sent = true;
    CHECK(WAIT_FOR(after >= 2));
    open = true;
    pauses(LOOK);
    CHECK(after != UINT64_MAX);
    smp_startup(1);
    CHECK(smp_done(1));
}

const struct test tests[] = {
    { "exit-without-pae", test_exit_without_pae },
    { "init-waits-for-gif", test_init_waits, 2 },
    {}
};
