/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a post reaches its receiver: two senders, the task that receives, the
 * two processors on which it may run, and a third sender with a vector of its
 * own for the same local APIC.  docs/posting.md tells it in words.
 *
 * A statement or a d_step is one step of one host thread that the others see:
 * an atomic operation, together with all that only this thread looks at, or
 * that the big lock covers.  A processor blocks while its guest waits and
 * while it sleeps, and every process ends when all posts are delivered.  So a
 * lost post is a state where nobody can move, an invalid end state; and since
 * what guests may do is counted, a run without end is a fault as well.
 *
 * A quirk is one fault, put in on purpose.  quirks.cfg says what each finds.
 */

#define Q_NONE              0
/* faults of a processor: SENDUIPI, notification processing, delivery */
#define Q_ON_KEPT           1
#define Q_PIR_FIRST         2
#define Q_UIRR_OVERWRITTEN  3
#define Q_CLUI_DROPS        4
#define Q_NOTIFY_EARLY      5
#define Q_UPID_UNLOCKED     6
#define Q_NO_SECOND_LOOK    7
#define Q_KERNEL_DROPS     27
/* faults of an emulation: the post without the big lock, and the halt */
#define Q_ANY_LATE          8
#define Q_HALTED_EARLY      9
#define Q_KICK_UNLOCKED    10
#define Q_NO_BARRIER       11
#define Q_POLL_LATE        12
#define Q_POLL_ALONE       13
#define Q_POLL_WAKES       14
#define Q_REQUEST_UNLOCKED 15
#define Q_EXIT_LATE        16
#define Q_ACK_TAKES        17
#define Q_POLL_KEPT        18
/* faults of a kernel: the context switch */
#define Q_NDST_LATE        19
#define Q_LOOK_EARLY       20
#define Q_NO_REARM         21
#define Q_UINV_KEPT        22
#define Q_PIR_ONLY         23
/* other ways to do it, which lose nothing either */
#define Q_ONE_STEP         24
#define Q_SN_EARLY         25
#define Q_SN_IGNORED       26

/* From the environment, so that one compiled model serves all. */
byte quirk;
byte posts[3];                              /* of each sender */
byte cluis, syscalls, halts, switches;      /* what the guest may still do */

/* Interrupt vectors, the higher one first: a kernel's own, and UPID.NV. */
#define KV 2
#define NV 1

/* The UPID; PIR has bits 1 and 2 for the two senders. */
bool on, sn;
bit ndst;
byte pir;

/* The task; UIRR is the processor's while the task is on one. */
bool uif = true;
byte image;
byte ready;                                 /* 1 + the processor it goes to */
byte owed;                                  /* posted, not delivered since */
#define OWED_KV 4
byte senders = 3;

typedef Cpu {
    byte posted;                            /* NV, KV in posted[] */
    bool any;                               /* posted_any */
    byte irr;                               /* NV, KV in IRR */
    bool poll, hard;                        /* bits of interrupt_request */
    bool halted;
    bool high;                              /* leave the block: icount_decr */
    bool asleep;                            /* in qemu_cond_wait() */
    bool uinv;                              /* UINV is NV, or else 0 */
    byte rr                                 /* UIRR */
}
Cpu cpu[2];
byte bql;                                   /* the big lock: 0, or who has it */

#define ALL_DELIVERED (senders == 0 && owed == 0)

/* A quirk often swaps two steps: this is the first of them, or the second. */
#define ORDER(swapped, one, other) \
    if :: quirk == swapped -> other :: else -> one fi

#define SAY printf

/* ---- a sender ---- */

#define VECTOR (1 << me)
#define T cpu[dest]
#define NOTIFIES (!on && (!sn || quirk == Q_SN_IGNORED))

/* R52-R55, one locked operation */
inline post(sets_on) {
    pir = pir | VECTOR;
    on = on || sets_on;
    owed = owed | VECTOR;
    SAY("~sender %d|SENDUIPI: PIR = %d, ON = %d, SN = %d, notifies = %d\n",
        me, pir, on, sn, sets_on)
}

