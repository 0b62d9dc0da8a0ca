/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel under the tasks.  It follows the protocol that Linux uses: off
 * a CPU, a task's UINV is 0 and its SN is set; back on one, NDST is renewed,
 * SN cleared, and what was posted meanwhile fetched by a self-IPI (R68).
 */
#include "task.h"
#include "xsave.h"

#define MSR_FS_BASE     0xc0000100
#define TIMER_DIVIDE_1  0xb
#define HALT_TICKS      20000
#define PREEMPT_TICKS   300000

struct task tasks[TASKS_MAX];
struct upid task_upids[TASKS_MAX] __attribute__((aligned(4096)));
volatile struct task_counts task_counts;

extern char task_user_interrupt[], task_system_call[];

static struct uitte uitt[TASKS_MAX * UINTR_VECTORS]
    __attribute__((aligned(4096)));
static uint64_t *window_pte[WINDOWS * TASKS_MAX];
static struct task *current[MAX_CPUS];
static struct area task_areas[TASKS_MAX];
static bool by_xsaves;

/* Error code of the first access to a page that is not there. */
static const uint32_t window_error[WINDOWS] = {
    [WINDOW_PD] = 2, [WINDOW_POST] = 2,     /* R86, R61: writes, supervisor */
    [WINDOW_STACK] = 6,                     /* R118: writes, user */
};

#define COUNT(what) \
    __atomic_fetch_add(&task_counts.what, 1, __ATOMIC_RELAXED)

static uint64_t window_address(uint64_t page)
{
    return TASK_WINDOW_BASE + page * PAGE_SIZE;
}

static uint64_t uitt_address(int task)
{
    return window_address(task_page(WINDOW_UITT, task));
}

/* ---- the pool of tasks that wait for a CPU, first in, first out ---- */

static struct {
    int lock;
    int first, count;
    struct task *waiting[TASKS_MAX];
} pool;

