/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger: what became of every user interrupt.
 *
 * A vector of a UPID is booked when its bit is set or cleared: by a post, by
 * the receiver's exchange, by a delivery, by whoever overwrites it.  Books
 * are per UPID and vector, and for each of them this holds (docs/ledger.md,
 * L1):
 *
 *   posted + injected = delivered + coalesced + pending + discarded
 *
 * Senders and receiver write to counters of their own, without a lock; sums
 * do not depend on the order in which they arrive.  What others store into a
 * UPID is known by the difference: at each event while CPUs take turns, at
 * the moments when all of them stand still under MTTCG (L4).  A difference
 * where nobody was seen to store is booked by nobody, and so does not add up.
 */
#ifndef HW_UINTR_LEDGER_LEDGER_H
#define HW_UINTR_LEDGER_LEDGER_H

#include "hw/resettable.h"
#include "qemu/atomic.h"
#include "qemu/notify.h"
#include "qemu/thread.h"
#include "qom/object.h"
#include "farbell/uintr.h"
#include "qapi/qapi-types-uintr.h"
#include "target/i386/uintr/observe.h"

#define TYPE_UINTR_LEDGER "uintr-ledger"
OBJECT_DECLARE_SIMPLE_TYPE(UintrLedger, UINTR_LEDGER)

#define LEDGER_ALIASES 4
#define LEDGER_NESTED 8

/*
 * Who made a bit that no post made, or took one that nobody delivered.  Of
 * several who may have it was the first of these.
 */
typedef enum LedgerCause {
    LEDGER_BY_QUIRK,        /* x-uintr-quirks */
    LEDGER_BY_STORE,        /* a guest's store into PIR */
    LEDGER_BY_DEVICE,       /* DMA into PIR */
    LEDGER_BY_WRMSR,        /* of UIRR */
    LEDGER_BY_XRSTORS,      /* of an image that holds other vectors */
    LEDGER_BY_OVERWRITING,  /* of an image that was never restored */
    LEDGER_BY_RESET,        /* of the CPU, or a snapshot */
    LEDGER_BY_REMOVAL,      /* of the RAM that they were in */
    LEDGER_BY_PEER,         /* another process that shares the memory */
    LEDGER_CAUSE__MAX,
    LEDGER_BY_NOBODY = LEDGER_CAUSE__MAX,
} LedgerCause;

typedef enum LedgerKind {
    LEDGER_POST,            /* no notification: ON or SN was set */
    LEDGER_POST_SENT,
    LEDGER_LOST,            /* the notification, sent to nobody */
    LEDGER_IPI,             /* an ordinary one is sent */
    LEDGER_RING,            /* a doorbell of a mailbox */
    LEDGER_ARRIVE,          /* in a local APIC, by a mailbox */
    LEDGER_RUNG,            /* a doorbell's interrupt is raised */
    LEDGER_IDENTIFY,
    LEDGER_TO_IDT,
    LEDGER_TAKE,
    LEDGER_DELIVER,
    LEDGER_UIRET,
    LEDGER_SAVE,
    LEDGER_RESTORE,
    LEDGER_WRMSR,
    LEDGER_STORE,
    LEDGER_DROPPED,
    LEDGER_ATTACH,
    LEDGER_QUIRK,
    LEDGER_MARK,
    LEDGER_WAKE,            /* a CPU leaves HLT or MWAIT */
    LEDGER_UNSEEN,          /* PIR or UIRR have changed, by nobody */
    LEDGER_KIND__MAX,
} LedgerKind;

typedef struct LedgerUpid LedgerUpid;

typedef struct LedgerEntry {
    int64_t time;           /* ns of virtual time */
    uint64_t rip;
    uint64_t value;         /* what the kind says: PIR, UIRR, ... */
    LedgerUpid *upid;       /* null where none is known */
    uint32_t number;        /* of a post, among those of its vector */
    uint8_t kind;
    uint8_t vector;         /* of a store: its offset in the UPID */
    uint8_t size;           /* of a store */
    bool coalesced;         /* a post: its bit was set already */
} LedgerEntry;

/* Who changed a book by other means than user interrupts, last. */
typedef struct LedgerStore {
    int64_t time;
    uint64_t rip;
    int16_t cpu;
    uint8_t offset, size;
    bool seen;
} LedgerStore;

/* The last post, and the last one that sent a notification. */
typedef struct LedgerPost {
    int64_t time;
    uint64_t rip;
    uint32_t ndst;
    int16_t cpu;            /* -1: a device */
    uint8_t nv;
    bool made;
    bool x2apic;            /* so the sender read NDST */
    bool is_lost;
    UintrLoss loss;
} LedgerPost;

