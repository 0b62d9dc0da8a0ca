/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine that notices when it is moved badly: two CPUs count together,
 * interrupt each other, halt for the timer, and keep values in registers of
 * every kind that a migration carries.
 *
 * It ends after rounds=N, or when the first serial port says 'q'; 'p' asks how
 * far it is.  A lost interrupt shows as a hang, which the runner's time limit
 * ends.
 */
#include <farbell/uintr.h>

#include "lib.h"

const char *const test_group = "/guest/migrate";

#define SERIAL_DATA     0x3f8
#define SERIAL_STATUS   0x3fd
#define SERIAL_READY    1

#define VEC_TICK        0x40
#define VEC_PING        0x50
#define TICK_COUNT      1000000
#define TIMER_PERIODIC  0x20000
#define APIC_LDR        0xd0

#define CR0_MP          BIT(1)
#define XSAVE_WORDS     512

struct side {
    uint64_t rounds, adds, last_tsc;
    volatile uint64_t ticks, pings;
    uint64_t cr0, cr4, apic[4];
    uint64_t saved[XSAVE_WORDS] __attribute__((aligned(64)));
    uint64_t now[XSAVE_WORDS] __attribute__((aligned(64)));
};

static struct side sides[2];
static volatile uint64_t shared;
static volatile bool stop;

enum { ALWAYS, IF_RDTSCP, IF_UINTR };

/* Values that nothing here uses and that differ from those of a reset. */
static const struct { uint32_t msr; uint64_t value; int when; } msrs[] = {
    { MSR_STAR, 0x0013000800000000 },
    { MSR_LSTAR, 0x1122334455667 },
    { 0xc0000083, 0x7654321012345 },            /* CSTAR */
    { MSR_FMASK, 0x47700 },
    { 0xc0000102, 0x0000123456789abc },         /* KERNEL_GS_BASE */
    { 0xc0000103, 0x5aa5, IF_RDTSCP },          /* TSC_AUX */
    { MSR_SYSENTER_CS, 0x8 },
    { MSR_SYSENTER_ESP, 0x7000 },
    { MSR_SYSENTER_EIP, 0x1234567 },
    { 0x277, 0x0001040600070406 },              /* PAT */
    { 0x200, 0x80000000 }, { 0x201, 0xff80000800 }, /* an MTRR */
    { UINTR_MSR_RR, 0x8000000000000100, IF_UINTR },
    { UINTR_MSR_HANDLER, 0x401000, IF_UINTR },
    { UINTR_MSR_STACKADJUST, 0x88, IF_UINTR },
    { UINTR_MSR_MISC, 0x6100000007, IF_UINTR },
    { UINTR_MSR_PD, 0x7fc0, IF_UINTR },
    { UINTR_MSR_TT, 0x8000 | UINTR_TT_ENABLE, IF_UINTR },
};

static const uint32_t apic_registers[4] = {
    APIC_LVT_TIMER, APIC_TIMER_DIV, APIC_SVR, APIC_LDR
};

#define NUMBER_OF(a) (sizeof(a) / sizeof((a)[0]))

/* What differs once differs in every round: say it and end. */
#define CHECK_KEPT(got, want)                                               \
    do {                                                                    \
        if ((got) != (want)) {                                              \
            CHECK_EQ(got, want);                                            \
            stop = true;                                                    \
        }                                                                   \
    } while (0)

static struct side *side(void)
{
    return &sides[this_cpu()->index];
}

static void on_tick(struct frame *f)
{
    (void)f;
    side()->ticks++;
    apic_eoi();
}

static void on_ping(struct frame *f)
{
    (void)f;
    side()->pings++;
    apic_eoi();
}

static bool has_xsave(void) { return cpuid(1, 0).ecx & BIT(26); }
static bool has_avx(void) { return cpuid(1, 0).ecx & BIT(28); }
static bool has_pku(void) { return cpuid(7, 0).ecx & BIT(3); }

static bool has_msr(int when)
{
    switch (when) {
    case IF_UINTR:
        return cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT);
    case IF_RDTSCP:
        return cpuid(0x80000001, 0).edx & BIT(27);
    default:
        return true;
    }
}

static void save(void *to)
{
    if (has_xsave()) {
        asm volatile("xsave64 (%0)" : : "r"(to), "a"(-1), "d"(-1) : "memory");
    } else {
        asm volatile("fxsave64 (%0)" : : "r"(to) : "memory");
    }
}

