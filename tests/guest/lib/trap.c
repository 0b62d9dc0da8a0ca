/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions and interrupts, and running code until it traps. */
#include "lib.h"

static trap_fn handlers[256];
volatile uint32_t irq_counts[256];

void frame_enter(struct frame *f);
void frame_leave(void) __attribute__((noreturn));
void trap_dispatch(struct frame *f);

void trap_handle(int vector, trap_fn fn)
{
    handlers[vector] = fn;
}

uint64_t *frame_reg(struct frame *f, int reg)
{
    uint64_t *slots[16] = {
        &f->rax, &f->rcx, &f->rdx, &f->rbx, &f->rsp, &f->rbp, &f->rsi, &f->rdi,
        &f->r8, &f->r9, &f->r10, &f->r11, &f->r12, &f->r13, &f->r14, &f->r15,
    };

    return slots[reg];
}

uint64_t trap_cr2(void)
{
    return this_cpu()->cr2;
}

void trap_dispatch(struct frame *f)
{
    struct cpu *cpu = this_cpu();

    if (f->vector == VEC_PF) {
        cpu->cr2 = read_cr2();
    }
    if (handlers[f->vector]) {
        handlers[f->vector](f);
        return;
    }
    if (cpu->running) {
        *cpu->running = *f;
        frame_leave();
    }
    fatal("CPU %d: vector %d error %lx at %lx, rsp %lx, cr2 %lx",
          cpu->index, (int)f->vector, f->error, f->rip, f->rsp, cpu->cr2);
}

/* A handler may run code in a ring itself: the outer run() is put back. */
uint64_t run(struct frame *f)
{
    struct cpu *cpu = this_cpu();
    struct frame *outer = cpu->running;
    uint64_t outer_rsp = cpu->resume_rsp;
    struct frame start = *f;

    cpu->running = f;
    frame_enter(&start);
    cpu->running = outer;
    cpu->resume_rsp = outer_rsp;
    return f->vector;
}

static struct frame new_frame(const void *fn, uint64_t a, uint64_t b,
                              uint64_t offset)
{
    uint64_t *top = stack_top(this_cpu()->index, STACK_RUN);

    *--top = (uint64_t)frame_exit | offset;
    return (struct frame) {
        .rip = (uint64_t)fn | offset, .rsp = (uint64_t)top | offset,
        .rdi = a, .rsi = b, .rflags = RFLAGS_FIXED,
        .cs = offset ? SEL_UCODE : SEL_KCODE,
        .ss = offset ? SEL_UDATA : SEL_KDATA,
    };
}

struct frame frame_user(const void *fn, uint64_t a, uint64_t b)
{
    return new_frame(fn, a, b, USER_OFFSET);
}

struct frame frame_kernel(const void *fn, uint64_t a, uint64_t b)
{
    return new_frame(fn, a, b, 0);
}

uint64_t run_user(const void *fn, uint64_t a, uint64_t b)
{
    struct frame f = frame_user(fn, a, b);

    return run(&f);
}

uint64_t run_kernel(const void *fn, uint64_t a, uint64_t b)
{
    struct frame f = frame_kernel(fn, a, b);

    return run(&f);
}

static uint64_t fault_of(const void *fn, uint64_t a, uint64_t b,
                         struct frame *f)
{
    *f = frame_kernel(fn, a, b);
    return run(f) == VEC_EXIT ? 0 : f->vector;
}

static void do_wrmsr(uint64_t msr, uint64_t value)
{
    wrmsr(msr, value);
}

static uint64_t do_rdmsr(uint64_t msr)
{
    return rdmsr(msr);
}

static void do_write_cr4(uint64_t value)
{
    write_cr4(value);
}

static void do_xsetbv(uint64_t reg, uint64_t value)
{
    xsetbv(reg, value);
}

uint64_t wrmsr_fault(uint32_t msr, uint64_t value)
{
    struct frame f;

    return fault_of(do_wrmsr, msr, value, &f);
}

uint64_t rdmsr_fault(uint32_t msr, uint64_t *value)
{
    struct frame f;
    uint64_t vector = fault_of(do_rdmsr, msr, 0, &f);

    *value = f.rax;
    return vector;
}

uint64_t write_cr4_fault(uint64_t value)
{
    struct frame f;

    return fault_of(do_write_cr4, value, 0, &f);
}

uint64_t xsetbv_fault(uint32_t reg, uint64_t value)
{
    struct frame f;

    return fault_of(do_xsetbv, reg, value, &f);
}

void irq_count(struct frame *f)
{
    __atomic_fetch_add(&irq_counts[f->vector], 1, __ATOMIC_SEQ_CST);
    apic_eoi();
}
