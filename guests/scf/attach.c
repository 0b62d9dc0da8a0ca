/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requester's end of the link: slots, notification, interrupts. */
#include <errno.h>

#include "link.h"
#include "scf.h"

static struct link link;
static bool there;                  /* the mailbox is */
static struct scf_caller *callers[SCF3_SLOTS];

/* Where replies are posted; the user vector is the slot. */
static struct upid *reply_upid(void)
{
    return (struct upid *)(link.upids + link.upid_half);
}

/* Where the mailbox posts for its messages (F46); the peer cannot reach it. */
static struct upid post_upid;

static void poll_slots(uint64_t slots)
{
    while (slots) {
        int slot = __builtin_ctzll(slots);

        slots &= slots - 1;
        if (callers[slot]) {
            scf_poll(callers[slot]);
        }
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
    poll_slots(take_posts(reply_upid()));
    if (take_posts(&post_upid)) {
        poll_slots(link_posts(&link));
    }
}

static void on_irq(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    link_rung(&link);
    poll_slots(~0ull);
}

static void on_ipi(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    poll_slots(~0ull);
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
    }
    return there;
}

void scf_tick(void)
{
    if (there) {
        poll_slots(~0ull);
    }
}

void scf_running(unsigned priority)
{
    if (there) {
        wire_set(&link.own[0].head.running, priority);
    }
}

int scf_attach(struct scf_caller *c, uint64_t name)
{
    if (!there) {
        return -ENOTCONN;
    }
    for (unsigned slot = 0; slot < SCF3_SLOTS; slot++) {
        if (!callers[slot]) {
            callers[slot] = c;
            c->slot = slot;
            c->own = &link.own[slot];
            scf_set_modes(c, SCF3_MODE_UIPI, SCF3_MODE_UIPI,
                          SCF3_POLICY_ALWAYS);
            scf_open(c, c->own, &link.peer[slot], name);
            return 0;
        }
    }
    return -EAGAIN;
}

void scf_detach(struct scf_caller *c)
{
    if (c->own) {
        scf_close(c);
        callers[c->slot] = NULL;
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
static uint32_t server_id(void)
{
    uint32_t id = wire_word(&link.peer[0].head.running);

    return id < RT_LOCAL_ID ? id : GP_LOCAL_ID;
}

void scf_notify(struct scf_caller *c, unsigned mode)
{
    switch (mode) {
    case SCF3_MODE_UIPI:
        post(c);
        break;
    case SCF3_MODE_IPI:
        apic_icr(server_id(), ICR_FIXED | ICR_ASSERT | GP_IPI_VECTOR);
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
