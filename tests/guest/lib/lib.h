/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a payload may use.  A payload is one .c file that defines
 * test_group and tests[]; everything else is here.
 */
#ifndef LIB_H
#define LIB_H

#include "layout.h"
#include "x86.h"

/* ---- report.c: verdicts, as TAP lines on port 0xE9 ---- */

struct test {
    const char *name;           /* "R34-stui-delivers-at-once" */
    void (*fn)(void);
    int cpus;                   /* needs at least this many; 0 means 1 */
};

extern const char *const test_group;    /* "/uintr/insn" */
extern const struct test tests[];       /* ends with a null name */

/* A payload may define it: called at the start, before any test. */
void payload_start(void);

void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void check_failed(const char *file, int line, const char *text);
void check_equal_failed(const char *file, int line, const char *what,
                        uint64_t got, uint64_t want);
void skip(const char *reason);          /* does not return from the test */
void fatal(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

#define CHECK(cond)                                                         \
    do {                                                                    \
        if (!(cond)) {                                                      \
            check_failed(__FILE__, __LINE__, #cond);                        \
        }                                                                   \
    } while (0)

#define CHECK_EQ(got, want)                                                 \
    do {                                                                    \
        uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);          \
        if (got_ != want_) {                                                \
            check_equal_failed(__FILE__, __LINE__, #got, got_, want_);      \
        }                                                                   \
    } while (0)

/* ---- args.c: "name=value" words from -fw_cfg opt/farbell/args ---- */

bool arg_given(const char *name);
uint64_t arg_number(const char *name, uint64_t fallback);
bool arg_is(const char *name, const char *value);
/* The value as a string; its length, 0 if there is none. */
size_t arg_text(const char *name, char *to, size_t room);

/* How many bytes of firmware's file of that name fit; 0 if there is none. */
uint32_t fw_cfg_file(const char *name, void *to, uint32_t room);

/* ---- string.c ---- */

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* ---- vm.c: pages.  Every CPU uses the same tables. ---- */

#define PAGE_SIZE 4096ull

/* The ring-3 view of an address of the payload, and the way back. */
#define USER(p)   ((typeof((p) + 0))((uint64_t)(p) | USER_OFFSET))
#define KERNEL(p) ((typeof((p) + 0))((uint64_t)(p) & ~USER_OFFSET))

void *page_alloc(void);                         /* zeroed, never freed */
void *pages_alloc(int n);                       /* contiguous */
uint64_t *vm_pte(uint64_t va);                  /* splits a 2 MiB page */
void vm_map(uint64_t va, uint64_t pa, uint64_t flags);
uint64_t vm_change(const volatile void *va, uint64_t clear, uint64_t set);
void vm_restore(const volatile void *va, uint64_t pte);

/* ---- trap.c, entry.S: exceptions, interrupts, running code in a ring ---- */

struct frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

uint64_t *frame_reg(struct frame *f, int reg);  /* as ModRM counts */

typedef void (*trap_fn)(struct frame *f);

/*
 * A handler sees every CPU's traps of that vector; null restores "none".
 * Handlers of exceptions share one stack per CPU and must not call run().
 */
void trap_handle(int vector, trap_fn fn);

/*
 * Run from *f until VEC_EXIT or a trap that no handler takes.  *f then holds
 * the state at that point, vector included; CR2 is in trap_cr2().
 */
uint64_t run(struct frame *f);
uint64_t trap_cr2(void);

/* A frame that calls fn(a, b) in ring 3 or ring 0 on a stack of its own. */
struct frame frame_user(const void *fn, uint64_t a, uint64_t b);
struct frame frame_kernel(const void *fn, uint64_t a, uint64_t b);
uint64_t run_user(const void *fn, uint64_t a, uint64_t b);
uint64_t run_kernel(const void *fn, uint64_t a, uint64_t b);
extern char frame_exit[], trap_iret[];

/* Vector that the access raised, or 0. */
uint64_t wrmsr_fault(uint32_t msr, uint64_t value);
uint64_t rdmsr_fault(uint32_t msr, uint64_t *value);
uint64_t write_cr4_fault(uint64_t value);
uint64_t xsetbv_fault(uint32_t reg, uint64_t value);

/* An EOI'ing handler that counts per vector, on all CPUs together. */
void irq_count(struct frame *f);
extern volatile uint32_t irq_counts[256];

/* ---- desc.c ---- */

struct cpu;
void cpu_setup(struct cpu *cpu);                /* GDT, TSS, IDT, %gs */
void idt_set(int vector, const void *entry);    /* a naked entry of your own */
void idt_allow_user(int vector, bool allow);    /* INT n from ring 3 */
void idt_present(int vector, bool present);
void cpu_ring0_stack(void *top);        /* this CPU's, for traps of ring 3 */

/* ---- apic.c ---- */

#define APIC_ID         0x20
#define APIC_TPR        0x80
#define APIC_PPR        0xa0
#define APIC_EOI        0xb0
#define APIC_LDR        0xd0
#define APIC_SVR        0xf0
#define APIC_ISR        0x100
#define APIC_TMR        0x180
#define APIC_IRR        0x200
#define APIC_ESR        0x280
#define APIC_ICR        0x300
#define APIC_ICR2       0x310
#define APIC_LVT_TIMER  0x320
#define APIC_LVT_LINT0  0x350
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_NOW  0x390
#define APIC_TIMER_DIV  0x3e0

#define ICR_FIXED       0x00000
#define ICR_SMI         0x00200
#define ICR_NMI         0x00400
#define ICR_INIT        0x00500
#define ICR_STARTUP     0x00600
#define ICR_LOGICAL     0x00800
#define ICR_ASSERT      0x04000
#define ICR_LEVEL       0x08000
#define ICR_SELF        0x40000
#define ICR_ALL         0x80000
#define ICR_OTHERS      0xc0000

void apic_init(void);                   /* this CPU, in the mode of args */
bool apic_is_x2(void);
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t value);
uint64_t timer_scale(void);     /* timer (divided by 1) to TSC, 32.32; 2 ms */
uint32_t apic_id(void);
void apic_icr(uint32_t dest, uint32_t low);
uint64_t apic_icr_read(void);           /* destination in the high half */
void apic_eoi(void);
bool apic_in_service(int vector);
bool apic_level_triggered(int vector);
bool apic_requested(int vector);

/* ---- smp.c ---- */

struct cpu {
    struct cpu *self;
    uint64_t resume_rsp;                /* CPU_RESUME_RSP */
    uint64_t kernel_rsp, user_rsp;      /* of SYSCALL: CPU_KERNEL_RSP */
    struct frame *running;              /* what run() is to fill, or null */
    uint64_t cr2;
    int index;
    uint32_t apic_id;
    void (*volatile work)(uint64_t arg);
    uint64_t work_arg;
    volatile bool idle;
};

extern struct cpu cpus[MAX_CPUS];
struct cpu *this_cpu(void);
int cpu_count(void);                            /* of the machine */
void smp_run(int cpu, void (*fn)(uint64_t), uint64_t arg); /* starts the CPU */
bool smp_done(int cpu);
void smp_init(int cpu);                         /* INIT: it waits for SIPI */
void smp_startup(int cpu);                      /* SIPI, then it is idle */
extern uint32_t boot_cr4;                       /* as the last CPU came up */
void smp_wait(int cpu);
extern char cpu_stacks[MAX_CPUS][4][16384];     /* main, run, IST, ring 0 */
enum { STACK_MAIN, STACK_RUN, STACK_IST, STACK_RING0, STACKS };
void *stack_top(int cpu, int which);

/* Spin with PAUSE until cond or about two seconds of TSC; true if it held. */
#define SPIN_TICKS 4000000000ull
#define WAIT_FOR(cond)                                                      \
    ({                                                                      \
        uint64_t limit_ = rdtsc() + SPIN_TICKS;                             \
        bool held_;                                                         \
        while (!(held_ = (cond)) && rdtsc() < limit_) {                     \
            cpu_relax();                                                    \
        }                                                                   \
        held_;                                                              \
    })

/* ---- string.c, too ---- */

uint64_t random64(uint64_t *state);             /* splitmix64 */

#endif
