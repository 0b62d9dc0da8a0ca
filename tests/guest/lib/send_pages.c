/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, rights and atomicity of SENDUIPI's accesses (send_rules.h). */
#include "send_rules.h"

#define WINDOW  0x0000010000000000ull   /* nothing is mapped there */
#define TABLE_ENTRIES (PAGE_SIZE / UITTE_SIZE)
#define ABSENT_ID 0xfe

static struct upid *const upid = &send_upids[0];

/* Two pages of one table, swapped; what follows each in RAM is a decoy. */
void rule_scattered_table(void)
{
    struct uitte *ram = pages_alloc(4);

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    for (int page = 0; page < 4; page++) {
        ram[page * TABLE_ENTRIES] = uitte(10 + page, upid);
        ram[page * TABLE_ENTRIES + 255] = uitte(20 + page, upid);
    }
    vm_map(WINDOW, (uint64_t)&ram[2 * TABLE_ENTRIES], PTE_P | PTE_W);
    vm_map(WINDOW + PAGE_SIZE, (uint64_t)ram, PTE_P | PTE_W);
    uintr_sender((struct uitte *)WINDOW, 2 * TABLE_ENTRIES);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(12));
    CHECK_EQ(send_user(255), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(12) | BIT(22));
    CHECK_EQ(send_user(256), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(12) | BIT(22) | BIT(10));
    CHECK_EQ(send_user(511), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(12) | BIT(22) | BIT(10) | BIT(20));
    vm_map(WINDOW, 0, 0);
    vm_map(WINDOW + PAGE_SIZE, 0, 0);
}

/* The access is a supervisor's even in ring 3: bit 2 of the code is 0. */
static void faults_at(uint64_t index, uint64_t error, const volatile void *at)
{
    for (int ring = 0; ring <= 3; ring += 3) {
        CHECK_EQ(execute(senduipi_insn(0), ring, 0, index), FAULT_PF(error));
        CHECK_EQ(trap_cr2(), (uint64_t)at);
    }
}

void rule_unmapped(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0), pte;

    send_setup();
    upid_fill(&send_upids[9], low, 2);
    send_table[17] = uitte(30, &send_upids[9]);
    pte = vm_change(send_table, PTE_P, 0);
    faults_at(0, 0, &send_table[0]);
    faults_at(17, 0, &send_table[17]);
    vm_restore(send_table, pte);
    pte = vm_change(send_upids, PTE_P, 0);
    faults_at(0, PF_W, &send_upids[0]);
    faults_at(17, PF_W, &send_upids[9]);
    vm_restore(send_upids, pte);
    CHECK_UPID(&send_upids[9], low, 2);
    CHECK_EQ(ipis_taken(0, NV), 0);
    CHECK_EQ(send_user(17), SENT);
    CHECK_UPID(&send_upids[9], low | UPID_ON, 2 | BIT(30));
    CHECK_EQ(ipis_taken(0, NV), 1);
}

void rule_read_only(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0), table, pte;

    send_setup();
    table = vm_change(send_table, PTE_W, 0);
    pte = vm_change(send_upids, PTE_W, 0);
    faults_at(0, PF_P | PF_W, upid);
    CHECK_UPID(upid, low, 0);
    CHECK_EQ(ipis_taken(0, NV), 0);
    write_cr0(read_cr0() & ~CR0_WP);
    CHECK_EQ(send_user(0), SENT);
    write_cr0(read_cr0() | CR0_WP);
    vm_restore(send_upids, pte);
    CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
    CHECK_EQ(ipis_taken(0, NV), 1);
    CHECK_EQ(send_user(0), SENT);
    vm_restore(send_table, table);
}

static uint64_t accessed_dirty(const void *page)
{
    return *vm_pte((uint64_t)page) & (PTE_A | PTE_D);
}