/* Something that should move: does it?  See stall.c. */
typedef struct LedgerWait {
    bool waiting;
    int64_t since;
    uint64_t progress;      /* by then */
    UintrStall *stall;      /* the one that has been told of */
} LedgerWait;

/* Vectors that software overwrote in UIRR and had never looked at. */
typedef struct LedgerUnread {
    uint64_t vectors;
    int64_t time;
    int cpu;
} LedgerUnread;

/* Counters of one side, a number for each vector. */
typedef uint64_t LedgerColumn[UINTR_VECTORS];

struct LedgerUpid {
    void *host;             /* null: vectors that belong to no UPID */
    unsigned number;
    unsigned aliases;
    uint64_t linear[LEDGER_ALIASES];
    uint64_t expected;      /* PIR by the books, while CPUs take turns */
    LedgerStore last_store, last_to_pir;
    uint64_t stores;        /* to PIR */
    uint64_t touched[LEDGER_CAUSE__MAX];    /* bits, since the last look */
    uint64_t device_before; /* the same by devices, before that look */
    bool met;               /* what was in PIR before is nobody's affair */
    char *memory;           /* its name, if other processes may have it */
    bool has_device;        /* which posts whoever's turn it is */
    int64_t low_stored;     /* when ON and SN were, last; 0: never */
    int64_t attached;       /* WRMSR of IA32_UINTR_PD named it; 0: never */
    LedgerWait wait;
    uint64_t causes_injected[LEDGER_CAUSE__MAX];
    uint64_t causes_discarded[LEDGER_CAUSE__MAX];
    LedgerColumn stored_in, stored_out;
    LedgerColumn unseen;    /* bits that nobody has made, less those taken */
    uint64_t open, told;    /* vectors of that; those that were told of */
    uint64_t differed;      /* while CPUs ran, when it was asked last */
    LedgerWait odd;         /* since there are any */
    LedgerUnread unread;
    LedgerColumn peer_in, peer_out;     /* of the stored ones */
    /*
     * Either side writes to cache lines of its own, and under MTTCG reads
     * none of the other's: four of them on their way between two processors
     * take as long as a user interrupt.
     */
    struct {
        LedgerColumn posted, coalesced;
        uint64_t sent;      /* notifications */
        LedgerPost last_post, last_sent;
        LedgerWait began;   /* by the first post since; takes are no progress */
    } QEMU_ALIGNED(64) sender;
    struct {
        LedgerColumn taken, coalesced, delivered, injected, discarded;
        uint64_t takes;
        int64_t took_at;    /* last; 0: never */
        uint64_t seen;      /* notifications sent by then, if that is exact */
    } QEMU_ALIGNED(64) receiver;
};

/* Vectors in UIRR of a task that does not run: a saved component 14. */
typedef struct LedgerImage {
    void *host;
    uint64_t rr;
    bool copied;            /* the CPU that saved it has them still */
    LedgerUpid *owner[UINTR_VECTORS];
} LedgerImage;

/* An interrupt of one vector that went to the IDT. */
typedef struct LedgerIrq {
    int64_t time;           /* 0: never */
    uint8_t uinv;
    bool enabled;           /* CR4.UINTR */
    bool blank;             /* all of the user-interrupt MSRs were 0 */
} LedgerIrq;

/* A handler that has not returned. */
typedef struct LedgerHandler {
    int64_t entered;
    uint64_t address;
    uint8_t vector;
} LedgerHandler;

/* Each in cache lines of its own. */
typedef struct LedgerCpu {
    uint64_t rr;            /* UIRR by the books */
    uint64_t read;          /* what software knows of it */
    bool was_reset;         /* so UIRR may have changed */
    LedgerUpid *owner[UINTR_VECTORS];
    LedgerImage *copy;      /* where the same vectors were saved */
    uint64_t ghosts;        /* saved, and restored on another CPU since */
    LedgerUpid *near[16];   /* UPIDs found lately */
    LedgerUpid *sent;       /* whose notification this CPU sent last */
    LedgerIrq idt[256];
    LedgerUpid *took;       /* last, and when */
    int64_t took_at;
    int64_t dropped_at;     /* a notification that was not processed; why */
    const char *dropped_why;
    LedgerHandler inside[LEDGER_NESTED];    /* the first ones */
    unsigned depth;         /* how many there are */
    uint32_t bitten;        /* by which quirks; each is told of once */
    bool was_enabled;       /* CR4.UINTR has been seen set */
    uint64_t progress;      /* of UIRR: deliveries, other values */
    LedgerWait began, wait;
    uint64_t written;       /* entries, since the start */
    LedgerEntry *entries;   /* the last ones, a ring */
    unsigned next;          /* where the next one goes */
} QEMU_ALIGNED(64) LedgerCpu;

