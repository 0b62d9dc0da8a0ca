/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errno.h"
#include "kernel.h"
#include "xsave.h"

#define MSR_CSTAR       0xc0000083
#define EXCEPTIONS      32

extern char kernel_stubs[], kernel_syscall[], kernel_syscall32[];
extern char user_copy_first[], user_copy_last[], user_copy_fault[];
extern char send_user_interrupt_at[], send_user_interrupt_fault[];

void trap_dispatch(struct frame *f);
void kernel_trap(struct frame *f);
void kernel_call(struct frame *f);
void thread_to_user(void);

/*
 * The exception stack is that of all: the thread goes on in the kernel, on
 * its own stack, where its frame is then as after SYSCALL.
 */
static void fault_in_thread(struct frame *f)
{
    struct frame *own = thread_frame(thread_current());

    *own = *f;
    *f = (struct frame) {
        .rip = (uint64_t)thread_faulted, .cs = SEL_KCODE, .ss = SEL_KDATA,
        .rflags = RFLAGS_FIXED, .rdi = (uint64_t)own,
        .rsp = (uint64_t)own - 8,
    };
}

static bool in_user_copy(const struct frame *f)
{
    return f->rip >= (uint64_t)user_copy_first &&
           f->rip < (uint64_t)user_copy_last;
}

void kernel_trap(struct frame *f)
{
    bool user = (f->cs & 3) == 3;

    if (user && (f->vector < EXCEPTIONS || f->vector == VEC_EXIT)) {
        this_cpu()->cr2 = read_cr2();
        fault_in_thread(f);
    } else if (f->vector == VEC_PF && !user && in_user_copy(f)) {
        f->rip = (uint64_t)user_copy_fault;
    } else if (f->rip == (uint64_t)send_user_interrupt_at &&
               f->vector < EXCEPTIONS) {
        f->rip = (uint64_t)send_user_interrupt_fault;
    } else {
        trap_dispatch(f);
        if (user) {
            thread_to_user();
        }
    }
}

void kernel_call(struct frame *f)
{
    f->rax = system_call(f);
    thread_to_user();
}

static void on_late_notification(struct frame *f __attribute__((unused)))
{
    apic_eoi();                         /* the post is found at the resume */
}

void kernel_cpu(void)
{
    for (int v = 0; v < 256; v++) {
        idt_set(v, kernel_stubs + v * 16);
    }
    trap_handle(UINTR_NOTIFICATION, on_late_notification);
    write_cr4(read_cr4() | CR4_SMEP | CR4_SMAP);
    uintr_enable();
    xsave_enable_all();
    wrmsr(MSR_STAR, (uint64_t)SEL_UCODE32 << 48 | (uint64_t)SEL_KCODE << 32);
    wrmsr(MSR_LSTAR, (uint64_t)kernel_syscall);
    wrmsr(MSR_CSTAR, (uint64_t)kernel_syscall32);
    wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC |
                     RFLAGS_NT);
}

static uint64_t books;

void kernel_start(uint64_t frames, uint64_t end)
{
    books = frames;
    frames += (end - frames) / PAGE_SIZE * 12;  /* of both pools */
    frames = (frames + PAGE_SIZE - 1) & -PAGE_SIZE;
    pool_init(&private_frames, frames, end, &books);
    kernel_cpu();
    clock_start();
}

void kernel_window(uint64_t frames, uint64_t end)
{
    pool_init(&window_frames, frames, end, &books);
    if (books > private_frames.base) {
        fatal("no room for the books of the frames");
    }
}
