/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libc.h"
#include "numbers.h"

#define THREAD_FLAGS    0x210100        /* VM, THREAD, CHILD_CLEARTID */
#define STACK_BYTES     16384
#define RED_ZONE        128

long thread_clone(long flags, void *stack, volatile uint32_t *tid,
                  void (*fn)(void *), void *argument, long number);

long thread_create(struct pthread *t, void (*fn)(void *), void *argument)
{
    t->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE);
    if (!t->stack) {
        return -ENOMEM;
    }
    t->alive = 1;
    t->tid = thread_clone(THREAD_FLAGS, t->stack + STACK_BYTES, &t->alive, fn,
                          argument, CALL_clone);
    if (t->tid < 0) {
        munmap(t->stack, STACK_BYTES);
    }
    return t->tid;
}

void thread_join(struct pthread *t)
{
    while (t->alive) {
        futex(&t->alive, FUTEX_WAIT, 1);
    }
    munmap(t->stack, STACK_BYTES);
}

void thread_end(void)
{
    for (;;) {
        call(CALL_exit, 0);
    }
}

void __attribute__((weak)) user_interrupt(uint64_t vector)
{
    printf("user interrupt %lu is for nobody\n", vector);
}

long uintr_handler(void)
{
    return call(CALL_uintr_register_handler, user_interrupt_entry, RED_ZONE);
}

long uintr_sender(int tid, int vector)
{
    return call(CALL_uintr_register_sender, tid, vector);
}
