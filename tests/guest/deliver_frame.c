/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What delivery writes and changes: the stack, the vector, the flags, and
 * what the next delivery finds (R111-R121).
 */
#include "recv.h"

const char *const test_group = "/uintr/deliver-frame";

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | \
                      RFLAGS_SF | RFLAGS_OF)

CODE(user_code, "nop; nop; " EXIT_ASM);

static void expect(uint64_t deliveries, uint64_t rr)
{
    CHECK_EQ(ui_count, deliveries);
    CHECK_EQ(recv_rr(), rr);
    ui_count = 0;
}

static void set_breakpoint(const char *at)
{
    asm volatile("mov %0, %%dr0" : : "r"(at));
    asm volatile("mov %0, %%dr7" : : "r"(at ? 1ull : 0ull));
}

/* ---- R111, R112: the stack ---- */

/* Deliver with this stack pointer and adjustment; where is the frame? */
static uint64_t frame_at(uint64_t rsp, uint64_t adjust)
{
    struct frame f = frame_user(user_code, 0, 0);
    uint64_t *image;

    f.rsp = rsp;
    recv_pend(BIT(63) | BIT(13));
    wrmsr(UINTR_MSR_RR, BIT(13));
    wrmsr(UINTR_MSR_STACKADJUST, adjust);
    ui_count = 0;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_count, 1);
    CHECK_EQ(f.rsp, rsp);
    CHECK_DELIVERED(0, 13, USER(user_code));
    CHECK_EQ(ui_log[0].rsp, rsp);
    CHECK_EQ(ui_log[0].at_rsp & 15, 0);
    image = (uint64_t *)KERNEL(ui_log[0].at_rsp);
    CHECK_EQ(image[0], 13);
    CHECK_EQ(image[1], USER(user_code));
    CHECK_EQ(image[2], RFLAGS_FIXED);
    CHECK_EQ(image[3], rsp);
    return ui_log[0].at_rsp;
}

static void test_stack_adjust(void)
{
    uint64_t top = (uint64_t)USER(recv_stack) + PAGE_SIZE;
    static const int64_t adjust[] = { 0, 8, 128, 136, 1024, -128, -1024, -2 };

    for (int i = 0; i < 8; i++) {
        for (int odd = 0; odd < 16; odd += 3) {
            uint64_t want = (top - odd - adjust[i]) & ~15ull;

            CHECK_EQ(frame_at(top - odd, adjust[i]), want - 32);
        }
    }
}

static void test_stack_load(void)
{
    uint64_t top = (uint64_t)USER(recv_stack) + PAGE_SIZE;

    for (int low = 1; low < 16; low += 2) {
        CHECK_EQ(frame_at((uint64_t)USER(recv_stack) + 5000, top + low),
                 top - 32);
    }
}

/* Nothing but the 32 bytes of the frame is written. */
static void test_red_zone(void)
{
    uint64_t top = (uint64_t)USER(recv_stack) + PAGE_SIZE;
    uint64_t at;

    memset(recv_stack, 0x77, RECV_STACK_SIZE);
    at = (uint64_t)KERNEL(frame_at(top, 128));
    CHECK_EQ(at, (uint64_t)KERNEL(top) - 128 - 32);
    for (char *p = (char *)at + 32; p < recv_stack + RECV_STACK_SIZE; p++) {
        if (*p != 0x77) {
            CHECK_EQ(p - recv_stack, 0);
            break;
        }
    }
}

/* ---- R113, R121: vectors ---- */

static void test_all_vectors(void)
{
    recv_pend(~0ull);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    for (int i = 0; i < UINTR_VECTORS; i++) {
        CHECK_DELIVERED(i, 63 - i, USER(user_code));
        CHECK_EQ(ui_log[i].rsp, ui_log[0].rsp);
    }
    expect(UINTR_VECTORS, 0);
}

CODE(exit_handler, "mov (%rsp), %rax; " EXIT_ASM);

/* After one delivery exactly that bit is gone from UIRR. */
static void test_each_vector(void)
{
    for (int v = 0; v < UINTR_VECTORS; v++) {
        uint64_t below = v ? BIT(v) - 1 : 0;

        for (int i = 0; i < 2; i++) {
            uint64_t others = i ? below : below & 0x5555555555555555;
            struct frame f = frame_user(user_code, 0, 0);

            recv_pend(BIT(v) | others);
            wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(exit_handler));
            CHECK_EQ(run(&f), VEC_EXIT);
            CHECK_EQ(f.rax, v);
            CHECK_EQ(recv_rr(), others);
            CHECK(!testui());
        }
    }
}