/* Bytes that differ from CPU to CPU, in all that this model has. */
static void set_extended_state(int cpu)
{
    uint8_t pattern[32];
    uint64_t random = cpu + 1;

    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = random64(&random);
    }
    write_cr0(read_cr0() | CR0_MP);
    asm volatile("fninit; fldpi; fldl2t; fldlg2; fld1");
    asm volatile("movdqu (%0), %%xmm0; movdqu 16(%0), %%xmm15"
                 : : "r"(pattern));
    if (has_xsave()) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        xsetbv(0, cpuid(0xd, 0).eax);
    }
    if (has_avx()) {
        asm volatile("vmovdqu (%0), %%ymm7; vmovdqu (%0), %%ymm15"
                     : : "r"(pattern));
    }
    if (has_pku()) {
        write_cr4(read_cr4() | CR4_PKE);
        asm volatile("wrpkru" : : "a"(0x55555550 + (cpu << 4)), "c"(0), "d"(0));
    }
    save(sides[cpu].saved);
}

static void set_registers(int cpu)
{
    for (size_t i = 0; i < NUMBER_OF(msrs); i++) {
        if (has_msr(msrs[i].when)) {
            wrmsr(msrs[i].msr, msrs[i].value);
        }
    }
    asm volatile("mov %0, %%dr0; mov %1, %%dr2"
                 : : "r"(0x1000ull + cpu), "r"(0x2000ull));
    set_extended_state(cpu);
    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VEC_TICK);
    apic_write(APIC_TIMER_INIT, TICK_COUNT);
    for (size_t i = 0; i < NUMBER_OF(apic_registers); i++) {
        side()->apic[i] = apic_read(apic_registers[i]);
    }
    side()->cr0 = read_cr0();
    side()->cr4 = read_cr4();
    side()->last_tsc = rdtsc();
}

static void check_system_registers(struct side *s, int cpu)
{
    uint64_t dr0, dr2;

    asm volatile("mov %%dr0, %0; mov %%dr2, %1" : "=r"(dr0), "=r"(dr2));
    CHECK_KEPT(dr0, 0x1000ull + cpu);
    CHECK_KEPT(dr2, 0x2000);
    CHECK_KEPT(read_cr0(), s->cr0);
    CHECK_KEPT(read_cr4(), s->cr4);
    for (size_t i = 0; i < NUMBER_OF(msrs); i++) {
        if (has_msr(msrs[i].when) && rdmsr(msrs[i].msr) != msrs[i].value) {
            printf("# MSR 0x%x:\n", msrs[i].msr);
            CHECK_KEPT(rdmsr(msrs[i].msr), msrs[i].value);
        }
    }
    for (size_t i = 0; i < NUMBER_OF(apic_registers); i++) {
        CHECK_KEPT(apic_read(apic_registers[i]), s->apic[i]);
    }
}

static void check_extended_state(struct side *s)
{
    save(s->now);
    for (size_t i = 0; i < NUMBER_OF(s->now); i++) {
        if (s->now[i] != s->saved[i]) {
            printf("# word %d of the saved state:\n", (int)i);
        }
        CHECK_KEPT(s->now[i], s->saved[i]);
    }
}

static void check_time(struct side *s)
{
    uint64_t tsc = rdtsc();

    CHECK_KEPT(tsc < s->last_tsc, false);
    s->last_tsc = tsc;
}

static void count(int cpu)
{
    struct side *s = &sides[cpu];

    for (int i = 0; i < 100; i++) {
        __atomic_fetch_add(&shared, 1, __ATOMIC_SEQ_CST);
        s->adds++;
    }
    check_time(s);
    check_system_registers(s, cpu);
    check_extended_state(s);
    s->rounds++;
}

/* It sleeps between rounds: its timer or the other's ping wakes it. */
static void second_cpu(uint64_t arg)
{
    (void)arg;
    set_registers(1);
    sti();
    while (!stop) {
        count(1);
        hlt();
    }
    cli();
}

static void ping(void)
{
    uint64_t before = sides[1].pings;

    apic_icr(cpus[1].apic_id, ICR_ASSERT | VEC_PING);
    while (sides[1].pings == before) {
        cpu_relax();
    }
}

static bool asked_to_stop(uint64_t rounds)
{
    uint8_t byte;

    if (stop || rounds) {
        return stop || sides[0].rounds >= rounds;
    }
    if (!(inb(SERIAL_STATUS) & SERIAL_READY)) {
        return false;
    }
    byte = inb(SERIAL_DATA);
    if (byte == 'p') {
        printf("# rounds %lu %lu\n", sides[0].rounds, sides[1].rounds);
    }
    return byte == 'q';
}

static void test_moves(void)
{
    uint64_t rounds = arg_number("rounds", 0);

    trap_handle(VEC_TICK, on_tick);
    trap_handle(VEC_PING, on_ping);
    set_registers(0);
    smp_run(1, second_cpu, 0);
    sti();
    printf("# counting\n");
    while (!asked_to_stop(rounds)) {
        count(0);
        ping();
    }
    stop = true;
    while (!smp_done(1)) {
        cpu_relax();
    }
    cli();
    CHECK_EQ(shared, sides[0].adds + sides[1].adds);
    CHECK(sides[0].ticks && sides[1].ticks && sides[1].rounds);
}

const struct test tests[] = {
    { "moves", test_moves, 2 },
    {}
};
