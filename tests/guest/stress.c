/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many posts under everything that can come between a post and its delivery:
 * CLUI, system calls, HLT, preemption, SN, migration to another CPU, faults.
 *
 * Each vector of each receiver belongs to one sender, which counts a post
 * before it makes it; the handler writes down the count that it finds.  A
 * sender goes on when all of its latest posts have been seen, so that a lost
 * one cannot be covered up by a later one.
 *
 *   n=POSTS  per test       seed=S  of every decision
 *   switch=xsaves           tasks change CPU by XSAVES and XRSTORS (task.c)
 */
#include "task.h"

const char *const test_group = "/uintr/stress";

#define BATCH_MAX       16
/* A lost post is one that is not seen in this time, even on a busy host. */
#define PATIENCE        40000000000ull
#define PATIENCE_ICOUNT 400000000ull    /* virtual time never stalls */

static struct {
    int tasks, receivers, first_sender;
    bool ring;                          /* each to the next one only */
    bool suspend;                       /* tasks leave their CPU */
    uint32_t posts;                     /* of each sender */
    uint64_t patience;
} load;

static volatile uint32_t sent[TASKS_MAX][UINTR_VECTORS];
static volatile uint32_t seen[TASKS_MAX][UINTR_VECTORS];
static volatile uint32_t delivered[TASKS_MAX][UINTR_VECTORS];
/* Posts of a vector that was perhaps still pending: these may merge. */
static volatile uint32_t repeated[TASKS_MAX][UINTR_VECTORS];
static volatile uint32_t finished;
static volatile bool lost;

struct post { int to, vector; };

/* ---- ring 3 ---- */

/*
 * Whoever comes back to a CPU fetches what was posted meanwhile, and so heals
 * a receiver that has gone deaf.  Where that must show, nobody leaves.
 */
static void leave_cpu(uint64_t pauses)
{
    task_call(load.suspend ? CALL_SUSPEND : CALL_WINDOW, pauses);
}

/* The stack of STACKADJUST[0]=1 holds one frame at a time. */
static bool may_nest(const struct task *task)
{
    uint64_t rsp = (uint64_t)__builtin_frame_address(0);
    uint64_t bottom = (uint64_t)USER(task->stack);

    return rsp > bottom + TASK_STACK_SIZE / 2 &&
           rsp < bottom + TASK_STACK_SIZE;
}

/* STUI in a handler lets the next one nest (R120). */
static void on_user_interrupt(uint64_t vector)
{
    struct task *task = task_self();
    volatile uint32_t *counts = delivered[task->index];

    counts[vector]++;
    seen[task->index][vector] = sent[task->index][vector];
    if (!(vector & 3) && may_nest(task)) {
        stui();
        cpu_relax();
    }
}

static void masked(uint64_t pauses)
{
    clui();
    task_spin(pauses);
    stui();
}

static void kernel_work(struct task *task, uint64_t r)
{
    int own = task->index, any = r % load.tasks;

    switch (r >> 8 & 15) {
    case 0:
        /* A halt takes as long as hundreds of posts. */
        task_call(r >> 24 & 7 ? CALL_NOTHING : CALL_HALT, 0);
        break;
    case 1 ... 2:
        leave_cpu(r >> 16 & 63);
        break;
    case 3:
        task_call(CALL_UNMAP, task_page(WINDOW_PD, own));
        break;
    case 4:
        task_call(CALL_UNMAP, task_page(WINDOW_STACK, own));
        break;
    case 5:
        task_call(CALL_UNMAP, task_page(WINDOW_UITT + (r & 1), own));
        break;
    case 6:
        task_call(CALL_UNMAP, task_page(WINDOW_POST, any));
        break;
    case 7 ... 9:
        task_call(CALL_WINDOW, 0);
        break;
    case 10:
        asm volatile("ud2");
        break;
    default:
        task_call(CALL_YIELD, 0);
        break;
    }
}

static void interfere(struct task *task)
{
    uint64_t r = random64(&task->random);

    switch (r >> 60) {
    case 0 ... 2:
        masked(r & 63);
        break;
    case 3 ... 5:
        task_syscall();
        break;
    case 6 ... 10:
        kernel_work(task, r);
        break;
    default:
        task_spin(r & 31);
        break;
    }
}

/* The last of each vector must arrive; who waits gets out of the way. */
static void wait_until_seen(struct task *task, const struct post *p)
{
    uint64_t limit = rdtsc() + load.patience;

    for (uint32_t spins = 1;
         seen[p->to][p->vector] != sent[p->to][p->vector]; spins++) {
        if (lost || rdtsc() > limit) {
            lost = true;
            return;
        }
        cpu_relax();
        if (spins % 32 == 0) {
            interfere(task);
        }
    }
}