static void pool_lock(void)
{
    while (__atomic_exchange_n(&pool.lock, 1, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

static void pool_unlock(void)
{
    __atomic_store_n(&pool.lock, 0, __ATOMIC_RELEASE);
}

static void pool_put(struct task *task)
{
    pool.waiting[(pool.first + pool.count++) % TASKS_MAX] = task;
}

static struct task *pool_get(void)
{
    struct task *task = pool.waiting[pool.first];

    if (!pool.count) {
        return NULL;
    }
    pool.first = (pool.first + 1) % TASKS_MAX;
    pool.count--;
    return task;
}

/* ---- off a CPU and on again ---- */

static void self_ipi(void)
{
    apic_icr(apic_id(), ICR_FIXED | ICR_ASSERT | NV);
}

/* From here on a late notification goes through the IDT (R71). */
static void save_registers(struct task *task)
{
    if (by_xsaves) {
        xsaves(&task_areas[task->index]);
        return;
    }
    task->uif = testui();
    wrmsr(UINTR_MSR_MISC, misc(0, TASKS_MAX * UINTR_VECTORS - 1));
    task->rr = rdmsr(UINTR_MSR_RR);
    wrmsr(UINTR_MSR_RR, 0);
}

static void suspend(struct task *task)
{
    save_registers(task);
    __atomic_fetch_or(&task_upids[task->index].low, UPID_SN, __ATOMIC_SEQ_CST);
}

static void set_ndst(struct task *task)
{
    volatile uint32_t *half =
        (volatile uint32_t *)&task_upids[task->index].low;

    half[1] = upid_low(NV, apic_id(), 0) >> UPID_NDST_SHIFT;
}

/* Below the red zone or on a stack of its own, one as often as the other. */
static uint64_t choose_stack(struct task *task)
{
    uint64_t page = window_address(task_page(WINDOW_STACK, task->index));

    return random64(&task->random) & 1 ? 128 :
           (page + PAGE_SIZE) | UINTR_STACKADJUST_LOAD;
}

static void write_registers(struct task *task)
{
    int i = task->index;

    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER((void *)task_user_interrupt));
    wrmsr(UINTR_MSR_STACKADJUST, choose_stack(task));
    wrmsr(UINTR_MSR_PD, window_address(task_page(WINDOW_PD, i)) +
                        i * sizeof(struct upid));
    wrmsr(UINTR_MSR_TT, uitt_address(i) | UINTR_TT_ENABLE);
    wrmsr(UINTR_MSR_RR, task->rr);
    if (task->uif) {
        stui();
    } else {
        clui();
    }
    wrmsr(UINTR_MSR_MISC, misc(NV, TASKS_MAX * UINTR_VECTORS - 1));
}

/* R154: UINV comes back with the image, or is armed by WRMSR. */
static void restore_registers(struct task *task)
{
    struct area *area = &task_areas[task->index];
    struct uintr_image *image = (void *)area->bytes +
                                xsave_compacted_at(area->xcomp_bv, 14);
    bool armed = random64(&task->random) & 1;
    uint32_t highest = TASKS_MAX * UINTR_VECTORS - 1;

    image->misc = (image->misc & MISC_UIF) | misc(armed ? NV : 0, highest);
    xrstors(area);
    if (!armed) {
        wrmsr(UINTR_MSR_MISC, misc(NV, highest));
    }
}

static void load_registers(struct task *task)
{
    wrmsr(MSR_FS_BASE, (uint64_t)task->self);
    if (by_xsaves) {
        restore_registers(task);
    } else {
        write_registers(task);
    }
}

static void resume(struct task *task)
{
    struct upid *upid = &task_upids[task->index];

    load_registers(task);
    set_ndst(task);
    __atomic_fetch_and(&upid->low, ~(uint64_t)UPID_SN, __ATOMIC_SEQ_CST);
    if (upid->pir) {
        self_ipi();
    }
}

/* What the other CPU unmapped may still be in this one's TLB. */
static void enter_cpu(struct task *task, int cpu)
{
    if (task->cpu != cpu) {
        task->cpu = cpu;
        COUNT(migrations);
        write_cr3(read_cr3());
    }
}

/* Only at the outermost entry from ring 3, where *f is all of the task. */
static void schedule(struct frame *f)
{
    int cpu = this_cpu()->index;
    struct task *old = current[cpu], *next;

    pool_lock();
    next = pool_get();
    if (next) {
        suspend(old);
        old->frame = *f;
        pool_put(old);
    }
    pool_unlock();
    if (next) {
        current[cpu] = next;
        enter_cpu(next, cpu);
        resume(next);
        *f = next->frame;
    }
}

/* ---- traps ---- */

static void arm_timer(uint32_t ticks)
{
    apic_write(APIC_TIMER_INIT, ticks);
}

static void on_timer(struct frame *f)
{
    apic_eoi();
    arm_timer(PREEMPT_TICKS);
    if ((f->cs & 3) == 3) {
        schedule(f);
    }
}

static void on_late_notification(struct frame *f __attribute__((unused)))
{
    COUNT(late);
    apic_eoi();
}

static void unmap(uint64_t page)
{
    __atomic_fetch_and(window_pte[page], ~(uint64_t)PTE_P, __ATOMIC_SEQ_CST);
    invlpg(window_address(page));
}

/* R87: a notification that faulted is not replayed, so ask for another. */
static void on_page_fault(struct frame *f)
{
    uint64_t page = (trap_cr2() - TASK_WINDOW_BASE) / PAGE_SIZE;
    int window = page % WINDOWS;

    if (page >= WINDOWS * TASKS_MAX || f->error != window_error[window]) {
        fatal("CPU %d: #PF error %lx at %lx, cr2 %lx, rip %lx",
              this_cpu()->index, f->error, f->rip, trap_cr2(), f->rip);
    }
    COUNT(faults[window]);
    __atomic_fetch_or(window_pte[page], PTE_P, __ATOMIC_SEQ_CST);
    invlpg(window_address(page));
    if (window == WINDOW_PD) {
        self_ipi();
    }
}

static void on_undefined(struct frame *f)
{
    f->rip += 2;                            /* UD2 */
}

static void halt(void)
{
    COUNT(halts);
    arm_timer(HALT_TICKS);
    asm volatile("sti; hlt; cli" : : : "memory");
}

static void leave_and_come_back(uint64_t pauses)
{
    struct task *task = current[this_cpu()->index];

    COUNT(suspensions);
    suspend(task);
    task_spin(pauses);
    irq_window();
    resume(task);
}

static void on_call(struct frame *f)
{
    COUNT(calls);
    switch (f->rax) {
    case CALL_WINDOW:
        irq_window();
        break;
    case CALL_HALT:
        halt();
        break;
    case CALL_SUSPEND:
        leave_and_come_back(f->rdi);
        break;
    case CALL_YIELD:
        schedule(f);
        break;
    case CALL_UNMAP:
        unmap(f->rdi);
        break;
    }
    wrmsr(UINTR_MSR_STACKADJUST, choose_stack(current[this_cpu()->index]));
}

/* ---- setting up ---- */

static void map_window(enum task_window window, int task, const void *page,
                       uint64_t flags)
{
    uint64_t number = task_page(window, task);
    uint64_t address = window_address(number);

    vm_map(address, (uint64_t)page, PTE_P | PTE_W | flags);
    window_pte[number] = vm_pte(address);
}

static void map_windows(int task)
{
    map_window(WINDOW_PD, task, task_upids, 0);
    map_window(WINDOW_POST, task, task_upids, 0);
    map_window(WINDOW_UITT, task, uitt, 0);
    map_window(WINDOW_UITT2, task, uitt + sizeof(uitt) / 2 / UITTE_SIZE, 0);
    map_window(WINDOW_STACK, task, page_alloc(), PTE_U);
}

static void fill_uitt(int task)
{
    uint64_t upid = window_address(task_page(WINDOW_POST, task)) +
                    task * sizeof(struct upid);

    for (int v = 0; v < UINTR_VECTORS; v++) {
        uitt[task_post_index(task, v)] = uitte(v, (void *)upid);
    }
}

/* The first image of a task is written by hand. */
static void write_area(const struct task *task)
{
    struct area *area = &task_areas[task->index];
    struct uintr_image image = {
        .handler = (uint64_t)USER((void *)task_user_interrupt),
        .stackadjust = 128,
        .pd = window_address(task_page(WINDOW_PD, task->index)) +
              task->index * sizeof(struct upid),
        .tt = uitt_address(task->index) | UINTR_TT_ENABLE,
    };

    memset(area, 0, EXTENDED_AT);
    area->xcomp_bv = XCOMP_COMPACTED | UINTR;
    area->xstate_bv = UINTR;
    memcpy(area->bytes + EXTENDED_AT, &image, sizeof(image));
}

static void new_task(int index, void (*fn)(struct task *),
                     void (*handler)(uint64_t), uint64_t seed)
{
    struct task *task = &tasks[index];
    void *stack = task->stack ? task->stack :
                  pages_alloc(TASK_STACK_SIZE / PAGE_SIZE);
    uint64_t *top = stack + TASK_STACK_SIZE;

    if (!task->stack) {
        map_windows(index);
    }
    *--top = (uint64_t)USER((void *)frame_exit);
    *task = (struct task) {
        .self = USER(task), .handler = USER(handler), .index = index,
        .random = seed + index, .stack = stack, .cpu = -1,
        .frame = {
            .rip = (uint64_t)USER(fn), .rsp = (uint64_t)USER(top),
            .rdi = (uint64_t)USER(task), .rflags = RFLAGS_FIXED | RFLAGS_IF,
            .cs = SEL_UCODE, .ss = SEL_UDATA,
        },
    };
    write_area(task);
    upid_init(&task_upids[index], NV, 0);
    task_upids[index].low |= UPID_SN;
    fill_uitt(index);
    pool_put(task);
}

void tasks_setup(int n, void (*fn)(struct task *),
                 void (*handler)(uint64_t vector), uint64_t seed)
{
    by_xsaves = arg_is("switch", "xsaves");
    memset((void *)&task_counts, 0, sizeof(task_counts));
    for (int i = 0; i < n; i++) {
        new_task(i, fn, handler, seed);
    }
    trap_handle(VEC_TASK_CALL, on_call);
    trap_handle(VEC_TASK_TIMER, on_timer);
    trap_handle(NV, on_late_notification);
    trap_handle(VEC_PF, on_page_fault);
    trap_handle(VEC_UD, on_undefined);
    idt_allow_user(VEC_TASK_CALL, true);
}

static void prepare_cpu(void)
{
    uintr_enable();
    if (by_xsaves) {
        xsave_enable_all();
    }
    wrmsr(MSR_STAR, (uint64_t)SEL_UCODE32 << 48 | (uint64_t)SEL_KCODE << 32);
    wrmsr(MSR_LSTAR, (uint64_t)task_system_call);
    wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF);
    apic_write(APIC_TIMER_DIV, TIMER_DIVIDE_1);
    apic_write(APIC_LVT_TIMER, VEC_TASK_TIMER);
}

static struct task *first_task(void)
{
    struct task *task;

    pool_lock();
    task = pool_get();
    pool_unlock();
    return task;
}

/* run() ends when whatever task is then on this CPU returns. */
static void run_tasks(uint64_t unused __attribute__((unused)))
{
    int cpu = this_cpu()->index;

    prepare_cpu();
    while ((current[cpu] = first_task())) {
        struct frame f = current[cpu]->frame;

        current[cpu]->cpu = cpu;
        resume(current[cpu]);
        arm_timer(PREEMPT_TICKS);
        if (run(&f) != VEC_EXIT) {
            fatal("CPU %d: vector %d at %lx, rsp %lx", cpu, (int)f.vector,
                  f.rip, f.rsp);
        }
        arm_timer(0);
        suspend(current[cpu]);
    }
}

void tasks_run(int n)
{
    for (int cpu = 1; cpu < n; cpu++) {
        smp_run(cpu, run_tasks, 0);
    }
    run_tasks(0);
    for (int cpu = 1; cpu < n; cpu++) {
        while (!smp_done(cpu)) {
            cpu_relax();
        }
    }
    trap_handle(VEC_PF, NULL);
    trap_handle(VEC_UD, NULL);
    idt_allow_user(VEC_TASK_CALL, false);
}
