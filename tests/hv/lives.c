/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RT under the hypervisor, which stops it for what each of its lives does;
 * GP starts the next one.  The last one looks at what must not have changed,
 * does what is answered by a fault, and sees GP stopped.
 */
#include "attacks.h"
#include "memmap.h"
#include "rt_lite.h"
#include "vmcb.h"
#include "word.h"

const char *const test_group = "/hv";

/* Not in the image: it stays from one life to the next. */
struct lives {
    volatile uint64_t begun, survived;
};

#define LIVES           ((struct lives *)(RT_FRAMES_END - PAGE_SIZE))
#define UNTOUCHED       0x1234

static volatile uint32_t in_image = UNTOUCHED;

static void die(unsigned life)
{
    in_image = life;
    *WORD = life + 1;
    attacks[life]();
    LIVES->survived |= BIT(life);
    for (;;) {
        hlt();
    }
}

void payload_start(void)
{
    unsigned life = LIVES->begun++;

    if (life < ATTACKS) {
        die(life);
    }
    patience = SPIN_TICKS / 100;
    if (!scf_start()) {
        fatal("there is no mailbox");
    }
}

static void test_stopped(void)
{
    CHECK_EQ(LIVES->begun, ATTACKS + 1);
    CHECK_EQ(LIVES->survived, 0);
}

/* INIT and SIPI begin with what was given at the start. */
static void test_fresh_image(void)
{
    CHECK_EQ(in_image, UNTOUCHED);
}

/* As an image of 32 bits begins, in each of its lives (begun.S). */
static void test_mode(void)
{
    extern uint32_t begun_cr0;

    CHECK_EQ(begun_cr0, arg_number("bits", 64) == 32 ? CR0_ET | CR0_PE : 0);
}

/* ---- what is answered by a fault ---- */

#define INSN(name, text)                                                    \
    static void do_##name(void) { asm volatile(text : : "a"(0) : "memory"); }
INSN(vmrun, "vmrun %%rax")
INSN(vmload, "vmload %%rax")
INSN(vmsave, "vmsave %%rax")
INSN(stgi, "stgi")
INSN(clgi, "clgi")
INSN(skinit, "skinit %%eax")
INSN(invlpga, "invlpga %%rax, %%ecx")
INSN(vmmcall, "vmmcall")

static void test_undefined(void)
{
    static void (*const insns[])(void) = {
        do_vmrun, do_vmload, do_vmsave, do_stgi, do_clgi, do_skinit,
        do_invlpga, do_vmmcall,
    };

    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        CHECK_EQ(run_kernel(insns[i], 0, 0), VEC_UD);
    }
}

static void test_msrs(void)
{
    uint64_t efer = rdmsr(MSR_EFER), value;

    CHECK_EQ(efer & EFER_SVME, 0);
    CHECK_EQ(wrmsr_fault(MSR_EFER, efer), 0);
    CHECK_EQ(wrmsr_fault(MSR_EFER, efer | EFER_SVME), VEC_GP);
    CHECK_EQ(wrmsr_fault(MSR_VM_HSAVE_PA, 0x42000000), VEC_GP);
    CHECK_EQ(rdmsr_fault(MSR_VM_HSAVE_PA, &value), VEC_GP);
    CHECK_EQ(wrmsr_fault(MSR_VM_CR, 0), VEC_GP);
    CHECK_EQ(wrmsr_fault(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE)), 0);
    CHECK_EQ(wrmsr_fault(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) + 0x1000),
             VEC_GP);
}

#define PCI_ADDRESS     0xcf8
#define PCI_DATA        0xcfc
#define FW_CFG_DMA      0x514

static void test_ports(void)
{
    outl(PCI_ADDRESS, 0x80000000);
    CHECK_EQ(inl(PCI_ADDRESS), 0xffffffff);
    CHECK_EQ(inl(PCI_DATA), 0xffffffff);
    CHECK_EQ(inb(PCI_DATA), 0xff);
    CHECK_EQ(inl(FW_CFG_DMA), 0xffffffff);
}

/* ---- the other one is stopped, this one goes on ---- */

static void test_trespass(void)
{
    static struct process p;

    begin(&p);
    *WORD = WORD_TRESPASS;
    word_rest();
    CHECK(ask(SCF3_CALL_NULL, 0, 0, 0) < 0);
}

const struct test tests[] = {
    { "each-attack-stops", test_stopped },
    { "restart-by-init-sipi", test_fresh_image },
    { "begins-in-its-mode", test_mode },
    { "svm-instructions", test_undefined },
    { "msrs", test_msrs },
    { "ports", test_ports },
    { "gp-alone-is-stopped", test_trespass },
    {}
};
