/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "buggy.h"
#include "recv.h"

/* Of virtual time; on a busy host a thread may get no time for a while. */
#define PATIENCE_ICOUNT 60000000ull

struct task task __attribute__((aligned(4096)));

static struct uitte table[1] __attribute__((aligned(64)));

/* task.received++, whatever the vector. */
CODE(count_interrupt,
    "pushfq; push %rax; lea task+72(%rip), %rax\n"
    "lock incq (%rax); pop %rax; popfq; lea 8(%rsp), %rsp\n"
    UIRET_BYTES);
_Static_assert(__builtin_offsetof(struct task, received) == 72, "above");

uint64_t patience(void)
{
    return arg_is("accel", "icount") ? PATIENCE_ICOUNT : SPIN_TICKS;
}

uint64_t spins(uint64_t icount)
{
    return arg_is("accel", "icount") ? icount : icount << 15;
}

uint64_t tsc_ticks(uint64_t icount)
{
    return arg_is("accel", "icount") ? icount : icount << 6;
}

void sender_setup(const struct upid *upid)
{
    table[0] = uitte(VECTOR, upid);
    uintr_sender(table, 1);
}

void receiver_setup(struct upid *upid)
{
    trap_handle(NV, irq_count);
    uintr_receiver(USER((const void *)count_interrupt), upid, 0);
}

void set_uinv(int uinv)
{
    wrmsr(UINTR_MSR_MISC, misc(uinv, 0));
}

void set_ndst(struct upid *upid, uint32_t apic_id)
{
    volatile uint32_t *half = (volatile uint32_t *)&upid->low;

    half[1] = upid_low(0, apic_id, 0) >> UPID_NDST_SHIFT;
}

void set_sn(struct upid *upid)
{
    __atomic_fetch_or(&upid->low, UPID_SN, __ATOMIC_SEQ_CST);
}

void clear_sn(struct upid *upid)
{
    __atomic_fetch_and(&upid->low, ~(uint64_t)UPID_SN, __ATOMIC_SEQ_CST);
}

void notify_self(void)
{
    apic_icr(apic_id(), ICR_FIXED | ICR_ASSERT | NV);
}

static void in_ring_3(uint64_t before, uint64_t limit)
{
    stui();
    task.slices++;
    task.runs = true;
    for (uint64_t n = 0;
         n < limit && task.received == before && !task.ends; n++) {
        cpu_relax();
    }
    task.runs = false;
}

void run_slice(void)
{
    struct frame f = frame_user(in_ring_3, task.received, spins(SLICE));

    f.rflags |= RFLAGS_IF;
    run(&f);
}

bool in_new_slice(uint64_t *last)
{
    bool seen = SOON(task.runs && task.slices > *last);

    *last = task.slices;
    return seen;
}

void other_work(void)
{
    for (int n = 0; n < 20; n++) {
        irq_window();
        cpu_relax();
    }
}

void work_a_while(uint64_t *seed, uint64_t most)
{
    for (uint64_t end = rdtsc() + random64(seed) % most; rdtsc() < end; ) {
        cpu_relax();
    }
}

void every_post_arrives(void (*kernel)(uint64_t cpu), int cpus, uint64_t posts,
                        void (*before)(uint64_t post))
{
    sender_setup(&task.upid);
    for (int cpu = 1; cpu <= cpus; cpu++) {
        smp_run(cpu, kernel, cpu);
    }
    for (uint64_t post = 1; post <= posts; post++) {
        before(post);
        senduipi(0);
        if (!SOON(task.received == post)) {
            CHECK(!"a post was not received");
            break;
        }
    }
    task.ends = true;
    for (int cpu = 1; cpu <= cpus; cpu++) {
        smp_wait(cpu);
    }
}
