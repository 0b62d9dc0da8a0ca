/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recv.h"

_Static_assert(COMPAT_CODE == 0x50000000, "COMPAT()");

static struct upid upid_page[64] __attribute__((aligned(4096)));
static char stack_pages[RECV_STACK_SIZE] __attribute__((aligned(4096)));

struct upid *const recv_upid = upid_page;
char *const recv_stack = stack_pages;

void recv_begin(void)
{
    upid_init(recv_upid, NV, apic_id());
    uintr_receiver(UI_RECORD, recv_upid, NV);
    wrmsr(UINTR_MSR_RR, 0);
    clui();
}

void recv_pend(uint64_t rr)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, rr);
    stui();
}

void recv_post(uint64_t vectors)
{
    __atomic_fetch_or(&recv_upid->pir, vectors, __ATOMIC_SEQ_CST);
    __atomic_fetch_or(&recv_upid->low, UPID_ON, __ATOMIC_SEQ_CST);
}

void recv_request(void)
{
    apic_icr(apic_id(), ICR_ASSERT | NV);
}

void recv_notify(void)
{
    recv_request();
    irq_window();
}

uint64_t recv_rr(void)
{
    return rdmsr(UINTR_MSR_RR);
}

struct frame after_code(const char *code, uint64_t rflags)
{
    struct frame f = frame_user(code, 0, 0);

    f.rflags |= rflags;
    run(&f);
    return f;
}

uint64_t run_code(const char *code, uint64_t rflags)
{
    return after_code(code, rflags).vector;
}

void delay(uint64_t ticks)
{
    for (uint64_t end = rdtsc() + ticks; rdtsc() < end; ) {
        cpu_relax();
    }
}
