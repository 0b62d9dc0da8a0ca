/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SENDUIPI: how it reaches UITT and UPID (R44, R47-R52, R60, R61). */
#include "modes.h"
#include "send_rules.h"

const char *const test_group = "/uintr/senduipi";

#define WINDOW          0x0000010000000000ull   /* nothing is mapped there */
#define TOP_PAGE        0xfffffffffffff000ull
#define HIGH_PAGE       0xffff900000000000ull
#define TESTDEV         0xff000000ull   /* pc-testdev: MMIO that keeps data */
#define HPET            0xfed00000ull
#define IOAPIC          0xfec00000ull
#define LAPIC           0xfee00000ull
#define NOTHING_THERE   0xd0000000ull
#define BEYOND_RAM_BITS BIT(50)         /* more than MAXPHYADDR */
#define MSR_PKRS        0x6e1
#define CR4_PKS         BIT(24)
#define PKEY            3
#define PTE_KEY(n)      ((uint64_t)(n) << 59)
#define KEY_AD          (1u << 2 * PKEY)
#define KEY_WD          (2u << 2 * PKEY)

static struct upid *const upid = &send_upids[0];

static void pf_at(uint64_t outcome, uint64_t error, uint64_t address)
{
    CHECK_EQ(outcome, FAULT_PF(error));
    CHECK_EQ(trap_cr2(), address);
}

/* ---- addresses ---- */

/* The address of an entry is a sum of 64 bits: it may pass zero. */
static void test_table_wraps(void)
{
    uint64_t *first = vm_pte(0), old = *first;
    struct uitte *page = page_alloc();

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    page[0] = uitte(50, upid);
    page[3] = uitte(51, upid);
    vm_map(TOP_PAGE, (uint64_t)send_table, PTE_P | PTE_W);
    vm_map(0, (uint64_t)page, PTE_P | PTE_W);
    uintr_sender((struct uitte *)TOP_PAGE, 512);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(send_user(256), SENT);
    CHECK_EQ(send_user(259), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV) | BIT(50) | BIT(51));
    vm_map(0, 0, 0);
    pf_at(send_user(256), 0, 0);
    vm_map(0, old, PTE_P | PTE_W);
    vm_map(TOP_PAGE, 0, 0);
}

static void test_negative_addresses(void)
{
    send_setup();
    upid_fill(&send_upids[2], UPID_SN, 0);
    vm_map(HIGH_PAGE, (uint64_t)send_table, PTE_P | PTE_W);
    vm_map(HIGH_PAGE + PAGE_SIZE, (uint64_t)send_upids, PTE_P | PTE_W);
    send_table[2] = uitte(1, (struct upid *)(HIGH_PAGE + PAGE_SIZE) + 2);
    uintr_sender((struct uitte *)HIGH_PAGE, SEND_ENTRIES);
    CHECK_EQ(send_user(2), SENT);
    CHECK_UPID(&send_upids[2], UPID_SN, BIT(1));
    vm_map(HIGH_PAGE, 0, 0);
    vm_map(HIGH_PAGE + PAGE_SIZE, 0, 0);
}

static void not_canonical(uint64_t table, uint64_t index)
{
    wrmsr(UINTR_MSR_TT, table | UINTR_TT_ENABLE);
    CHECK_EQ(send_user(index), FAULT_GP);
    CHECK_EQ(send_kernel(index), FAULT_GP);
}

/* The MSR takes 57 bits where CPUID has LA57; paging here has 48 (R14). */
static void test_canonical_entry(void)
{
    send_setup();
    wrmsr(UINTR_MSR_MISC, 0xffffffff);
    write_cr2(0x1234);
    not_canonical(0x00007ffffffff000, 256);
    not_canonical(0x00007ff800000000, 0x80000000);
    if (cpuid(7, 0).ecx & BIT(16)) {
        not_canonical(0x0000800000000000, 0);
        not_canonical(0xffff7ffffffffff0, 0);
    }
    CHECK_EQ(read_cr2(), 0x1234);
    wrmsr(UINTR_MSR_TT, 0x00007ffffffff000 | UINTR_TT_ENABLE);
    pf_at(send_user(255), 0, 0x00007ffffffffff0);
    if (cpuid(7, 0).ecx & BIT(16)) {
        wrmsr(UINTR_MSR_TT, 0xffff7ffffffffff0 | UINTR_TT_ENABLE);
        pf_at(send_user(1), 0, 0xffff800000000000);
    }
}