static struct post choose(struct task *task)
{
    uint64_t r = random64(&task->random);
    int senders = load.ring ? 1 : load.tasks - load.first_sender;
    int mine = load.ring ? 0 : task->index - load.first_sender;
    int shares = (UINTR_VECTORS - mine + senders - 1) / senders;

    return (struct post) {
        .to = load.ring ? (task->index + 1) % load.tasks :
              (int)(r % load.receivers),
        .vector = mine + (r >> 32) % shares * senders,
    };
}

static void post(const struct post *p)
{
    if (seen[p->to][p->vector] != sent[p->to][p->vector]) {
        repeated[p->to][p->vector]++;
    }
    sent[p->to][p->vector]++;
    senduipi(task_post_index(p->to, p->vector));
}

/* Half of the batches are one post, so that the receiver is quiet before. */
static int batch_size(struct task *task, uint32_t left)
{
    uint64_t r = random64(&task->random);
    uint32_t size = r & 1 ? 1 : 1 + (r >> 8) % BATCH_MAX;

    return size < left ? size : left;
}

static uint32_t send_batch(struct task *task, uint32_t left)
{
    struct post batch[BATCH_MAX];
    int n = batch_size(task, left);

    for (int i = 0; i < n; i++) {
        batch[i] = choose(task);
        post(&batch[i]);
        if (!(random64(&task->random) & 7)) {
            interfere(task);
        }
    }
    for (int i = 0; i < n; i++) {
        wait_until_seen(task, &batch[i]);
    }
    return n;
}

static void task_main(struct task *task)
{
    int senders = load.tasks - load.first_sender;

    stui();
    if (task->index >= load.first_sender) {
        for (uint32_t left = load.posts; left && !lost; ) {
            left -= send_batch(task, left);
            interfere(task);
        }
        __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    }
    while (finished < (uint32_t)senders && !lost) {
        interfere(task);
    }
}

/* ---- ring 0 ---- */

static void prepare(int tasks, int first_sender, int receivers)
{
    memset((void *)sent, 0, sizeof(sent));
    memset((void *)seen, 0, sizeof(seen));
    memset((void *)delivered, 0, sizeof(delivered));
    memset((void *)repeated, 0, sizeof(repeated));
    finished = 0;
    lost = false;
    load.tasks = tasks;
    load.first_sender = first_sender;
    load.receivers = receivers;
    load.posts = arg_number("n", 5000) / (tasks - first_sender);
    load.patience = arg_is("accel", "icount") ? PATIENCE_ICOUNT : PATIENCE;
    tasks_setup(tasks, task_main, on_user_interrupt, arg_number("seed", 1));
}

static void check_vector(int to, int vector, uint32_t *posts)
{
    uint32_t n = sent[to][vector], calls = delivered[to][vector];

    *posts += n;
    if (seen[to][vector] != n || calls > n ||
        calls + repeated[to][vector] < n) {
        CHECK(!"a post was lost or delivered twice");
        printf("# task %d vector %d: %u posts (%u repeated), %u deliveries, "
               "seen up to %u; UPID %lx PIR %lx\n", to, vector, n,
               repeated[to][vector], calls, seen[to][vector],
               task_upids[to].low, task_upids[to].pir);
    }
}

static void check_posts(void)
{
    uint32_t posts = 0;

    for (int to = 0; to < load.tasks; to++) {
        for (int vector = 0; vector < UINTR_VECTORS; vector++) {
            check_vector(to, vector, &posts);
        }
        CHECK_EQ(task_upids[to].pir, 0);
    }
    CHECK_EQ(posts, load.posts * (load.tasks - load.first_sender));
    printf("# %u posts, %u system calls, %u halts, %u suspensions, "
           "%u migrations, %u notifications while off\n", posts,
           task_counts.calls, task_counts.halts, task_counts.suspensions,
           task_counts.migrations, task_counts.late);
    printf("# faults: notification %u, post %u, table %u, delivery %u\n",
           task_counts.faults[WINDOW_PD], task_counts.faults[WINDOW_POST],
           task_counts.faults[WINDOW_UITT] + task_counts.faults[WINDOW_UITT2],
           task_counts.faults[WINDOW_STACK]);
}

/*
 * A stress that never met its obstacles has shown nothing.  On one host thread
 * system calls are few, and now and then none of them comes to halt.
 */
static void check_obstacles(void)
{
    CHECK(task_counts.halts || arg_is("accel", "single"));
    CHECK(task_counts.faults[WINDOW_PD]);
    CHECK(task_counts.faults[WINDOW_POST]);
    CHECK(task_counts.faults[WINDOW_UITT]);
    CHECK(task_counts.faults[WINDOW_STACK]);
    CHECK(!load.suspend || task_counts.suspensions);
    CHECK(!load.suspend || task_counts.migrations);
}