struct UintrLedger {
    Object parent_obj;

    uint32_t history;       /* entries kept for each CPU */
    char *report;           /* a file for the books at the end, or null */
    Notifier machine_done, at_exit, run;
    uint64_t stall_after;   /* ns of virtual time; 0: never */
    bool stop_on_stall;
    bool closed;            /* the books: they are told of nothing more */
    bool in_flux;           /* QEMU ends while CPUs run */
    QEMUTimer *timer;       /* not under icount */
    int64_t looked;         /* last */
    GPtrArray *stalls;      /* of UintrStall, in the order of time */
    GPtrArray *waiting;     /* the same: at the end, too young for a stall */
    bool exact;             /* CPUs take turns */
    QemuMutex lock;         /* of what follows */
    GHashTable *upids;      /* host address -> LedgerUpid */
    GPtrArray *by_number;
    GHashTable *images;     /* host address -> LedgerImage */
    LedgerUpid *none;       /* vectors of no UPID */
    unsigned rings;         /* one for each CPU, the last one for devices */
    LedgerCpu *cpu;
    ResettableState reset_state;
};

/* The one there is, or null. */
extern UintrLedger *uintr_ledger;

/* ---- books.c ---- */

/* A line of the books at one moment, for one UPID and vector. */
typedef struct LedgerLine {
    uint64_t posted, injected, delivered, coalesced, pending, discarded;
    int64_t open;           /* made by somebody who may yet be told of */
} LedgerLine;

LedgerUpid *ledger_new_upid(UintrLedger *l, void *host);
void ledger_free_upid(void *upid);
LedgerUpid *ledger_upid(UintrLedger *l, LedgerCpu *c, void *host);
/* All CPUs stand still, or it is one of those that take turns. */
void ledger_settle(LedgerUpid *u, uint64_t pir);
/* They do, and no device is in the midst of a store: all that there is. */
void ledger_settle_all(UintrLedger *l);
/* Vectors of which PIR seems to be another one than by the books. */
uint64_t ledger_difference(const LedgerUpid *u);
/* This may have changed these bits of PIR since the last look. */
void ledger_touch(LedgerUpid *u, uint64_t bits, LedgerCause cause);
/* The first event has found this in PIR. */
void ledger_meet(LedgerUpid *u, uint64_t pir);
/* A look has found PIR as it is by the books. */
void ledger_seen(LedgerUpid *u);
/* Its memory is there for the last time. */
void ledger_lose(LedgerUpid *u);
uint64_t ledger_pir(const LedgerUpid *u);
/* As it was settled, where CPUs stand: a peer goes on to post. */
uint64_t ledger_booked_pir(const UintrLedger *l, const LedgerUpid *u);
uint64_t ledger_low(const LedgerUpid *u);       /* 0 if it is no RAM */
/* Notifications, takes and stores to PIR; and without the takes. */
uint64_t ledger_progress(const LedgerUpid *u);
uint64_t ledger_senders_progress(const LedgerUpid *u);
/* A notification was sent, and PIR was not taken since. CPUs stand still. */
bool ledger_under_way(UintrLedger *l, const LedgerUpid *u);
/* With the lock: images come and go. */
LedgerLine ledger_line(UintrLedger *l, LedgerUpid *u, int vector);
bool ledger_adds_up(const LedgerLine *line);
void ledger_inject(LedgerUpid *u, int vector, LedgerCause cause);
void ledger_discard(LedgerUpid *u, int vector, LedgerCause cause);

/* ---- running.c ---- */

/* The UPID that IA32_UINTR_PD of this CPU names, if there are books of it. */
LedgerUpid *ledger_running(UintrLedger *l, CPUState *cs);
bool ledger_in_x2apic_mode(CPUState *cs);
/* The APIC ID that NDST is to a sender in that mode. */
uint32_t ledger_destination(uint32_t ndst, bool x2apic);

/* ---- observe.c ---- */

extern const UintrObserver ledger_observer;

/* ---- image.c ---- */

void ledger_save(UintrLedger *l, LedgerCpu *c, void *host);
void ledger_forget_copy(UintrLedger *l, LedgerCpu *c, int vector);
/* UIRR of @c is replaced: by @rr, of the image at @host if not null. */
void ledger_replace(UintrLedger *l, LedgerCpu *c, uint64_t rr, void *host,
                    LedgerCause cause);
