/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One number for everything that the processors of a machine can see of each
 * other and of time.  They race on shared memory, wait for each other, arm
 * timers, send interrupts and halt; whatever they find there, in the order in
 * which they find it, goes into the hash.  With "reset=N" one of them resets
 * the machine N times first, while the others count how long that takes.
 */
#include "uintr.h"

const char *const test_group = "/determinism";

#define VEC_TIMER       0x50
#define VEC_IPI         0x51
#define SHARED_WORDS    16
#define DIVIDE_BY_1     0xb
#define RESET_PORT      0xcf9
#define RESET_NOW       6
#define LOG_PAGE        0x7000          /* survives a reset */
#define LOG_MAGIC       0x4445544552ull

static struct worker {
    uint64_t hash, random;
} __attribute__((aligned(64))) workers[MAX_CPUS];

static volatile uint64_t shared[SHARED_WORDS];
static uint64_t rounds;
static int count;       /* fw_cfg must not be read by several CPUs at once */

static void observe(struct worker *w, uint64_t value)
{
    w->hash = (w->hash ^ value) * 0x9e3779b97f4a7c15;
    w->hash ^= w->hash >> 29;
}

static uint64_t below(struct worker *w, uint64_t limit)
{
    return random64(&w->random) % limit;
}

static void on_irq(struct frame *f)
{
    struct worker *w = &workers[this_cpu()->index];

    observe(w, f->vector);
    observe(w, f->rip);
    observe(w, f->rflags);
    observe(w, rdtsc());
    apic_eoi();
}

/* Not atomic on purpose: who overwrites whom depends on every slice. */
static void race(struct worker *w)
{
    for (uint64_t n = below(w, 3000); n; n--) {
        volatile uint64_t *word = &shared[n % SHARED_WORDS];

        *word = *word * 5 + n;
        observe(w, *word);
    }
}

static void exchange(struct worker *w)
{
    observe(w, __atomic_exchange_n(&shared[below(w, SHARED_WORDS)], w->hash,
                                   __ATOMIC_SEQ_CST));
    cpu_relax();
}

static void compute(struct worker *w)
{
    for (uint64_t n = below(w, 20000); n; n--) {
        asm volatile("" : "+r"(n));
    }
    observe(w, rdtsc());
}

static void wait_for_change(struct worker *w)
{
    volatile uint64_t *word = &shared[below(w, SHARED_WORDS)];
    uint64_t old = *word, n = below(w, 100);

    while (n && *word == old) {
        cpu_relax();
        n--;
    }
    observe(w, n);
}

static void send_ipi(struct worker *w)
{
    apic_icr(cpus[below(w, count)].apic_id, ICR_ASSERT | VEC_IPI);
    observe(w, rdtsc());
}

static void arm_timer(struct worker *w)
{
    apic_write(APIC_TIMER_INIT, 1 + below(w, 200000));
}

/* Every CPU does this now and then, sometimes all of them at once. */
static void halt(struct worker *w)
{
    cli();
    arm_timer(w);
    asm volatile("sti; hlt" : : : "memory");
    observe(w, rdtsc());
}

/* ---- user interrupts, where the processor has them ---- */

static struct upid upids[MAX_CPUS];
static struct uitte table[MAX_CPUS];

static bool have_uintr(void)
{
    return cpuid(7, 0).edx & BIT(UINTR_CPUID_7_0_EDX_BIT);
}

static void prepare_uintr(int index)
{
    upid_init(&upids[index], NV, apic_id());
    table[index] = uitte(index, &upids[index]);
    uintr_enable();
    uintr_receiver(UI_RECORD, &upids[index], NV);
    uintr_sender(table, count);
}

static void send_and_receive(uint64_t n, uint64_t to)
{
    stui();
    while (n--) {
        if (n % 16 == 0) {
            senduipi(to);
        } else if (n % 64 == 1) {
            cpu_relax();
        }
    }
    clui();
}

