/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process must not do ends it, by the right signal, and no other. */
#include "check.h"

#define KERNEL          0x42000000
#define APIC            0xfee00000
#define SELECTOR_CODE32 0x23

static void store(uint64_t at)
{
    *(volatile uint32_t *)at = 5;
}

static void load_null(void) { (void)*(volatile char *)8; }
static void load_kernel(void) { (void)*(volatile char *)KERNEL; }
static void store_kernel(void) { store(KERNEL); }
static void store_apic(void) { store(APIC + 0x300); }
static void store_text(void) { store((uint64_t)load_null); }
static void run_kernel(void) { ((void (*)(void))KERNEL)(); }
static void run_nowhere(void) { ((void (*)(void))0x8000000000000000)(); }
static void do_cli(void) { asm volatile("cli"); }
static void do_hlt(void) { asm volatile("hlt"); }
static void do_out(void) { asm volatile("out %%al, $0xe9" : : "a"('!')); }
static void do_wrmsr(void) { asm volatile("wrmsr" : : "c"(0), "a"(0), "d"(0)); }
static void do_ud2(void) { asm volatile("ud2"); }
static void do_int3(void) { asm volatile("int3"); }
static void do_int80(void) { asm volatile("int $0x80"); }
static void do_int_clock(void) { asm volatile("int $0x61"); }
static void do_swapgs(void) { asm volatile("swapgs"); }
static void do_sysenter(void) { asm volatile("sysenter"); }
static void do_xsaves(void) { asm volatile("xsaves64 (%0)" : : "r"(KERNEL)); }

static void divide(void)
{
    asm volatile("div %0" : : "r"(0), "a"(1), "d"(0));
}

static void trap_flag(void)
{
    asm volatile("pushfq\n orl $0x100, (%rsp)\n popfq\n nop");
}

static void no_stack(void)
{
    asm volatile("mov $8, %rsp\n push %rax");
}

static void no_table_entry(void)
{
    senduipi(255);
}

/* The kernel must not need what ring 3 can change. */
static void no_gs(void)
{
    asm volatile("mov %0, %%gs" : : "r"(0));
    getpid();
    load_null();
}

static void odd_flags(void)
{
    asm volatile("pushfq\n orl $0x44400, (%rsp)\n popfq");  /* AC, NT, DF */
    getpid();
    asm volatile("cld");
    load_null();
}

static void no_stack_syscall(void)
{
    asm volatile("mov $-8, %%rsp\n mov $39, %%eax\n syscall\n push %%rax"
                 : : : "rax", "rcx", "r11");
}

/* SYSCALL in 32-bit code. */
static void compat_syscall(void)
{
    static const uint8_t code[] = { 0x0f, 0x05, 0xf4 };
    uint8_t *low = mmap((void *)0x30000000, 4096, PROT_READ | PROT_WRITE);

    memcpy(low, code, sizeof(code));
    mprotect(low, 4096, PROT_READ | PROT_EXEC);
    asm volatile("push %0\n push %1\n lretq"
                 : : "r"((uint64_t)SELECTOR_CODE32), "r"(low));
}

/* MOV SS keeps a debug trap back until the SYSCALL behind it. */
static void late_trap(void)
{
    asm volatile("pushfq\n orl $0x100, (%%rsp)\n mov %%ss, %%ecx\n popfq\n"
                 "mov %%ecx, %%ss\n syscall" : : "a"(39) : "rcx", "r11");
    load_null();
}

static const struct {
    void (*fn)(void);
    int signal;
    const char *name;
} faults[] = {
#define FAULT(fn, signal) { fn, signal, #fn }
    FAULT(load_null, 11), FAULT(load_kernel, 11), FAULT(store_kernel, 11),
    FAULT(store_apic, 11), FAULT(store_text, 11), FAULT(run_kernel, 11),
    FAULT(run_nowhere, 11), FAULT(do_cli, 11), FAULT(do_hlt, 11),
    FAULT(do_out, 11), FAULT(do_wrmsr, 11), FAULT(do_ud2, 4),
    FAULT(do_int3, 5), FAULT(do_int80, 11), FAULT(do_int_clock, 11),
    FAULT(do_swapgs, 11), FAULT(do_sysenter, 4), FAULT(do_xsaves, 11),
    FAULT(divide, 8), FAULT(trap_flag, 5),
    FAULT(no_stack, 11), FAULT(no_table_entry, 11), FAULT(no_gs, 11),
    FAULT(odd_flags, 11), FAULT(no_stack_syscall, 11),
    FAULT(compat_syscall, 4), FAULT(late_trap, 5),
};

static void faults_kill(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        int status = status_of(faults[i].fn);

        if (status != faults[i].signal) {
            printf("%s gives %x\n", faults[i].name, status);
            check_failed = true;
        }
    }
}

const struct check_case cases[] = {
    { "RT4-faults-kill", faults_kill },
    { 0 }
};
