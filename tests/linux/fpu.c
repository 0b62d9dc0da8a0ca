/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers that the kernel saves with XSAVE and its kin stay a thread's own.
 *
 * Every thread keeps a pattern in its x87, SSE, AVX, MXCSR, control-word and PKRU registers while
 * it yields, moves to other CPUs, is pre-empted and takes signals whose handler overwrites them
 * all. There are more threads than CPUs, so that the state is switched all the time.
 *
 *   fpu [SECONDS]      3 unless given
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS     64
#define YMM_COUNT       16
#define X87_COUNT       8
#define HANDLER_MXCSR   0x1f80
#define MXCSR_ROUNDING  13
#define FCW_DEFAULT     0x37f
#define FCW_ROUNDING    10

struct registers {
    uint8_t ymm[YMM_COUNT][32];
    double x87[X87_COUNT];
    uint32_t mxcsr;
    uint32_t pkru;
    uint16_t fcw;
} __attribute__((aligned(32)));

struct thread {
    pthread_t id;
    uint64_t random;
    unsigned long rounds, wrong, signals;
};

static struct thread threads[MAX_THREADS];
static int thread_count, cpu_count;
static bool has_pkru;
static volatile bool stop;
static __thread struct thread *self;

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void make_pattern(struct registers *r, uint64_t *random)
{
    uint64_t word;

    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < sizeof r->ymm; i += sizeof word) {
        word = next_random(random);
        memcpy((uint8_t *)r->ymm + i, &word, sizeof word);
    }
    for (int i = 0; i < X87_COUNT; i++) {
        r->x87[i] = (double)(next_random(random) >> 12);
    }
    word = next_random(random);
    r->mxcsr = HANDLER_MXCSR | (word & 3) << MXCSR_ROUNDING;
    r->fcw = FCW_DEFAULT | (word >> 2 & 3) << FCW_ROUNDING;
    /* Keys 0 and 1 stay open; no page has any of the others. */
    r->pkru = has_pkru ? (uint32_t)(word >> 32) & ~0xfu : 0;
}

#define LOAD_YMM(n)     "vmovdqa 32*" #n "(%[in]), %%ymm" #n "\n\t"
#define SAVE_YMM(n)     "vmovdqa %%ymm" #n ", 32*" #n "(%[out])\n\t"
#define LOAD_X87(n)     "fldl 512+8*" #n "(%[in])\n\t"
#define SAVE_X87(n)     "fstpl 512+8*" #n "(%[out])\n\t"
#define ALL_YMM(do)     do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) \
                        do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)
#define CLOBBERED       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
                        "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", \
                        "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)"
#define UP_X87(do)      do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7)
#define DOWN_X87(do)    do(7) do(6) do(5) do(4) do(3) do(2) do(1) do(0)

_Static_assert(offsetof(struct registers, x87) == 512, "the assembly above says 512");

static void load_control(const struct registers *in)
{
    asm volatile("fninit; fldcw %0; ldmxcsr %1" : : "m"(in->fcw), "m"(in->mxcsr));
    if (has_pkru) {
        asm volatile("wrpkru" : : "a"(in->pkru), "c"(0), "d"(0) : "memory");
    }
}

static void save_control(struct registers *out)
{
    asm volatile("fnstcw %0; stmxcsr %1" : "=m"(out->fcw), "=m"(out->mxcsr));
    if (has_pkru) {
        asm volatile("rdpkru" : "=a"(out->pkru) : "c"(0) : "rdx");
    }
}

/* System calls and spinning with everything in registers; the compiler's code touches none. */
static void hold(const struct registers *in, struct registers *out, const cpu_set_t *cpu,
                 uint64_t spins)
{
    register uint64_t count asm("r12") = spins;

    asm volatile(ALL_YMM(LOAD_YMM) UP_X87(LOAD_X87)
                 "mov %[affinity], %%eax\n\t"
                 "xor %%edi, %%edi\n\t"
                 "mov %[size], %%esi\n\t"
                 "mov %[cpu], %%rdx\n\t"
                 "syscall\n"
                 "1:\n\t"
                 "dec %[count]\n\t"
                 "jnz 1b\n\t"
                 "mov %[yield], %%eax\n\t"
                 "syscall\n\t"
                 DOWN_X87(SAVE_X87) ALL_YMM(SAVE_YMM)
                 : [count] "+r"(count)
                 : [in] "r"(in), [out] "r"(out), [cpu] "r"(cpu), [size] "i"(sizeof *cpu),
                   [affinity] "i"(SYS_sched_setaffinity), [yield] "i"(SYS_sched_yield)
                 : "rax", "rdi", "rsi", "rdx", "rcx", "r11", "memory", "cc", CLOBBERED);
}