static void run_load_on(int n, int tasks, int first_sender, int receivers)
{
    load.ring = !receivers;
    load.suspend = tasks > n;
    prepare(tasks, first_sender, receivers);
    tasks_run(n < tasks ? n : tasks);
    check_posts();
    check_obstacles();
}

static void run_load(int tasks, int first_sender, int receivers)
{
    run_load_on(cpu_count(), tasks, first_sender, receivers);
}

/*
 * No third one posts to a receiver here, which would heal a notification
 * that was lost between the two steps of R80.
 */
static void test_ring(void)
{
    run_load(cpu_count(), 0, 0);
}

/* With two CPUs only, it is one sender. */
static void test_two_senders(void)
{
    run_load(cpu_count() < 3 ? 2 : 3, 1, 1);
}

static void test_all_to_all(void)
{
    run_load(cpu_count(), 0, cpu_count());
}

/* More tasks than CPUs: each is often off its CPU, and then on another. */
static void test_migrating(void)
{
    run_load(cpu_count() + 2, 0, cpu_count() + 2);
}

/* Two receivers and their senders take turns on two CPUs. */
static void test_two_tasks(void)
{
    run_load_on(2, 4, 2, 2);
}

/*
 * R52: the post is one locked operation, so locked operations of others on
 * the same UPID survive it, and PIR bits are neither lost nor restored.
 */
static struct upid shared_upid;
static struct uitte shared_table[UINTR_VECTORS];
static volatile uint32_t taken[UINTR_VECTORS];
static volatile int posting;

static void wait_until_taken(int first, int step)
{
    uint64_t limit = rdtsc() + load.patience;

    for (int v = first; v < UINTR_VECTORS; v += step) {
        while (taken[v] != sent[0][v] && !lost) {
            cpu_relax();
            lost |= rdtsc() > limit;
        }
    }
}

static void send_shared(uint64_t senders)
{
    int first = this_cpu()->index - 1;

    uintr_sender(shared_table, UINTR_VECTORS);
    for (uint32_t left = load.posts; left && !lost; ) {
        for (int v = first; v < UINTR_VECTORS && left; v += senders, left--) {
            sent[0][v]++;
            senduipi(v);
        }
        wait_until_taken(first, senders);
    }
    __atomic_fetch_sub(&posting, 1, __ATOMIC_SEQ_CST);
}

static void take_shared(void)
{
    uint64_t pir = __atomic_exchange_n(&shared_upid.pir, 0, __ATOMIC_SEQ_CST);

    for (int v = 0; v < UINTR_VECTORS; v++) {
        taken[v] += pir >> v & 1;
    }
}

/* Nobody else changes SN, so it is always as it was left. */
static bool toggle_shared(void)
{
    bool set, cleared;

    asm volatile("lock btsq $1, %1" : "=@ccc"(set), "+m"(shared_upid.low));
    take_shared();
    set |= !(shared_upid.low & UPID_SN);
    asm volatile("lock btrq $1, %1" : "=@ccc"(cleared), "+m"(shared_upid.low));
    cleared &= !(shared_upid.low & UPID_SN);
    asm volatile("lock btrq $0, %0" : "+m"(shared_upid.low));
    take_shared();
    return !set && cleared;
}

static void prepare_shared(int senders)
{
    prepare(senders, 0, 0);
    memset((void *)taken, 0, sizeof(taken));
    upid_init(&shared_upid, NV, apic_id());
    for (int v = 0; v < UINTR_VECTORS; v++) {
        shared_table[v] = uitte(v, &shared_upid);
    }
    posting = senders;
}

static void test_locked_bits(void)
{
    int senders = cpu_count() - 1, wrong = 0;

    prepare_shared(senders);
    for (int cpu = 1; cpu <= senders; cpu++) {
        smp_run(cpu, send_shared, senders);
    }
    while (posting) {
        wrong += !toggle_shared();
        cpu_relax();
    }
    CHECK_EQ(wrong, 0);
    CHECK(!lost);
    for (int v = 0; v < UINTR_VECTORS; v++) {
        CHECK_EQ(taken[v], sent[0][v]);
    }
    CHECK_EQ(shared_upid.low & ~(uint64_t)UPID_ON, upid_low(NV, apic_id(), 0));
    CHECK_EQ(shared_upid.pir, 0);
}

const struct test tests[] = {
    { "R80-ring", test_ring, 2 },
    { "R80-two-senders-one-receiver", test_two_senders, 2 },
    { "all-to-all", test_all_to_all, 2 },
    { "all-to-all-migrating", test_migrating, 2 },
    { "R154-two-tasks", test_two_tasks, 2 },
    { "R52-locked-bits-survive", test_locked_bits, 2 },
    {}
};
