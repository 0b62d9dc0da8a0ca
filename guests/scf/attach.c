/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requester's end of the link: slots, notification, interrupts. */
#include <errno.h>

#include "credit.h"
#include "link.h"
#include "mark.h"
#include "scf.h"

static struct link link;
static bool there;                  /* the mailbox is */
static struct scf_caller *callers[SCF3_SLOTS];
static uint32_t epochs[SCF3_SLOTS]; /* the last one of who had the slot */
static uint64_t attached, pending;  /* slots: in use, with something to do */
static int last;                    /* slot that had a piece done */

/* Where replies are posted; the user vector is the slot. */
static struct upid *reply_upid(void)
{
    return (struct upid *)(link.upids + link.upid_half);
}

/* Where the mailbox posts for its messages (F46); the peer cannot reach it. */
static struct upid post_upid;

/* ---- Slots with something to do ---- */

static int more_urgent(uint64_t slots, int best)
{
    for (; slots; slots &= slots - 1) {
        int slot = __builtin_ctzll(slots);

        if (best < 0 || callers[slot]->urgency > callers[best]->urgency) {
            best = slot;
        }
    }
    return best;
}

/* The most urgent one; of equals that behind the one that was last. */
static int next_slot(uint64_t slots)
{
    uint64_t behind = slots & ~((2ull << last) - 1);

    return more_urgent(slots & ~behind, more_urgent(behind, -1));
}

static unsigned urgency_of(int slot)
{
    return slot < 0 ? 0 : callers[slot]->urgency;
}

bool scf_work(void)
{
    int slot = next_slot(pending);
    uint32_t taken;

    if (slot < 0) {
        return false;
    }
    last = slot;
    taken = callers[slot]->taken;
    if (!scf_piece(callers[slot])) {
        pending &= ~(1ull << slot);
    }
    if (callers[slot]->taken == taken + 1) {
        credit_earn();
    }
    return pending;
}

int scf_urgency(void)
{
    return pending ? (int)urgency_of(next_slot(pending)) : -1;
}

unsigned scf_waiting(void)
{
    return urgency_of(next_slot(attached));
}

static void look_at(uint64_t slots)
{
    slots &= attached;
    pending |= slots;
    if (slots) {
        rt_replies(urgency_of(next_slot(slots)));
    }
}

/* F42: ON first, then PIR; what is posted in between interrupts again. */
static uint64_t take_posts(struct upid *upid)
{
    __atomic_fetch_and(&upid->low, ~(uint64_t)UPID_ON, __ATOMIC_SEQ_CST);
    return __atomic_exchange_n(&upid->pir, 0, __ATOMIC_SEQ_CST);
}

static void on_reply(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    credit_spend();
    look_at(take_posts(reply_upid()));
    if (take_posts(&post_upid)) {
        look_at(link_posts(&link));
    }
}

static void on_irq(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    credit_spend();
    link_rung(&link);
    look_at(~0ull);
}

static void on_ipi(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    credit_spend();
    look_at(~0ull);
}

/* F39: what a life before this one has left */
static void give_all_back(void)
{
    for (unsigned slot = 0; slot < SCF3_SLOTS; slot++) {
        wire_set(&link.own[slot].head.state, SCF3_STATE_NONE);
        wire_set(&link.own[slot].head.epoch, 0);
    }
    link_ring(&link);
}

uint32_t scf_shown(unsigned slot)
{
    return wire_word(&link.peer[slot].head.epoch);
}

bool scf_quiet(void)
{
    for (unsigned slot = 0; slot < SCF3_SLOTS && scf_generation(); slot++) {
        if (scf_shown(slot)) {
            return false;
        }
    }
    return true;
}