/* With five levels the other 9 bits are addresses too, and no more than 57. */
static void test_five_levels(void)
{
    const uint64_t alias = BIT(48);
    uint64_t *top;

    if (!(cpuid(7, 0).ecx & BIT(16))) {
        skip("no LA57");
    }
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    vm_la57(true);
    top = (uint64_t *)(read_cr3() & ~(PAGE_SIZE - 1));
    top[1] = top[0];
    send_table[0].upid = (uint64_t)upid + alias;
    wrmsr(UINTR_MSR_TT, ((uint64_t)send_table + alias) | UINTR_TT_ENABLE);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
    send_table[0].upid = BIT(49);
    pf_at(send_user(0), PF_W, BIT(49));
    send_table[0].upid = BIT(56);
    CHECK_EQ(send_user(0), FAULT_GP);
    send_table[0].upid = BIT(63);
    CHECK_EQ(send_user(0), FAULT_GP);
    top[1] = 0;
    vm_la57(false);
}

/* ---- rights ---- */

static uint64_t load(volatile uint64_t *p)
{
    return *p;
}

/* Ring 3 cannot touch these pages, but its SENDUIPI can. */
static void test_supervisor_pages(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    CHECK_EQ(run_user(load, (uint64_t)send_table, 0), VEC_PF);
    CHECK_EQ(run_user(load, (uint64_t)upid, 0), VEC_PF);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

static void test_smep(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    send_table[0] = uitte(SEND_UV, USER(upid));
    uintr_sender(USER(send_table), SEND_ENTRIES);
    write_cr4(read_cr4() | CR4_SMEP);
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(send_kernel(0), SENT);
    write_cr4(read_cr4() & ~CR4_SMEP);
    CHECK_UPID(upid, UPID_SN, BIT(SEND_UV));
}

static void write_pkru(uint32_t value)
{
    asm volatile(".byte 0x0f, 0x01, 0xef" /* wrpkru */
                 : : "a"(value), "c"(0), "d"(0) : "memory");
}

static void write_pkrs(uint32_t value)
{
    wrmsr(MSR_PKRS, value);
}

/* @table and @target are the addresses whose pages carry the key. */
static void check_keys(void (*set)(uint32_t), struct uitte *table,
                       struct upid *target)
{
    send_table[0] = uitte(SEND_UV, target);
    uintr_sender(table, SEND_ENTRIES);
    set(0);
    CHECK_EQ(send_user(0), SENT);
    set(KEY_AD);
    pf_at(send_user(0), PF_P | PF_PK, (uint64_t)table);
    pf_at(send_kernel(0), PF_P | PF_PK, (uint64_t)table);
    set(KEY_WD);
    pf_at(send_user(0), PF_P | PF_W | PF_PK, (uint64_t)target);
    pf_at(send_kernel(0), PF_P | PF_W | PF_PK, (uint64_t)target);
    write_cr0(read_cr0() & ~CR0_WP);
    CHECK_EQ(send_user(0), SENT);
    write_cr0(read_cr0() | CR0_WP);
    set(0);
}

/* Give the pages of table and UPID a key, on one side of the alias. */
static void with_keys(void (*set)(uint32_t), struct uitte *table,
                      struct upid *target)
{
    uint64_t table_pte = vm_change(table, 0, PTE_KEY(PKEY));
    uint64_t target_pte = vm_change(target, 0, PTE_KEY(PKEY));

    check_keys(set, table, target);
    vm_restore(table, table_pte);
    vm_restore(target, target_pte);
}

/* PKRU guards user pages, whoever reads them; PKRS the others (R51). */
static void test_pkru(void)
{
    if (!(cpuid(7, 0).ecx & BIT(3))) {
        skip("no PKU");
    }
    send_setup();
    write_cr4(read_cr4() | CR4_PKE);
    with_keys(write_pkru, USER(send_table), USER(upid));
    write_pkru(KEY_AD);
    send_table[0] = uitte(SEND_UV, upid);
    uintr_sender(send_table, SEND_ENTRIES);
    CHECK_EQ(send_user(0), SENT);               /* not the supervisor's key */
    write_pkru(0);
    write_cr4(read_cr4() & ~CR4_PKE);
}

static void test_pkrs(void)
{
    if (!(cpuid(7, 0).ecx & BIT(31))) {
        skip("no PKS");
    }
    send_setup();
    write_cr4(read_cr4() | CR4_PKS);
    vm_map(WINDOW, (uint64_t)send_table, PTE_P | PTE_W | PTE_KEY(PKEY));
    vm_map(WINDOW + PAGE_SIZE, (uint64_t)upid, PTE_P | PTE_W | PTE_KEY(PKEY));
    check_keys(write_pkrs, (struct uitte *)WINDOW,
               (struct upid *)(WINDOW + PAGE_SIZE));
    vm_map(WINDOW, 0, 0);
    vm_map(WINDOW + PAGE_SIZE, 0, 0);
    write_cr4(read_cr4() & ~CR4_PKS);
}

/* ---- what is behind the page ---- */

static void map_upid(uint64_t physical)
{
    vm_map(WINDOW, physical, PTE_P | PTE_W);
    send_table[0] = uitte(SEND_UV,
                          (struct upid *)(WINDOW + physical % PAGE_SIZE));
}

/* No 16-byte atomic operation reaches a device: the same rules hold. */
static void test_upid_in_mmio(void)
{
    struct upid *device = (struct upid *)(TESTDEV + 0x1040);
    uint64_t low = upid_low(NV, apic_id(), 0);

    send_setup();
    vm_map(TESTDEV + 0x1000, TESTDEV + 0x1000, PTE_P | PTE_W);
    map_upid((uint64_t)device);
    upid_fill(device, low, BIT(1));
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(device, low | UPID_ON, BIT(1) | BIT(SEND_UV));
    CHECK_EQ(ipis_taken(0, NV), 1);
    CHECK_EQ(send_kernel(0), SENT);
    CHECK_EQ(ipis_taken(0, NV), 0);
    for (int bit = 0; bit < 64; bit++) {
        if (upid_reserved & BIT(bit)) {
            upid_fill(device, low | BIT(bit), 0);
            CHECK_EQ(send_user(0), FAULT_GP);
            CHECK_UPID(device, low | BIT(bit), 0);
        }
    }
    upid_fill(device, low | UPID_SN, 0);
    CHECK_EQ(send_user(0), SENT);
    CHECK_UPID(device, low | UPID_SN, BIT(SEND_UV));
    vm_change((void *)WINDOW, PTE_W, 0);
    pf_at(send_user(0), PF_P | PF_W, WINDOW + 0x40);
    CHECK_EQ(ipis_taken(0, NV), 0);
    vm_map(WINDOW, 0, 0);
}

static void test_table_in_mmio(void)
{
    struct uitte *device = (struct uitte *)(TESTDEV + 0x2000);

    send_setup();
    upid_fill(upid, UPID_SN, 0);
    device[4] = uitte(44, upid);
    device[5] = (struct uitte) { 0, (uint64_t)upid };
    uintr_sender(device, 6);
    CHECK_EQ(send_user(4), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(44));
    CHECK_EQ(send_user(5), FAULT_GP);
}

/* What the image of this payload looks like where it is stored. */
static uint64_t rom_address(const volatile void *p)
{
    uint64_t rom;

    asm("movabs $__rom_image, %0" : "=r"(rom));
    return rom + (uint64_t)p - 0x100000;
}

static const struct uitte rom_table[2] = {
    {}, { UITTE_V | 46 << UITTE_UV_SHIFT, WINDOW },
};
/* NDST 0: in both modes the first CPU. */
static const struct upid rom_upid = { .low = NV << UPID_NV_SHIFT, .pir = 4 };

static void test_table_in_rom(void)
{
    send_setup();
    upid_fill(upid, UPID_SN, 0);
    map_upid((uint64_t)upid);
    uintr_sender((struct uitte *)rom_address(rom_table), 2);
    CHECK_EQ(send_user(0), FAULT_GP);
    CHECK_EQ(send_user(1), SENT);
    CHECK_UPID(upid, UPID_SN, BIT(46));
    vm_map(WINDOW, 0, 0);
}

/* It is the memory that drops the write, so the IPI goes out each time. */
static void test_upid_in_rom(void)
{
    const struct upid *rom = (void *)rom_address(&rom_upid);

    send_setup();
    map_upid((uint64_t)rom);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(send_user(0), SENT);
        CHECK_EQ(ipis_taken(0, NV), 1);
        CHECK_EQ(rom->low, NV << UPID_NV_SHIFT);
        CHECK_EQ(rom->pir, 4);
    }
    vm_map(WINDOW, 0, 0);
}