/* Everybody's handlers fill one log, in the order in which they run. */
static void user(struct worker *w)
{
    struct frame f = frame_user(send_and_receive, below(w, 500),
                                below(w, count));

    f.rflags |= RFLAGS_IF;
    cli();                              /* run() must not be interrupted */
    run(&f);
    sti();
    observe(w, ui_count);
    observe(w, ui_log[(ui_count - 1) % UI_LOG_ENTRIES].rip);
}

static void (*const steps[])(struct worker *w) = {
    race, race, exchange, compute, wait_for_change, send_ipi, arm_timer, halt,
    user,                               /* the last */
};

static void work(uint64_t index)
{
    struct worker *w = &workers[index];
    uint64_t choice = sizeof(steps) / sizeof(steps[0]) - !have_uintr();

    w->random = index;
    apic_write(APIC_TIMER_DIV, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VEC_TIMER);
    sti();
    for (uint64_t n = 0; n < rounds; n++) {
        steps[below(w, choice)](w);
    }
    cli();
    apic_write(APIC_TIMER_INIT, 0);
}

static void start(uint64_t index)
{
    if (have_uintr()) {
        prepare_uintr(index);
    }
}

/* ---- a reset, during which the others must not get on ---- */

static struct {
    uint64_t magic, resets;
    volatile uint64_t counts[MAX_CPUS];
} *const reset_log = (void *)LOG_PAGE;

static void count_up(uint64_t index)
{
    for (;;) {
        reset_log->counts[index]++;
    }
}

static bool wants_reset(void)
{
    if (reset_log->magic != LOG_MAGIC) {
        reset_log->magic = LOG_MAGIC;
        reset_log->resets = 0;
    }
    return reset_log->resets < arg_number("reset", 0);
}

static void reset_machine(void)
{
    reset_log->resets++;
    for (int i = 1; i < count; i++) {
        smp_run(i, count_up, i);
    }
    compute(&workers[0]);
    outb(RESET_PORT, RESET_NOW);
    for (;;) {
        cpu_relax();
    }
}

static void test_hash(void)
{
    uint64_t hash = 0;

    count = cpu_count();
    rounds = arg_number("rounds", 2000);
    if (wants_reset()) {
        reset_machine();
    }
    trap_handle(VEC_TIMER, on_irq);
    trap_handle(VEC_IPI, on_irq);
    start(0);
    for (int i = 1; i < count; i++) {   /* so that all have an ID */
        smp_run(i, start, i);
        smp_wait(i);
    }
    for (int i = 1; i < count; i++) {
        smp_run(i, work, i);
    }
    work(0);
    for (int i = 1; i < count; i++) {
        smp_wait(i);
    }
    for (int i = 0; i < count; i++) {
        hash = random64(&hash) ^ workers[i].hash ^ reset_log->counts[i];
    }
    printf("HASH %016lx\n", hash ^ rdtsc());
}

/* ---- PAUSE gives the rest of a slice away ---- */

#define EXCHANGES       200
#define EXCHANGE_TICKS  10000           /* far less than a slice */

static volatile uint64_t turn;

static void take_turns(uint64_t mine)
{
    for (uint64_t n = 0; n < EXCHANGES; n++) {
        if (!WAIT_FOR(turn % 2 == mine)) {
            return;
        }
        turn++;
    }
}

static void test_pause(void)
{
    uint64_t ticks;

    smp_run(1, take_turns, 1);
    ticks = -rdtsc();
    take_turns(0);
    ticks += rdtsc();
    smp_wait(1);
    CHECK_EQ(turn, 2 * EXCHANGES);
    if (arg_is("accel", "icount")) {    /* elsewhere it is the host's time */
        CHECK(ticks < EXCHANGES * EXCHANGE_TICKS);
    }
}

const struct test tests[] = {
    { "pause-hands-over", test_pause, 2 },
    { "hash", test_hash },
    {}
};