bool scf_start(void)
{
    static const uint8_t vectors[] = { RT_REPLY_VECTOR };

    there = link_start(&link, RT_IRQ_VECTOR, vectors, 1);
    if (there) {
        trap_handle(RT_REPLY_VECTOR, on_reply);
        trap_handle(RT_IRQ_VECTOR, on_irq);
        trap_handle(RT_IPI_VECTOR, on_ipi);
        upid_init(reply_upid(), RT_REPLY_VECTOR, link_first_id(&link));
        upid_init(&post_upid, RT_REPLY_VECTOR, link_first_id(&link));
        link_bind(&link, &post_upid, 0);
        if (arg_given("marks")) {
            scf_marks = (volatile uint64_t *)link.marks;
        }
        give_all_back();
    }
    return there;
}

void scf_look(void)
{
    pending |= attached;
}

void scf_running(unsigned priority)
{
    if (there) {
        wire_set(&link.own[0].head.running, priority);
    }
}

/* Replies that nobody has looked at. */
static uint64_t replied(void)
{
    uint64_t some = 0;

    for (uint64_t slots = attached; slots; slots &= slots - 1) {
        int slot = __builtin_ctzll(slots);

        if (wire_word(&link.peer[slot].head.made) != callers[slot]->taken) {
            some |= 1ull << slot;
        }
    }
    return some;
}

/* Each slot has its piece before one has another, however urgent it is. */
void scf_look_awake(void)
{
    scf_running(SCF3_RUNNING_LOOKS);
    if (!pending) {
        pending = replied();
    }
    scf_work();
}

void scf_look_no_more(unsigned priority)
{
    scf_running(priority);
    wire_fence();
    look_at(replied());
}

static int free_slot(void)
{
    return ~attached ? __builtin_ctzll(~attached) : -1;
}

int scf_attach(struct scf_caller *c, uint64_t name)
{
    int slot;

    if (!there) {
        return -ENOTCONN;
    }
    slot = free_slot();
    if (slot < 0) {
        return -EAGAIN;
    }
    callers[slot] = c;
    attached |= 1ull << slot;
    c->slot = slot;
    c->epoch = epochs[slot];
    c->own = &link.own[slot];
    scf_set_modes(c, SCF3_MODE_UIPI, SCF3_MODE_UIPI, SCF3_POLICY_ASLEEP);
    scf_open(c, c->own, &link.peer[slot], name);
    return 0;
}

void scf_detach(struct scf_caller *c)
{
    if (c->own) {
        scf_close(c);
        epochs[c->slot] = c->epoch;
        callers[c->slot] = NULL;
        attached &= ~(1ull << c->slot);
        pending &= attached;
        c->own = NULL;
    }
}

/* ---- What scf.h asks for ---- */

uint32_t scf_generation(void)
{
    return link_generation(&link);
}

uint64_t scf_upid_window(void)
{
    return link.upids;
}

uint64_t scf_upid_half(void)
{
    return link.upid_half;
}

/* F45: whoever spoils its UPID is told by interrupts from then on. */
static void post(struct scf_caller *c)
{
    if (!rt_senduipi()) {
        c->target = false;
        link_ring(&link);
    }
}

/* F40: GP says which of its CPUs serves, but not that it is one of ours. */
static void interrupt_server(void)
{
    uint32_t id = wire_word(&link.peer[0].head.running);

    if (id == SCF3_RUNNING_NO_IPI) {
        link_ring(&link);
    } else {
        apic_icr(id < RT_LOCAL_ID ? id : GP_LOCAL_ID,
                 ICR_FIXED | ICR_ASSERT | GP_IPI_VECTOR);
    }
}

void scf_notify(struct scf_caller *c, unsigned mode)
{
    switch (mode) {
    case SCF3_MODE_UIPI:
        post(c);
        break;
    case SCF3_MODE_IPI:
        interrupt_server();
        break;
    case SCF3_MODE_POSTED:
        if (link_post(&link, c->slot)) {
            break;
        }
        /* fall through */
    case SCF3_MODE_IRQ:
        link_ring(&link);
        break;
    }
}
