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
 * the moments when all of them stand still under MTTCG (L4).
 */
#ifndef HW_UINTR_LEDGER_LEDGER_H
#define HW_UINTR_LEDGER_LEDGER_H

#include "qemu/notify.h"
#include "qemu/thread.h"
#include "qom/object.h"
#include "farbell/uintr.h"
#include "target/i386/uintr/observe.h"

#define TYPE_UINTR_LEDGER "uintr-ledger"
OBJECT_DECLARE_SIMPLE_TYPE(UintrLedger, UINTR_LEDGER)

#define LEDGER_CPUS 64
#define LEDGER_DEVICES LEDGER_CPUS  /* their place beside the CPUs' */
#define LEDGER_ALIASES 4

/* Who made a bit that no post made, or took one that nobody delivered. */
typedef enum LedgerCause {
    LEDGER_BY_STORE,        /* a guest's store into PIR */
    LEDGER_BY_DEVICE,       /* DMA into PIR */
    LEDGER_BY_WRMSR,        /* of UIRR */
    LEDGER_BY_XRSTORS,      /* of an image that holds other vectors */
    LEDGER_BY_OVERWRITING,  /* of an image that was never restored */
    LEDGER_BY_RESET,        /* of the CPU, or a snapshot */
    LEDGER_CAUSE__MAX,
} LedgerCause;

typedef enum LedgerKind {
    LEDGER_POST,            /* no notification: ON or SN was set */
    LEDGER_POST_SENT,
    LEDGER_LOST,            /* the notification, sent to nobody */
    LEDGER_IDENTIFY,
    LEDGER_TO_IDT,
    LEDGER_TAKE,
    LEDGER_DELIVER,
    LEDGER_UIRET,
    LEDGER_SAVE,
    LEDGER_RESTORE,
    LEDGER_WRMSR,
    LEDGER_STORE,
    LEDGER_KIND__MAX,
} LedgerKind;

typedef struct LedgerUpid LedgerUpid;

typedef struct LedgerEntry {
    int64_t time;           /* ns of virtual time */
    uint64_t rip;
    uint64_t value;         /* what the kind says: PIR, UIRR, ... */
    LedgerUpid *upid;       /* null where none is known */
    uint8_t kind, vector;
} LedgerEntry;

/* Who changed a book by other means than user interrupts, last. */
typedef struct LedgerStore {
    int64_t time;
    uint64_t rip;
    int16_t cpu;
    uint8_t offset, size;
    bool seen;
} LedgerStore;

/* Counters of one side, a number for each vector. */
typedef uint64_t LedgerColumn[UINTR_VECTORS];

struct LedgerUpid {
    void *host;             /* null: vectors that belong to no UPID */
    unsigned number;
    unsigned aliases;
    uint64_t linear[LEDGER_ALIASES];
    uint64_t expected;      /* PIR by the books, while CPUs take turns */
    LedgerStore last_store;
    uint64_t causes_injected[LEDGER_CAUSE__MAX];
    uint64_t causes_discarded[LEDGER_CAUSE__MAX];
    LedgerColumn stored_in, stored_out;
    struct {
        LedgerColumn posted, coalesced;
    } QEMU_ALIGNED(64) sender;
    struct {
        LedgerColumn taken, coalesced, delivered, injected, discarded;
    } QEMU_ALIGNED(64) receiver;
};

/* Vectors in UIRR of a task that does not run: a saved component 14. */
typedef struct LedgerImage {
    void *host;
    uint64_t rr;
    bool copied;            /* the CPU that saved it has them still */
    LedgerUpid *owner[UINTR_VECTORS];
} LedgerImage;

typedef struct LedgerCpu {
    uint64_t rr;            /* UIRR by the books */
    LedgerUpid *owner[UINTR_VECTORS];
    LedgerImage *copy;      /* where the same vectors were saved */
    uint64_t ghosts;        /* saved, and restored on another CPU since */
    LedgerUpid *near[16];   /* UPIDs found lately */
    uint64_t written;       /* entries, since the start */
    LedgerEntry *entries;   /* the last ones, a ring */
} LedgerCpu;

struct UintrLedger {
    Object parent_obj;

    uint32_t history;       /* entries kept for each CPU */
    char *report;           /* a file for the books at the end, or null */
    Notifier machine_done, at_exit;
    bool exact;             /* CPUs take turns */
    QemuMutex lock;         /* of what follows */
    GHashTable *upids;      /* host address -> LedgerUpid */
    GPtrArray *by_number;
    GHashTable *images;     /* host address -> LedgerImage */
    LedgerUpid *none;       /* vectors of no UPID */
    LedgerCpu cpu[LEDGER_CPUS + 1];
};

/* The one there is, or null. */
extern UintrLedger *uintr_ledger;

/* ---- books.c ---- */

/* A line of the books at one moment, for one UPID and vector. */
typedef struct LedgerLine {
    uint64_t posted, injected, delivered, coalesced, pending, discarded;
} LedgerLine;

LedgerUpid *ledger_new_upid(UintrLedger *l, void *host);
LedgerUpid *ledger_upid(UintrLedger *l, LedgerCpu *c, void *host);
/* All CPUs stand still, or it is one of those that take turns. */
void ledger_settle(LedgerUpid *u, uint64_t pir);
uint64_t ledger_pir(const LedgerUpid *u);
LedgerLine ledger_line(UintrLedger *l, LedgerUpid *u, int vector);
bool ledger_adds_up(const LedgerLine *line);
void ledger_inject(LedgerUpid *u, int vector, LedgerCause cause);
void ledger_discard(LedgerUpid *u, int vector, LedgerCause cause);

/* ---- observe.c ---- */

extern const UintrObserver ledger_observer;

/* ---- image.c ---- */

void ledger_save(UintrLedger *l, LedgerCpu *c, void *host);
void ledger_forget_copy(LedgerCpu *c, int vector);
/* UIRR of @c is replaced: by @rr, of the image at @host if not null. */
void ledger_replace(UintrLedger *l, LedgerCpu *c, uint64_t rr, void *host,
                    LedgerCause cause);

/* ---- history.c ---- */

LedgerCpu *ledger_cpu(UintrLedger *l, CPUState *cs);
/* @cs is null for a device. */
LedgerEntry *ledger_write(UintrLedger *l, CPUState *cs, LedgerEntry entry);

/* ---- inspect.c ---- */

void ledger_inspect_class_init(ObjectClass *oc);
void ledger_report(UintrLedger *l);

#endif