/* A page that was written must be known as written, or paging loses it. */
void rule_dirty_bit(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    vm_change(send_table, PTE_A | PTE_D, 0);
    vm_change(send_upids, PTE_A | PTE_D, 0);
    CHECK_EQ(send_user(1), FAULT_GP);           /* an entry that is not valid */
    CHECK_EQ(accessed_dirty(send_table), PTE_A);
    CHECK_EQ(accessed_dirty(send_upids), 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(accessed_dirty(send_table), PTE_A);
    CHECK_EQ(accessed_dirty(send_upids), PTE_A | PTE_D);
}

static void in_user_pages(uint64_t table_outcome, uint64_t upid_outcome)
{
    const uint64_t flags[] = { 0, RFLAGS_AC };

    for (int i = 0; i < 4; i++) {
        int ring = i & 2 ? 3 : 0;

        execute_flags = flags[i & 1];
        uintr_sender(USER(send_table), SEND_ENTRIES);
        CHECK_EQ(execute(senduipi_insn(0), ring, 0, 0), table_outcome);
        uintr_sender(send_table, SEND_ENTRIES);
        CHECK_EQ(execute(senduipi_insn(0), ring, 0, 1), upid_outcome);
        CHECK_EQ(execute(senduipi_insn(0), ring, 0, 0), SENT);
    }
}

/* Implicit supervisor accesses: RFLAGS.AC opens nothing, at any CPL. */
void rule_smap(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    send_table[1] = uitte(SEND_UV, USER(upid));
    in_user_pages(SENT, SENT);
    write_cr4(read_cr4() | CR4_SMAP);
    in_user_pages(FAULT_PF(PF_P), FAULT_PF(PF_P | PF_W));
    write_cr4(read_cr4() & ~CR4_SMAP);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

void rule_canonical_upid(void)
{
    const uint64_t beyond[] = {
        BIT(47), BIT(48), BIT(56), BIT(63), 0xffff000000000000,
        0x7fffffffffffffc0, 0xff7fffffffffffc0,
    };

    send_setup();
    write_cr2(0x1234);
    for (int i = 0; i < 7; i++) {
        send_table[0].upid = beyond[i];
        CHECK_EQ(send_user(0), FAULT_GP);
        CHECK_EQ(send_kernel(0), FAULT_GP);
    }
    CHECK_EQ(read_cr2(), 0x1234);
    send_table[0].upid = 0x00007fffffffffc0;        /* just below: unmapped */
    faults_at(0, PF_W, (void *)0x00007fffffffffc0);
    send_table[0].upid = 0xffff800000000000;        /* just above */
    faults_at(0, PF_W, (void *)0xffff800000000000);
}

static uint64_t lock_btr(volatile uint64_t *word, uint64_t bit)
{
    return __atomic_fetch_and(word, ~BIT(bit), __ATOMIC_SEQ_CST) & BIT(bit);
}

static uint64_t locked_posts;
static uint32_t lost_posts, lost_toggles;
static volatile uint32_t cpus_ready;

/* Starting a CPU takes longer than a thousand posts: begin together. */
static void wait_for_all(void)
{
    __atomic_fetch_add(&cpus_ready, 1, __ATOMIC_SEQ_CST);
    while (cpus_ready < 4) {
        cpu_relax();
    }
}

/* Vectors of this CPU alone: a bit that is not there was undone by another. */
static void post_and_take(uint64_t cpu)
{
    uintr_sender(send_table, SEND_ENTRIES);
    wait_for_all();
    for (uint64_t i = 0; i < locked_posts; i++) {
        uint64_t vector = cpu + i * 3 % 63;

        senduipi(vector);
        if (!lock_btr(&upid->pir, vector)) {
            __atomic_fetch_add(&lost_posts, 1, __ATOMIC_SEQ_CST);
        }
    }
}

static void toggle(uint64_t unused)
{
    (void)unused;
    wait_for_all();
    for (uint64_t i = 0; i < locked_posts; i++) {
        uint64_t old = __atomic_fetch_xor(&upid->low, UPID_SN,
                                          __ATOMIC_SEQ_CST);

        lost_toggles += !!(old & UPID_SN) != (i & 1);
        lock_btr(&upid->low, 0);
    }
}

void rule_locked(uint64_t posts)
{
    uint64_t low = upid_low(NV, ABSENT_ID, 0);

    send_setup();
    upid_fill(upid, low, BIT(63));
    for (int v = 0; v < 63; v++) {
        send_table[v] = uitte(v, upid);
    }
    locked_posts = posts & ~1ull;
    lost_posts = lost_toggles = cpus_ready = 0;
    for (int cpu = 1; cpu < 4; cpu++) {
        smp_run(cpu, cpu == 3 ? toggle : post_and_take, cpu);
    }
    post_and_take(0);
    for (int cpu = 1; cpu < 4; cpu++) {
        smp_wait(cpu);
    }
    CHECK_EQ(lost_posts, 0);
    CHECK_EQ(lost_toggles, 0);
    CHECK_UPID(upid, low | (upid->low & UPID_ON), BIT(63));
}