CODE(count_code, "incq steps(%rip); count_next: incq steps(%rip); " EXIT_ASM);
extern char count_next[];
volatile uint64_t steps;

CODE(steps_handler,
    "push %rax; push %rbx; mov ui_count(%rip), %rax; incq ui_count(%rip)\n"
    "lea steps_seen(%rip), %rbx; push %rcx; mov steps(%rip), %rcx\n"
    "mov %rcx, (%rbx,%rax,8); pop %rcx; pop %rbx; pop %rax\n"
    "lea 8(%rsp), %rsp; " UIRET_BYTES);
volatile uint64_t steps_seen[8];

/* No instruction of the interrupted code runs in between. */
static void test_back_to_back(void)
{
    steps = 0;
    recv_pend(BIT(63) | 1 | BIT(31));
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(steps_handler));
    CHECK_EQ(run_code(count_code, 0), VEC_EXIT);
    expect(3, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(steps_seen[i], 0);
    }
    CHECK_EQ(steps, 2);
}

/* R120: STUI in the handler lets the next one in, whatever its number. */
static void test_nested(void)
{
    recv_pend(BIT(20) | BIT(21) | BIT(50));
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)UI_RECORD_STUI);
    CHECK_EQ(run_code(user_code, 0), VEC_EXIT);
    CHECK_DELIVERED(0, 50, USER(user_code));
    CHECK_EQ(ui_log[1].vector, 21);
    CHECK_EQ(ui_log[2].vector, 20);
    CHECK(ui_log[1].rip != (uint64_t)USER(user_code));
    CHECK(ui_log[1].rsp < ui_log[0].at_rsp);
    CHECK(ui_log[2].rsp < ui_log[1].at_rsp);
    expect(3, 0);
}

CODE(raise_handler,
    "push %rax; push %rcx; push %rdx; cmpq $0, ui_count(%rip); jne 1f\n"
    "incq ui_count(%rip); xor %eax, %eax; " SENDUIPI_RAX_BYTES "\n"
    STUI_BYTES "; nop\n"
    "1: mov 24(%rsp), %rax; mov %rax, last_vector(%rip)\n"
    "pop %rdx; pop %rcx; pop %rax; lea 8(%rsp), %rsp; " UIRET_BYTES);
volatile uint64_t last_vector;

/* A higher vector posted in a handler of a lower one nests as well. */
static void test_nested_higher(void)
{
    static struct uitte table[1];

    recv_pend(BIT(2));
    table[0] = uitte(60, recv_upid);
    uintr_sender(table, 1);
    wrmsr(UINTR_MSR_HANDLER, (uint64_t)USER(raise_handler));
    CHECK_EQ(run_code(user_code, RFLAGS_IF), VEC_EXIT);
    CHECK_EQ(last_vector, 2);
    CHECK_TAKEN();
    expect(1, 0);
}

/* ---- R114, R115, R117: flags ---- */

static void check_flags(uint64_t flags)
{
    struct frame f = frame_user(user_code, 0, 0);

    f.rflags |= flags;
    recv_pend(BIT(14));
    ui_count = 0;
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(ui_log[0].rflags, flags | RFLAGS_FIXED);
    CHECK_EQ(ui_log[0].in_rflags,
             (flags | RFLAGS_FIXED) & ~(RFLAGS_TF | RFLAGS_RF));
    CHECK_EQ(ui_log[0].uif, 0);
    CHECK_EQ(f.rflags & ~RFLAGS_RF, flags | RFLAGS_FIXED);
}

static void test_flags(void)
{
    uint64_t kept = STATUS_FLAGS | RFLAGS_DF | RFLAGS_IF | RFLAGS_IOPL |
                    RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;

    for (int bit = 0; bit < 22; bit++) {
        if (kept >> bit & 1) {
            check_flags(BIT(bit));
            check_flags(kept & ~BIT(bit));
        }
    }
    check_flags(0);
    check_flags(kept);
}

/* Flags that only the code generator knows of: none of them was stored. */
CODE(lazy_code,
    "xor %eax, %eax; cmp $1, %eax; std; " STUI_BYTES "\n"
    "pushfq; pop %rbx; cld; " EXIT_ASM);