static bool same(const struct registers *in, const struct registers *out)
{
    return !memcmp(in->ymm, out->ymm, sizeof in->ymm) &&
           !memcmp(in->x87, out->x87, sizeof in->x87) && in->fcw == out->fcw &&
           in->mxcsr == out->mxcsr && in->pkru == out->pkru;
}

/* What is wrong, once per thread: the rest would say the same. */
static void explain(const struct registers *in, const struct registers *out)
{
    for (int i = 0; i < YMM_COUNT; i++) {
        if (memcmp(in->ymm[i], out->ymm[i], 32)) {
            printf("fpu: ymm%d, %s half\n", i, memcmp(in->ymm[i], out->ymm[i], 16) ? "low" : "high");
        }
    }
    for (int i = 0; i < X87_COUNT; i++) {
        if (in->x87[i] != out->x87[i]) {
            printf("fpu: x87 %d: %g, was %g\n", i, out->x87[i], in->x87[i]);
        }
    }
    printf("fpu: mxcsr %x was %x, fcw %x was %x, pkru %x was %x\n", out->mxcsr, in->mxcsr,
           out->fcw, in->fcw, out->pkru, in->pkru);
}

static void one_round(struct thread *t)
{
    struct registers in, out = {};
    uint64_t word = next_random(&t->random);
    cpu_set_t cpu;

    CPU_ZERO(&cpu);
    CPU_SET(word % cpu_count, &cpu);
    make_pattern(&in, &t->random);
    load_control(&in);
    hold(&in, &out, &cpu, 1 + (word >> 32) % 200000);
    save_control(&out);
    asm volatile("vzeroupper; fninit" : : : "memory");
    if (!same(&in, &out) && t->wrong++ == 0) {
        explain(&in, &out);
    }
    t->rounds++;
}

static void *work(void *arg)
{
    self = arg;
    while (!stop) {
        one_round(self);
    }
    return NULL;
}

/* Leaves nothing of the interrupted thread's in the registers; returning must bring it back. */
static void overwrite(int signal)
{
    static const struct registers other = {
        .ymm = { [0 ... YMM_COUNT - 1] = { [0 ... 31] = 0xa5 } },
        .mxcsr = HANDLER_MXCSR, .fcw = FCW_DEFAULT,
    };

    (void)signal;
    load_control(&other);
    asm volatile(ALL_YMM(LOAD_YMM) "fld1; fldpi" : : [in] "r"(&other) : "memory");
    if (self) {
        self->signals++;
    }
}

static void start_threads(void)
{
    struct sigaction action = { .sa_handler = overwrite, .sa_flags = SA_RESTART };

    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < thread_count; i++) {
        threads[i].random = i + 1;
        if (pthread_create(&threads[i].id, NULL, work, &threads[i])) {
            perror("fpu: pthread_create");
            exit(1);
        }
    }
}

static void signal_for(int seconds)
{
    struct timespec now, end, nap = { .tv_nsec = 200000 };
    uint64_t random = 99;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += seconds;
    do {
        nanosleep(&nap, NULL);
        pthread_kill(threads[next_random(&random) % thread_count].id, SIGUSR1);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

/* Each thread has to have done something, or nothing was tested. */
static int verdict(void)
{
    unsigned long rounds = 0, wrong = 0, signals = 0, idle = 0;

    for (int i = 0; i < thread_count; i++) {
        pthread_join(threads[i].id, NULL);
        rounds += threads[i].rounds;
        wrong += threads[i].wrong;
        signals += threads[i].signals;
        idle += !threads[i].rounds;
    }
    printf("fpu: %d threads on %d CPUs, %lu rounds, %lu signals, %lu wrong, %lu idle\n",
           thread_count, cpu_count, rounds, signals, wrong, idle);
    return wrong || idle || !signals;
}

static bool os_has_pkru(void)
{
    unsigned a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & 1 << 4);
}

int main(int argc, char **argv)
{
    if (!__builtin_cpu_supports("avx")) {
        printf("fpu: there is no AVX\n");
        return 1;
    }
    cpu_count = sysconf(_SC_NPROCESSORS_ONLN);
    thread_count = 2 * cpu_count + 1;
    if (thread_count > MAX_THREADS) {
        thread_count = MAX_THREADS;
    }
    has_pkru = os_has_pkru();
    start_threads();
    signal_for(argc > 1 ? atoi(argv[1]) : 3);
    stop = true;
    return verdict();
}
