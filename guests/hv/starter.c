/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system that is running when the hypervisor comes, as small as can be:
 * it has the images in its memory, calls the hypervisor, and goes on as a
 * guest, which starts RT on the CPU that was left aside, and makes way for GP.
 * Without GP's image it rests, and with two CPUs there is no RT.
 */
#include "hv.h"
#include "machine.h"

#define RT_CPU          2
#define ELF_MAGIC       0x464c457f

const struct machine machine = {
    .whole = true,
    .console = 0xe9,
    .free_end = HV_MEMORY,
    .first_slot = 0,
    .end_slot = 0,
};

static void enter_hypervisor(void)
{
    uint64_t *at = (uint64_t *)HV_MEMORY;

    if (at[0] != HV_MAGIC) {
        fatal("no hypervisor at %x", HV_MEMORY);
    }
    ((void (*)(void))at[HV_ENTRY / 8])();
}

void payload_start(void)
{
    enter_hypervisor();
    if (cpu_count() > RT_CPU &&
        *(volatile uint32_t *)STARTER_RT_IMAGE == ELF_MAGIC &&
        !hv_call(CALL_START_RT, STARTER_RT_IMAGE)) {
        fatal("the hypervisor does not take RT's image");
    }
    if (*(volatile uint32_t *)(STARTER_GP_ROM + GP_ROM_SIZE - 16)) {
        hv_call(CALL_BECOME_GP, STARTER_GP_ROM);
    }
    for (;;) {
        hlt();
    }
}

const char *const test_group = "/hv";
const struct test tests[] = { {} };