static void test_lazy_flags(void)
{
    uint64_t want = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_SF | RFLAGS_DF;
    struct frame f;

    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(15));
    f = after_code(lazy_code, 0);
    CHECK_EQ(ui_log[0].rflags, want | RFLAGS_FIXED);
    CHECK_EQ(ui_log[0].in_rflags, want | RFLAGS_FIXED);
    CHECK_EQ(f.rbx, want | RFLAGS_FIXED);
    expect(1, 0);
}

/* RF is saved, and clear in the handler: its first instruction traps. */
static void test_rf(void)
{
    struct frame f = frame_user(user_code, 0, 0);

    recv_pend(BIT(16));
    f.rflags |= RFLAGS_RF;
    set_breakpoint(UI_RECORD);
    CHECK_EQ(run(&f), VEC_DB);
    set_breakpoint(NULL);
    CHECK_EQ(f.rip, UI_RECORD);
    CHECK_EQ(((uint64_t *)KERNEL(f.rsp))[2], RFLAGS_RF | RFLAGS_FIXED);
    expect(0, 0);
}

/* STUI that begins with RF set ends with RF clear, like any instruction. */
CODE(stui_code, STUI_BYTES "; nop; " EXIT_ASM);

static void test_rf_ends(void)
{
    recv_begin();
    wrmsr(UINTR_MSR_RR, BIT(16));
    CHECK_EQ(run_code(stui_code, RFLAGS_RF), VEC_EXIT);
    CHECK_EQ(ui_log[0].rflags, RFLAGS_FIXED);
    expect(1, 0);
}

#define STRING_BYTES (64 * PAGE_SIZE)

CODE(string_code, "string_insn: rep stosb; after_string: nop; " EXIT_ASM);
extern char string_insn[];
extern char after_string[];

static struct frame interrupt_string(uint8_t *buffer, uint32_t ticks)
{
    struct frame f = frame_user(string_code, 0, 0);

    memset(buffer, 0, STRING_BYTES);
    recv_pend(0);
    recv_post(BIT(17));
    ui_count = 0;
    f.rdi = (uint64_t)USER(buffer);
    f.rcx = STRING_BYTES;
    f.rax = 0x5a;
    f.rflags |= RFLAGS_IF;
    apic_write(APIC_LVT_TIMER, NV);
    apic_write(APIC_TIMER_INIT, ticks);
    CHECK_EQ(run(&f), VEC_EXIT);
    apic_write(APIC_TIMER_INIT, 0);
    irq_window();
    return f;
}

/*
 * Between two iterations RIP stays and RF is set in the image.  Where the
 * timer met the first iteration, nothing has begun and RF is clear.
 */
static void test_rep(void)
{
    uint8_t *buffer = pages_alloc(64);
    bool seen = false;

    apic_write(APIC_TIMER_DIV, 0xb);
    for (int i = 0; i < 500 && !seen; i++) {
        struct frame f = interrupt_string(buffer, 5000 + i % 50 * 2000);

        CHECK_EQ(f.rcx, 0);
        CHECK_EQ(f.rdi, USER(buffer) + STRING_BYTES);
        CHECK_EQ(buffer[0], 0x5a);
        CHECK_EQ(buffer[STRING_BYTES - 1], 0x5a);
        seen = ui_count == 1 && ui_log[0].rip == (uint64_t)USER(string_insn) &&
               (ui_log[0].rflags & RFLAGS_RF);
        if (ui_count && ui_log[0].rip != (uint64_t)USER(string_insn)) {
            CHECK_EQ(ui_log[0].rflags & RFLAGS_RF, 0);
        }
    }
    CHECK(seen);
    apic_write(APIC_LVT_TIMER, 0x10000);
}

const struct test tests[] = {
    { "R111-stack-adjust", test_stack_adjust },
    { "R111-stack-load", test_stack_load },
    { "R112-red-zone", test_red_zone },
    { "R113-all-vectors", test_all_vectors },
    { "R113-R117-each-vector", test_each_vector },
    { "R114-flags", test_flags },
    { "R114-lazy-flags", test_lazy_flags },
    { "R115-rep", test_rep },
    { "R117-rf", test_rf },
    { "R115-rf-ends", test_rf_ends },
    { "R120-nested", test_nested },
    { "R120-nested-higher", test_nested_higher },
    { "R121-back-to-back", test_back_to_back },
    {}
};