inline ask_for_poll() {
    T.poll = true;
    SAY("~sender %d|asks cpu %d for a poll\n", me, dest)
}

inline look_at_halted() {
    seen_halted = T.halted;
    SAY("~sender %d|finds cpu %d halted = %d\n", me, dest, seen_halted)
}

/* ring() */
inline ring() {
    d_step { ORDER(Q_HALTED_EARLY, ask_for_poll(), look_at_halted()) };
    d_step { ORDER(Q_HALTED_EARLY, look_at_halted(), ask_for_poll()) };
    if
    :: d_step {
        seen_halted && (bql == 0 || quirk == Q_KICK_UNLOCKED) ->
            SAY("~sender %d|kicks cpu %d; it was asleep = %d\n", me, dest,
                T.asleep);
            T.asleep = false;
            T.high = true;
            seen_halted = false;
            dest = 0
       }
    :: d_step {
        !seen_halted ->
            SAY("~sender %d|makes cpu %d leave its block\n", me, dest);
            T.high = true;
            dest = 0
       }
    fi
}

/* post_unlocked() */
inline notify(vector) {
    d_step {
        T.posted = T.posted | vector;
        owed = owed | (vector == KV -> OWED_KV : 0)
    };
    if
    :: d_step {
        !T.any ->
            T.any = true;
            SAY("~sender %d|posts vector %d to cpu %d, first\n", me,
                vector, dest)
       };
       ring()
    :: d_step {
        T.any ->
            SAY("~sender %d|posts vector %d to cpu %d, not first\n", me,
                vector, dest);
            dest = 0
       }
    fi
}

#define SENDS (left > 0 && quirk != Q_NOTIFY_EARLY && quirk != Q_UPID_UNLOCKED)

proctype Sender(bit me) {
    byte left = posts[me], old_pir;
    bit dest;
    bool seen_halted, old_on, first;

    do
    :: d_step { SENDS && !NOTIFIES -> left--; post(false) }
    :: d_step { SENDS && NOTIFIES -> left--; dest = ndst; post(true) };
       notify(NV)

    :: d_step { quirk == Q_NOTIFY_EARLY && left > 0 -> left--; first = NOTIFIES;
                dest = ndst };
       if
       :: first -> notify(NV)
       :: else
       fi;
       d_step { post(first); first = false; dest = 0 }

    :: d_step { quirk == Q_UPID_UNLOCKED && left > 0 -> left--; dest = ndst;
                first = NOTIFIES; old_pir = pir; old_on = on };
       d_step { pir = old_pir; on = old_on; post(first);
                old_pir = 0; old_on = false };
       if
       :: first -> first = false; notify(NV)
       :: else -> dest = 0
       fi

    :: left == 0 -> break
    od;
    senders--
}

/* Who posts KV into the same APIC, to the processor that runs the task. */
proctype Other(byte me) {
    byte left = posts[me];
    bit dest;
    bool seen_halted;

    do
    :: left > 0 -> left--; notify(KV)
    :: left == 0 -> break
    od;
    senders--
}

/* ---- a processor ---- */

#define C cpu[me]
#define FREE (bql == 0)
#define LOCK bql = me + 1
#define USER_WORK (C.rr != 0 && uif && where == USER)
#define TAKEN_BY_LOOP (USER_WORK && quirk != Q_NO_SECOND_LOOK)

/* Where the guest is. */
#define USER    0
#define KERNEL  1
#define SAVE    2
#define IDLE    3
#define IN_NDST 4
#define IN_SN   5
#define IN_LOAD 6
#define IN_LOOK 7
#define IN_SEND 8

#define NOTIFICATION (C.uinv && C.irr == NV)

inline clear_any() {
    C.any = false;
    SAY("~cpu %d|clears posted_any\n", me)
}

inline take_bits() {
    C.irr = C.irr | C.posted;
    SAY("~cpu %d|takes what was posted: vectors %d\n", me, C.posted);
    C.posted = 0
}

/* apic_take_posted(), and what comes after it */
#define TAKE_POSTED(then) \
    if \
    :: d_step { C.any -> ORDER(Q_ANY_LATE, clear_any(), take_bits()) }; \
       d_step { ORDER(Q_ANY_LATE, take_bits(), clear_any()); then } \
    :: d_step { !C.any -> then } \
    fi