/* Registers with side effects: any architectural outcome, and still alive. */
static void test_device_registers(void)
{
    const uint64_t devices[] = {
        HPET, HPET + 0xc0, HPET + 0x100, HPET + 0x140, IOAPIC, IOAPIC + 0x40,
        LAPIC + 0x80, LAPIC + 0xc0, LAPIC + 0x100, LAPIC + 0x200, LAPIC + 0x280,
        NOTHING_THERE, NOTHING_THERE + 0x40, 0xa0000, 0xfffffff00,
    };

    for (int i = 0; i < 15; i++) {
        uint64_t outcome;

        send_setup();
        map_upid(devices[i]);
        outcome = send_user(0);
        CHECK(outcome == SENT || outcome == FAULT_GP);
        uintr_sender((struct uitte *)(WINDOW + devices[i] % PAGE_SIZE), 1);
        outcome = send_kernel(0);
        CHECK(outcome == SENT || outcome == FAULT_GP);
        apic_write(APIC_TPR, 0);
    }
    vm_map(WINDOW, 0, 0);
    send_setup();
    CHECK_EQ(send_user(0), SENT);
    CHECK_EQ(ipis_taken(0, NV), 1);
}

/* QEMU's page walk leaves P out of the code of a reserved bit. */
static void reserved_pf(uint64_t outcome, uint64_t error)
{
    CHECK_EQ(outcome & ~FAULT(0, PF_P), FAULT_PF(error | PF_RSVD));
    CHECK_EQ(trap_cr2(), WINDOW);
}

