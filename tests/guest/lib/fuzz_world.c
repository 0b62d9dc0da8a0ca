/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz_world.h"

#define LOW_WINDOW      0x0000500000000000ull
#define HIGH_WINDOW     0xffffa00000000000ull
#define WINDOW_PAGES    16
#define TESTDEV         0xff000000ull
#define LAPIC           0xfee00000ull
#define BAD_PHYSICAL    BIT(50)
#define UNMAPPED        0x0000600000000000ull
#define SLOT            16

/* ---- pages ---- */

struct model_page world_pages[PAGES];
uint8_t world_code[4096] __attribute__((aligned(4096)));
static uint8_t ram[3][4096] __attribute__((aligned(4096)));
static const uint64_t rom[512] __attribute__((aligned(4096))) = {
    [0] = 0x600000, [8] = 0x600001, [16] = 4, [24] = 0xec000000610000,
    [128] = 0x0501, LOW_WINDOW, 0x0601, LOW_WINDOW + 64, 0x4001, 0, 0x701,
    HIGH_WINDOW + 0x3000, [256] = LOW_WINDOW, 2, LOW_WINDOW, 0x246,
};

static const struct { uint8_t page; uint8_t rights; } window[WINDOW_PAGES] = {
    { RAM_A, PTE_P | PTE_W }, { RAM_B, PTE_P | PTE_W },
    { RAM_A, PTE_P }, { RAM_A, PTE_P | PTE_W | PTE_U },
    { RAM_B, PTE_P | PTE_U }, { NO_PAGE, 0 },
    { DEVICE, PTE_P | PTE_W }, { ROM, PTE_P | PTE_W },
    { APIC_PAGE, PTE_P | PTE_W }, { RAM_C, PTE_P | PTE_W | PTE_U },
    { BAD_PAGE, PTE_P | PTE_W | PTE_U }, { RAM_C, PTE_P | PTE_W },
    { DEVICE, PTE_P | PTE_W | PTE_U }, { ROM, PTE_P | PTE_U },
    { RAM_C, PTE_P | PTE_W | PTE_U }, { RAM_B, PTE_P | PTE_W | PTE_U },
};

static uint64_t rom_address(const volatile void *p)
{
    uint64_t image;

    asm("movabs $__rom_image, %0" : "=r"(image));
    return image + (uint64_t)p - 0x100000;
}

void world_read_page(int page)
{
    memcpy(world_pages[page].words, (void *)world_pages[page].physical,
           PAGE_SIZE);
}

static void make_pages(void)
{
    for (int i = RAM_A; i <= RAM_C; i++) {
        world_pages[i].physical = (uint64_t)ram[i];
    }
    world_pages[DEVICE].physical = TESTDEV;
    world_pages[ROM].physical = rom_address(rom);
    world_pages[ROM].kind = MEMORY_ROM;
    world_pages[APIC_PAGE].physical = LAPIC;
    world_pages[APIC_PAGE].kind = MEMORY_ODD;
    for (int i = RAM_A; i <= ROM; i++) {
        world_read_page(i);
    }
    for (int i = 0; i < WINDOW_PAGES; i++) {
        uint64_t at = i * PAGE_SIZE, pa = window[i].page < PAGES ?
                      world_pages[window[i].page].physical : BAD_PHYSICAL;

        vm_map(LOW_WINDOW + at, 0, 0);
        vm_map(HIGH_WINDOW + at, 0, 0);
        *vm_pte(LOW_WINDOW + at) = pa | window[i].rights;
        *vm_pte(HIGH_WINDOW + at) = pa | window[i].rights;
    }
}

void world_set_word(int page, uint32_t offset, uint64_t value)
{
    *(volatile uint64_t *)(world_pages[page].physical + offset) = value;
    world_pages[page].words[offset / 8] = value;
}

/* ---- code ---- */

static void make_code(void)
{
    static const uint8_t first[INSN_SENDUIPI][6] = {
        { 0x90, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xee, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xef, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xed, 0xcd, VEC_EXIT },
        { 0xf3, 0x0f, 0x01, 0xec, 0xcd, VEC_EXIT },
    };

    for (int i = 0; i < INSN_SENDUIPI; i++) {
        memcpy(world_code + i * SLOT, first[i], 6);
    }
    for (int reg = 0; reg < 16; reg++) {
        const uint8_t insn[7] = {
            0xf3, 0x41, 0x0f, 0xc7, 0xf0 | (reg & 7), 0xcd, VEC_EXIT,
        };
        uint8_t *to = world_code + (INSN_SENDUIPI + reg) * SLOT;

        memcpy(to, insn, 7);
        if (reg < 8) {
            memcpy(to + 1, insn + 2, 5);
        }
    }
    world_code[EXIT_SLOT * SLOT] = 0xcd;
    world_code[EXIT_SLOT * SLOT + 1] = VEC_EXIT;
}