/* apic_update_irq() on the processor's own thread */
inline update_irq() {
    C.hard = (C.irr != 0);
    C.high = C.high || C.hard
}

/* R64-R66: acknowledge and EOI; nobody else looks in between */
inline acknowledge() {
    if
    :: quirk == Q_ACK_TAKES -> TAKE_POSTED(skip)
    :: quirk != Q_ACK_TAKES -> was_polled = C.poll && quirk == Q_REQUEST_UNLOCKED
    fi;
    d_step {
        assert(C.irr == NV);
        C.irr = 0;
        C.poll = (quirk == Q_REQUEST_UNLOCKED -> was_polled : C.poll);
        was_polled = false;
        update_irq()
    }
}

/* R117 */
inline deliver() {
    vector = (C.rr & 2 -> 2 : 1);
    C.rr = C.rr & ~vector;
    owed = owed & ~vector;
    uif = false;
    SAY("~cpu %d|delivers the vector of sender %d\n", me, vector / 2);
    vector = 0
}

#define DROPS (quirk == Q_CLUI_DROPS && !uif || \
               quirk == Q_KERNEL_DROPS && where != USER)

inline clear_on() {
    on = on && (quirk == Q_ON_KEPT || DROPS);
    SAY("~cpu %d|identifies a notification: ON = %d\n", me, on)
}

/* uintr_set_rr() makes the processor look again. */
inline take_pir() {
    C.rr = (quirk == Q_UIRR_OVERWRITTEN -> 0 : C.rr) | (DROPS -> 0 : pir);
    pir = (DROPS -> pir : 0);
    C.high = C.high || C.rr != 0 && uif;
    SAY("~cpu %d|takes PIR: UIRR = %d\n", me, C.rr)
}

/* R78-R81 */
inline process() {
    d_step {
        if
        :: quirk != Q_PIR_FIRST -> clear_on()
        :: else
        fi;
        if
        :: quirk == Q_PIR_FIRST || quirk == Q_ONE_STEP -> take_pir()
        :: else
        fi
    };
    d_step {
        if
        :: quirk == Q_PIR_FIRST -> clear_on()
        :: quirk == Q_ONE_STEP
        :: else -> take_pir()
        fi
    }
}

/* deliver_if_next(), and the end of the big lock */
inline deliver_and_unlock() {
    d_step {
        if
        :: USER_WORK && !C.poll && !C.hard -> deliver()
        :: else
        fi;
        bql = 0
    }
}

inline unlock_after_poll() {
    d_step {
        C.high = C.high || USER_WORK && quirk != Q_POLL_ALONE;
        bql = 0
    }
}

/* apic_poll_irq(), then x86_uintr_poll(), which looks at the APIC again */
inline exec_poll() {
    d_step {
        C.poll = false;
        SAY("~cpu %d|answers the poll\n", me)
    };
    TAKE_POSTED(update_irq());
    if
    :: C.hard && C.uinv && !C.poll ->
        TAKE_POSTED(skip);
        if
        :: d_step { NOTIFICATION -> C.hard = false };
           acknowledge();
           process();
           deliver_and_unlock()
        :: !NOTIFICATION -> unlock_after_poll()
        fi
    :: !(C.hard && C.uinv && !C.poll) -> unlock_after_poll()
    fi
}

inline through_idt() {
    d_step {
        assert(C.irr != 0);
        if
        :: C.irr & KV ->
            owed = owed & ~OWED_KV;
            SAY("~cpu %d|takes KV through the IDT\n", me)
        :: else ->
            SAY("~cpu %d|takes NV through the IDT, since UINV = 0\n", me)
        fi;
        C.irr = (C.irr & KV -> C.irr & ~KV : 0);
        update_irq();
        C.high = C.high || where == USER;   /* IRET ends its block */
        bql = 0
    }
}

inline exec_hard() {
    if
    :: C.uinv ->
        TAKE_POSTED(skip);
        if
        :: NOTIFICATION -> acknowledge(); process(); deliver_and_unlock()
        :: !NOTIFICATION -> through_idt()
        fi
    :: !C.uinv -> through_idt()
    fi
}