static void test_reserved_page_bit(void)
{
    send_setup();
    map_upid(BEYOND_RAM_BITS);
    reserved_pf(send_user(0), PF_W);
    uintr_sender((struct uitte *)WINDOW, 1);
    reserved_pf(send_user(0), 0);
    vm_map(WINDOW, 0, 0);
}

/* ---- R60, R61: faults ---- */

static int pages_mapped;

static void map_missing_page(struct frame *f)
{
    pages_mapped++;
    CHECK_EQ(f->error & PF_U, 0);
    vm_change((void *)trap_cr2(), 0, PTE_P | PTE_W);
}

/* Two faults, two repairs, one post. */
static void test_restart(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0);

    for (int ring = 0; ring <= 3; ring += 3) {
        send_setup();
        pages_mapped = 0;
        vm_change(send_table, PTE_P, 0);
        vm_change(upid, ring ? PTE_P : PTE_W, 0);
        trap_handle(VEC_PF, map_missing_page);
        CHECK_EQ(execute(senduipi_insn(0), ring, 0, 0), SENT);
        trap_handle(VEC_PF, NULL);
        CHECK_EQ(pages_mapped, 2);
        CHECK_UPID(upid, low | UPID_ON, BIT(SEND_UV));
        CHECK_EQ(ipis_taken(0, NV), 1);
    }
}

/* The locked access needs the right to write before it may look (R61). */
static void test_write_before_reserved(void)
{
    uint64_t low = upid_low(NV, apic_id(), 0) | BIT(7), pte;

    send_setup();
    upid_fill(upid, low, 0);
    pte = vm_change(upid, PTE_W, 0);
    pf_at(send_user(0), PF_P | PF_W, (uint64_t)upid);
    vm_restore(upid, pte);
    CHECK_EQ(send_user(0), FAULT_GP);
    CHECK_UPID(upid, low, 0);
}

/* The post changes code that has run: the next run must see it. */
static uint8_t patched[128] __attribute__((aligned(64))) = {
    [58] = 0xf3, 0x0f, 0xc7, 0xf0,      /* senduipi rax */
    0xeb, 0x08,                         /* to PIR, 8 bytes on */
    [64] = UPID_SN,
    [72] = 0xb0, 0x00,                  /* PIR: mov $0, %al */
    0xcd, VEC_EXIT,
};

static void test_post_into_code(void)
{
    struct frame f = frame_user(patched + 72, 0, 0);

    send_setup();
    send_table[0] = uitte(8, (struct upid *)(patched + 64));
    run(&f);
    CHECK_EQ(f.rax, 0);
    f = frame_user(patched + 58, 0, 0);
    CHECK_EQ(run(&f), VEC_EXIT);
    CHECK_EQ(f.rax, 1);
    patched[73] = 0;
}

static void test_locked(void)
{
    rule_locked(arg_number("n", 2000));
}

const struct test tests[] = {
    { "R44-scattered-table", rule_scattered_table },
    { "R44-table-wraps", test_table_wraps },
    { "R44-negative-addresses", test_negative_addresses },
    { "R44-table-in-mmio", test_table_in_mmio },
    { "R44-table-in-rom", test_table_in_rom },
    { "R47-canonical-entry", test_canonical_entry },
    { "R47-canonical-upid", rule_canonical_upid },
    { "R47-five-levels", test_five_levels },
    { "R48-supervisor-pages", test_supervisor_pages },
    { "R49-unmapped", rule_unmapped },
    { "R49-reserved-page-bit", test_reserved_page_bit },
    { "R50-smap", rule_smap },
    { "R51-smep", test_smep },
    { "R51-read-only", rule_read_only },
    { "R51-pkru", test_pkru },
    { "R51-pkrs", test_pkrs },
    { "R52-locked", test_locked, 4 },
    { "R52-upid-in-mmio", test_upid_in_mmio },
    { "R52-upid-in-rom", test_upid_in_rom },
    { "R52-device-registers", test_device_registers },
    { "R52-post-into-code", test_post_into_code },
    { "R60-restart", test_restart },
    { "R60-dirty-bit", rule_dirty_bit },
    { "R61-write-before-reserved", test_write_before_reserved },
    {}
};
