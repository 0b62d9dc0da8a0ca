/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mistake: a signal frame has the user-interrupt state in it, so the end
 * of a signal handler takes back what was registered in it.  The task
 * registers when it first needs to, which is hardly ever in a signal handler.
 */
#include "buggy.h"
#include "recv.h"

const char *const test_group = "/buggy/lost-in-signal";

#define LIVES           8
#define BETWEEN         40000           /* ticks, at most */
#define BEFORE_SIGNAL   20000           /* ticks, at least */
#define KILL_VECTOR     0x42
#define REGISTER_CALL   0x82
#define SIGRETURN_CALL  0x83
#define RED_ZONE        128

struct state {
    uint64_t handler, upid;
    int uinv;
};

static struct {
    struct frame frame;
    struct state state;
} signal;
static volatile bool registered;        /* the library's, in ring 3 */
static volatile uint64_t begun, signals;

/* ---- the task ---- */

CODE(count_message, "lock incq task+72(%rip); lea 8(%rsp), %rsp\n" UIRET_BYTES);

static void use_interrupts(void)
{
    if (!registered) {
        asm volatile("int %0" : : "i"(REGISTER_CALL) : "memory");
        registered = true;
    }
}

static void signal_handler(void)
{
    use_interrupts();
    asm volatile("int %0" : : "i"(SIGRETURN_CALL) : "memory");
}

static void in_ring_3(uint64_t before)
{
    stui();
    use_interrupts();
    while (task.received == before && !task.ends) {
        cpu_relax();
    }
}

/* ---- its kernel ---- */

static struct state state_of_cpu(void)
{
    return (struct state) {
        .handler = rdmsr(UINTR_MSR_HANDLER),
        .upid = rdmsr(UINTR_MSR_PD),
        .uinv = rdmsr(UINTR_MSR_MISC) >> UINTR_MISC_UINV_SHIFT,
    };
}

static void set_state(const struct state *state)
{
    wrmsr(UINTR_MSR_HANDLER, state->handler);
    wrmsr(UINTR_MSR_PD, state->upid);
    set_uinv(state->uinv);
}

static void on_register(struct frame *f __attribute__((unused)))
{
    set_state(&(struct state) {
        .handler = (uint64_t)USER(count_message),
        .upid = (uint64_t)&task.upid,
        .uinv = NV,
    });
}

static void on_kill(struct frame *f)
{
    apic_eoi();
    signal.frame = *f;
    signal.state = state_of_cpu();
    f->rip = (uint64_t)USER((const void *)signal_handler);
    f->rsp = ((f->rsp - RED_ZONE) & -16) - 8;
}

static void on_sigreturn(struct frame *f)
{
    *f = signal.frame;
    if (!IS_FIXED) {
        set_state(&signal.state);
    }
    signals++;
}

static void live(void)
{
    struct frame f = frame_user(in_ring_3, task.received, 0);

    upid_init(&task.upid, NV, apic_id());
    f.rflags |= RFLAGS_IF;
    begun++;
    run(&f);
    set_state(&(struct state) {});
    registered = false;
}

static void kernel(uint64_t unused __attribute__((unused)))
{
    receiver_setup(&task.upid);
    set_state(&(struct state) {});
    while (!task.ends) {
        live();
    }
}

/* ---- the other CPU ---- */

static void handle_traps(void)
{
    trap_handle(KILL_VECTOR, on_kill);
    trap_handle(REGISTER_CALL, on_register);
    trap_handle(SIGRETURN_CALL, on_sigreturn);
    idt_allow_user(REGISTER_CALL, true);
    idt_allow_user(SIGRETURN_CALL, true);
}

static void send_signal(uint64_t life)
{
    static uint64_t seed = 1;

    CHECK(SOON(begun == life));
    delay(tsc_ticks(BEFORE_SIGNAL) + random64(&seed) % BETWEEN);
    apic_icr(1, ICR_FIXED | ICR_ASSERT | KILL_VECTOR);
    CHECK(SOON(signals == life));
}

static void test_all_received(void)
{
    handle_traps();
    every_post_arrives(kernel, 1, LIVES, send_signal);
}

const struct test tests[] = {
    { "all-received", test_all_received, 2 },
    {}
};