/* R154 and its variants: what follows a step of the switch to the task. */
inline after(step) {
    where = (
        step == IDLE -> (quirk == Q_NDST_LATE || quirk == Q_SN_EARLY ->
                         IN_SN : IN_NDST) : (
        step == IN_NDST -> (quirk == Q_NDST_LATE -> KERNEL : (
                            quirk == Q_SN_EARLY ||
                            quirk == Q_LOOK_EARLY -> IN_LOAD : IN_SN)) : (
        step == IN_SN -> (quirk == Q_SN_EARLY -> IN_NDST : (
                          quirk == Q_LOOK_EARLY -> KERNEL : IN_LOAD)) : (
        step == IN_LOAD -> (quirk == Q_NO_REARM -> KERNEL : IN_LOOK) : (
                            quirk == Q_NDST_LATE -> IN_NDST : (
                            quirk == Q_LOOK_EARLY -> IN_SN : KERNEL))))))
}

/* ON may be set with PIR = 0: a post between R78 and R79. */
#define REARMS (pir != 0 || on && quirk != Q_PIR_ONLY && quirk != Q_ONE_STEP)

#define STAYS_HALTED (C.hard && NOTIFICATION && \
                      !(quirk == Q_POLL_WAKES && C.poll))

/* What ends HLT besides: another CPU, or a clock for what is in UIRR already. */
#define OTHER_INTERRUPT (ready == me + 1 || where == KERNEL && senders == 0 && \
                         (owed & ~C.rr) == 0)

