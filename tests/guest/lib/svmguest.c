/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "svmguest.h"

void svmguest_setup(int me, const void *handler)
{
    upid_init(&guest_window_of(me)->upid, NV, apic_id());
    GUEST_OWN->table[TO_SELF] = uitte(SELF_VECTOR, &guest_window_of(me)->upid);
    GUEST_OWN->table[TO_PEER] = uitte(PEER_VECTOR,
                                      &guest_window_of(!me)->upid);
    uintr_receiver(handler, &guest_window_of(me)->upid, NV);
    uintr_sender(GUEST_OWN->table, 4);
    stui();
}

uint64_t svmguest_user(const void *fn, uint64_t argument)
{
    struct frame f = frame_user(fn, argument, 0);

    f.rflags |= RFLAGS_IF;
    run(&f);
    return f.vector == VEC_EXIT ? f.rax : ~0ull;
}

void svmguest_expect_exit(struct guest *guest, uint64_t code)
{
    CHECK_EQ(svm_run(guest), code);
    if (guest->vmcb->exit_code != code) {
        fatal("guest %d: exit %lx (%lx, %lx) at %lx", guest->number,
              guest->vmcb->exit_code, guest->vmcb->exit_info_1,
              guest->vmcb->exit_info_2, guest->vmcb->rip);
    }
}

void svmguest_expect_word(struct guest *guest, uint64_t word)
{
    svmguest_expect_exit(guest, VMEXIT_VMMCALL);
    CHECK_EQ(guest->rdi, word);
}

void svmguest_expect_end(struct guest *guest)
{
    svmguest_expect_word(guest, HYPERCALL_END);
}

struct guest *svmguest_start(void (*fn)(uint64_t), uint64_t argument)
{
    struct guest *guest;

    svm_enable();
    guest = svm_guest(0, fn, argument);
    svmguest_expect_exit(guest, VMEXIT_VMMCALL);
    return guest;
}

bool svmguest_uif(void)
{
    uint64_t cr4 = read_cr4();
    bool uif;

    write_cr4(cr4 | CR4_UINTR);
    uif = testui();
    write_cr4(cr4);
    return uif;
}