uint64_t slot_address(int slot, bool user)
{
    uint64_t at = (uint64_t)world_code + slot * SLOT;

    return user ? USER(at) : at;
}

/* ---- random values of the kinds that matter ---- */

static uint64_t random_state;

uint64_t any(void)
{
    return random64(&random_state);
}

uint32_t below(uint32_t n)
{
    return (any() >> 32) * n >> 32;
}

bool one_in(uint32_t n)
{
    return below(n) == 0;
}

static const uint8_t vectors[] = { 0x20, 0x31, 0x60, 0x61, 0xec, 0xfe };

uint8_t any_vector(void)
{
    return vectors[below(sizeof(vectors))];
}

/* Bits 47 to 55 still pass the MSRs' own check, which is for 57 bits. */
static uint64_t spoil(uint64_t address)
{
    return one_in(16) ? address ^ BIT(47 + below(17)) : address;
}

static uint64_t any_page(int *page)
{
    int i = below(WINDOW_PAGES);

    *page = window[i].page;
    return (one_in(4) ? HIGH_WINDOW : LOW_WINDOW) + i * PAGE_SIZE;
}

/* APIC registers that a store cannot make send or count. */
uint64_t any_upid_address(void)
{
    static const uint16_t harmless[] = {
        0x80, 0xc0, 0x100, 0x140, 0x180, 0x200, 0x240, 0x280, 0x2c0, 0x3c0,
    };
    int page;
    uint64_t address = any_page(&page);

    if (page == APIC_PAGE) {
        return spoil(address + harmless[below(10)]);
    }
    return spoil(address + UPIDS_AT + 64 * below(4));
}

uint64_t any_table_address(void)
{
    int page;
    uint64_t address = any_page(&page) + TABLE_AT + 16 * below(4);

    return one_in(32) ? 0 : spoil(address);
}

uint64_t any_stack_address(void)
{
    int page;
    uint64_t address = any_page(&page);

    address += one_in(8) ? PAGE_SIZE - 8 * below(8) : STACK_AT + 8 * below(256);
    return spoil(one_in(16) ? address + below(16) : address);
}

uint64_t any_flags(void)
{
    const uint64_t may = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF |
                         RFLAGS_SF | RFLAGS_OF | RFLAGS_DF | RFLAGS_NT |
                         RFLAGS_AC | RFLAGS_ID;

    return (any() & may) | RFLAGS_FIXED | (one_in(8) ? RFLAGS_TF : 0);
}

uint64_t any_rip(bool user)
{
    switch (below(12)) {
    case 0:
        return slot_address(EXIT_SLOT, user) ^ BIT(47 + below(17));
    case 1:
        return UNMAPPED + below(4096);
    case 2:
        return slot_address(EXIT_SLOT, !user);
    case 3:
        return slot_address(INSN_STUI, user);
    case 4:
        return slot_address(INSN_TESTUI, user);
    case 5:
        return slot_address(INSN_SENDUIPI + below(16), user);
    default:
        return slot_address(EXIT_SLOT, user);
    }
}

/* Vectors below 32 that an APIC accepts would look like exceptions here. */
static bool is_fit(uint8_t nv)
{
    return nv < 16 || (nv >= 32 && nv != VEC_EXIT && nv != 0xff);
}

uint64_t any_upid_low(void)
{
    static const uint32_t ndst[] = { 0, 0, 0, 0xff00, 0xffffffff, 0xfe00, 9 };
    uint64_t nv = one_in(12) ? below(16) : any_vector();
    uint64_t low = below(4) | nv << UPID_NV_SHIFT |
                   (uint64_t)ndst[below(7)] << UPID_NDST_SHIFT;

    low ^= one_in(6) ? BIT(below(64)) : 0;
    return is_fit(low >> UPID_NV_SHIFT) ? low : 0;
}

uint64_t any_msr_value(uint32_t msr)
{
    static const uint64_t adjusts[] = { 128, 0, 8, 24, -64ull, 4096 };

    switch (msr) {
    case UINTR_MSR_RR:
        return one_in(4) ? 0 : one_in(3) ? any() :
               BIT(below(64)) | BIT(below(64));
    case UINTR_MSR_HANDLER:
        return any_rip(!one_in(16));
    case UINTR_MSR_STACKADJUST:
        return one_in(3) ? any_stack_address() | 1 : spoil(adjusts[below(6)]);
    case UINTR_MSR_MISC:
        return misc(one_in(6) ? 0 : any_vector(),
                    one_in(8) ? any() : 6 + below(6)) |
               (one_in(16) ? BIT(40 + below(24)) : 0);
    case UINTR_MSR_PD:
        return any_upid_address() | (one_in(16) ? BIT(below(6)) : 0);
    default:
        return any_table_address() | !one_in(8) |
               (one_in(16) ? BIT(1 + below(3)) : 0);
    }
}

void world_make(uint64_t seed)
{
    random_state = seed;
    make_pages();
    make_code();
}