proctype Vcpu(bit me) {
    byte where = (me == 0 -> USER : IDLE), vector;
    bool was_polled;

    if
    :: where == USER
    :: where == IDLE -> goto guest
    fi;

boundary:                                   /* cpu_handle_interrupt() */
    C.high = C.high && quirk == Q_EXIT_LATE;
    if
    :: d_step { C.poll && FREE -> LOCK };
       exec_poll()
    :: d_step { !C.poll && C.hard && FREE -> LOCK; C.hard = false };
       exec_hard()
    :: d_step { !C.poll && !C.hard && TAKEN_BY_LOOP && FREE -> deliver() }
    :: !(C.poll || C.hard || TAKEN_BY_LOOP) ->
       if
       :: quirk == Q_EXIT_LATE -> C.high = false
       :: else
       fi
    fi;

guest:
    if
    :: C.high -> goto boundary

    /* the user's code */
    :: d_step {
        where == USER && !uif ->
            uif = true;
            SAY("~cpu %d|UIRET or STUI\n", me)
       };
       goto boundary
    :: d_step {
        where == USER && uif && cluis > 0 ->
            cluis--;
            uif = false;
            SAY("~cpu %d|CLUI\n", me)
       };
       goto guest
    :: d_step {
        where == USER && syscalls > 0 ->
            syscalls--;
            where = KERNEL;
            SAY("~cpu %d|enters the kernel\n", me)
       };
       goto guest

    /* the kernel's */
    :: d_step {
        where == KERNEL ->
            where = USER;
            SAY("~cpu %d|returns to the user\n", me)
       };
       goto boundary
    :: d_step {
        (where == KERNEL || where == IDLE && ndst == me && ready != me + 1) &&
        halts > 0 ->
            halts--;
            C.halted = (quirk != Q_NO_BARRIER);
            SAY("~cpu %d|HLT; others see halted = %d\n", me, C.halted)
       };
       goto look
    :: d_step {
        where == KERNEL && switches > 0 ->
            switches--;
            sn = true;
            where = SAVE;
            SAY("~cpu %d|switches from the task: SN = 1\n", me)
       };
       goto guest
    :: atomic {
        where == SAVE ->
            if
            :: ready = 1
            :: ready = 2
            fi;
            image = C.rr;
            C.rr = 0;
            C.uinv = (quirk == Q_UINV_KEPT);
            where = IDLE;
            SAY("~cpu %d|saves UIRR = %d; UINV is now %d\n", me, image, C.uinv)
       };
       goto guest
    :: d_step { where == IDLE && ready == me + 1 -> ready = 0; after(IDLE) };
       goto guest
    :: d_step {
        where == IN_NDST ->
            ndst = me;
            after(IN_NDST);
            SAY("~cpu %d|switches to the task: NDST = %d\n", me, ndst)
       };
       goto guest
    :: d_step {
        where == IN_SN ->
            sn = false;
            after(IN_SN);
            SAY("~cpu %d|switches to the task: SN = 0\n", me)
       };
       goto guest
    :: d_step {
        where == IN_LOAD ->
            SAY("~cpu %d|switches to the task: loads UIRR = %d and UINV\n",
                me, image);
            C.rr = image;
            C.uinv = true;
            image = 0;
            after(IN_LOAD)
       };
       goto guest
    :: d_step {
        where == IN_LOOK ->
            SAY("~cpu %d|switches to the task: finds PIR = %d, ON = %d\n", me,
                pir, on);
            if
            :: REARMS -> where = IN_SEND
            :: else -> after(IN_SEND)
            fi
       };
       goto guest
    :: d_step {
        where == IN_SEND && FREE ->
            C.irr = C.irr | NV;
            update_irq();
            after(IN_SEND);
            SAY("~cpu %d|switches to the task: sends itself NV\n", me)
       };
       goto guest
    :: ALL_DELIVERED -> goto done
    fi;

look:                                       /* qemu_wait_io_event() */
    if
    :: d_step { FREE && !(C.poll || C.hard) -> LOCK }
    :: FREE && (C.poll || C.hard) -> goto halt
    fi;
    d_step {
        C.halted = true;                    /* at the latest */
        C.asleep = true;
        bql = 0;
        SAY("~cpu %d|has found no request and sleeps\n", me)
    };
    if
    :: !C.asleep -> goto look
    :: d_step {
        C.asleep && OTHER_INTERRUPT ->
            C.asleep = false;
            C.halted = false;
            SAY("~cpu %d|is woken by another interrupt\n", me)
       };
       goto boundary
    :: ALL_DELIVERED -> goto done
    fi;

halt:                                       /* x86_cpu_exec_halt() */
    if
    :: d_step { C.poll && FREE -> LOCK };
       d_step {
            C.poll = (quirk == Q_POLL_LATE || quirk == Q_POLL_KEPT);
            SAY("~cpu %d|answers the poll in HLT\n", me)
       };
       TAKE_POSTED(update_irq());
       d_step {
            C.poll = C.poll && quirk != Q_POLL_LATE;
            bql = 0;
            SAY("~cpu %d|is done with the poll; the request is now %d\n", me,
                C.poll)
       }
    :: !C.poll
    fi;
    if                                      /* x86_uintr_leaves_halt() */
    :: d_step { C.hard && C.uinv && FREE -> LOCK };
       do
       :: TAKE_POSTED(skip);
          if
          :: d_step { STAYS_HALTED -> C.hard = false };
             acknowledge();
             process()
          :: d_step { !STAYS_HALTED -> bql = 0 };
             break
          fi
       od
    :: !(C.hard && C.uinv)
    fi;
    if
    :: d_step {
        C.hard || quirk == Q_POLL_WAKES && C.poll ->
            SAY("~cpu %d|leaves HLT; UINV = %d\n", me, C.uinv);
            assert(C.hard && !NOTIFICATION);    /* R74 */
            C.halted = false
       };
       goto boundary
    :: !(C.hard || quirk == Q_POLL_WAKES && C.poll) -> goto look
    fi;

done:
    skip
}

init {
    d_step {
        c_code {
            sscanf(getenv("MODEL"), "%hhu %hhu %hhu %hhu %hhu %hhu %hhu %hhu",
                   &now.quirk, &now.posts[0], &now.posts[1], &now.posts[2],
                   &now.cluis, &now.syscalls, &now.halts, &now.switches);
        };
        cpu[0].uinv = true
    };
    atomic {
        run Sender(0); run Sender(1); run Other(2); run Vcpu(0); run Vcpu(1)
    }
}