/* UIRR of @cs is @rr, whatever the books say: in its thread, or it stands. */
void ledger_catch_up(UintrLedger *l, CPUState *cs, uint64_t rr);
/* That memory goes away. */
void ledger_lose_images(UintrLedger *l, const void *host, size_t size);

/* ---- memory.c: RAM that goes away ---- */

void ledger_watch_ram(void);
void ledger_leave_ram(void);

/* ---- time.c ---- */

/* Once, when the accelerator is known. */
void ledger_start_time(void);
int64_t ledger_now(void);
/* CLOCK_MONOTONIC of the host at virtual time 0; without icount only. */
int64_t ledger_host_start(void);

/* ---- history.c ---- */

/* The index of @cs. */
unsigned ledger_number(const UintrLedger *l, CPUState *cs);
/* @cs is null for a device. */
LedgerCpu *ledger_cpu(UintrLedger *l, CPUState *cs);
int64_t ledger_write_for_device(UintrLedger *l, LedgerEntry entry);

/*
 * When it was.  Each member by itself: to copy an entry as a whole would wait
 * until those that were just stored can be read back together.
 */
static inline int64_t ledger_put(UintrLedger *l, LedgerCpu *c,
                                 LedgerEntry entry)
{
    LedgerEntry *to = &c->entries[c->next];

    to->time = ledger_now();
    to->rip = entry.rip;
    to->value = entry.value;
    to->upid = entry.upid;
    to->number = entry.number;
    to->kind = entry.kind;
    to->vector = entry.vector;
    to->size = entry.size;
    to->coalesced = entry.coalesced;
    c->next = c->next + 1 < l->history ? c->next + 1 : 0;
    qatomic_set(&c->written, c->written + 1);
    return to->time;
}

static inline int64_t ledger_write(UintrLedger *l, CPUState *cs,
                                   LedgerEntry entry)
{
    return cs ? ledger_put(l, ledger_cpu(l, cs), entry) :
           ledger_write_for_device(l, entry);
}

/* ---- clock.c: when to look ---- */

/* The CPU at hand has found a stall: the machine stops, if it should. */
void ledger_stop(UintrLedger *l);
void ledger_start_clock(UintrLedger *l);
/* A snapshot has an earlier time. */
void ledger_turn_clock_back(UintrLedger *l);
void ledger_stop_clock(UintrLedger *l);

/* ---- stall.c: what waits too long ---- */

/* From the clock: true if something has to be asked while CPUs stand still. */
bool ledger_suspects(UintrLedger *l, int64_t now);
/* They do.  True if there is a new stall. */
bool ledger_look(UintrLedger *l, int64_t now);
/* After a last look: what would be a stall if it went on. */
void ledger_list_waiting(UintrLedger *l, int64_t now);
/* Of a UPID and of UIRR, when the first vector comes. */
void ledger_begin(LedgerWait *began, int64_t now, uint64_t progress);

/* A quirk has destroyed vectors: that is known at once. */
void ledger_bitten(UintrLedger *l, CPUState *cs, LedgerUpid *u,
                   const UintrBite *bite, int64_t now);
/* UIRR of @cs has changed by nobody: the same. */
void ledger_unseen(UintrLedger *l, CPUState *cs, LedgerUpid *u,
                   uint64_t vectors);
/* PIR of some UPID has: all of it at the end, else what is old enough. */
void ledger_judge(UintrLedger *l, int64_t now, bool at_end);

/* ---- cause.c: why ---- */

/* What is found: @message is null if it is no stall after all. */
typedef struct LedgerFinding {
    UintrStallCause cause;
    char *message;
    int cpu;                /* -1: none */
} LedgerFinding;

LedgerFinding ledger_ask_upid(UintrLedger *l, LedgerUpid *u, uint64_t low,
                              uint64_t pir);
/* The same of a machine that goes on no more: so a task stays switched off. */
LedgerFinding ledger_ask_at_end(UintrLedger *l, LedgerUpid *u, uint64_t low,
                                uint64_t pir);
LedgerFinding ledger_ask_cpu(UintrLedger *l, CPUState *cs);
/* What software has overwritten in UIRR and had never looked at. */
LedgerFinding ledger_ask_unread(const LedgerUpid *u);

/* ---- inspect.c ---- */

void ledger_inspect_class_init(ObjectClass *oc);
void ledger_report(UintrLedger *l);

#endif
