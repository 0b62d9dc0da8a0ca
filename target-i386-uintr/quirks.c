/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults on request: see quirks.h. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/main-loop.h"
#include "hw/core/cpu.h"
#include "hw/qdev-core.h"
#include "migration/blocker.h"
#include "internal.h"
#include "observe.h"
#include "quirks.h"
#include "trace.h"

#define OLD_VECTOR 0xec         /* the one notification vector it knew */
#define OLD_SILENT 0x11         /* for 3: ON and SN */
#define RACE_US 1               /* so that P2 loses a race now and then */

static const struct {
    const char *name, *what;
} quirks[] = {
    [UINTR_QUIRK_N1] = { "N1",
        "the CPU takes vector 0xec for its notification, whatever UINV is: "
        "this one goes to the IDT" },
    [UINTR_QUIRK_N3] = { "N3",
        "a notification with UIF = 0 was acknowledged and forgotten: ON stays "
        "set, and nobody will notify again" },
    [UINTR_QUIRK_N4] = { "N4",
        "a notification outside ring 3 was acknowledged and forgotten: ON "
        "stays set, and nobody will notify again" },
    [UINTR_QUIRK_N5] = { "N5",
        "PIR has replaced what was pending in UIRR, where it is ORed into it" },
    [UINTR_QUIRK_N6] = { "N6",
        "UIRR is looked at with a notification only: what is pending waits "
        "for the next one" },
    [UINTR_QUIRK_N7] = { "N7",
        "the delivery has cleared other bits of UIRR than its own, by a shift "
        "of 32 bits" },
    [UINTR_QUIRK_P2] = { "P2",
        "SENDUIPI has written back what it had read: what others changed in "
        "the UPID in between is undone" },
    [UINTR_QUIRK_S9] = { "S9",
        "SENDUIPI has set other bits of PIR than its own, by a shift of 32 "
        "bits" },
    [UINTR_QUIRK_S10] = { "S10",
        "SENDUIPI has notified and set ON though SN is set" },
    [UINTR_QUIRK_S11] = { "S11",
        "SENDUIPI has taken NDST for an xAPIC's in x2APIC mode: the "
        "notification goes to another CPU" },
    [UINTR_QUIRK_S13] = { "S13",
        "the notification goes where the last ICR of its target had a "
        "shorthand for" },
    [UINTR_QUIRK_X1] = { "X1",
        "XSAVES or XRSTORS has left the user-interrupt state alone: it is "
        "still that of the task before" },
    [UINTR_QUIRK_X2] = { "X2",
        "XSAVES has left UINV set: a late notification fills a UIRR that "
        "nobody saves" },
    [UINTR_QUIRK_CR4] = { "cr4", NULL },
    [UINTR_QUIRK_XCR0] = { "xcr0-uintr", NULL },
    [UINTR_QUIRK_UNTOLD] = { "untold", NULL },
};

/*
 * It has done something that a CPU does not: @vectors are what it changed.
 * Untold it is what a bug of the emulator would be, for the ledger to find.
 */
static void bite(CPUX86State *env, UintrQuirk quirk, void *upid,
                 uint64_t vectors)
{
    trace_uintr_quirk(env_cpu(env)->cpu_index, quirks[quirk].name, vectors);
    if (uintr_quirks(env, QUIRK_BIT(UNTOLD))) {
        return;
    }
    UINTR_TELL(quirk, env, &(UintrBite) {
        .number = quirk, .name = quirks[quirk].name,
        .what = quirks[quirk].what, .host = upid, .vectors = vectors,
    });
}

/* ---- the receiver ---- */

uint8_t uintr_quirk_uinv(CPUX86State *env)
{
    uint8_t uinv = env->uintr.uinv;
    APICCommonState *apic = uintr_apic(env_archcpu(env));

    if (uinv != OLD_VECTOR && uinv && apic_peek_interrupt(apic) == uinv) {
        bite(env, UINTR_QUIRK_N1, NULL, 0);
    }
    return OLD_VECTOR;
}

bool uintr_quirk_drops(CPUX86State *env, void *upid)
{
    bool kernel = (env->hflags & HF_CPL_MASK) != 3;
    UintrQuirk quirk = uintr_quirks(env, QUIRK_BIT(N3)) && !env->uintr.uif ?
                       UINTR_QUIRK_N3 :
                       uintr_quirks(env, QUIRK_BIT(N4)) && kernel ?
                       UINTR_QUIRK_N4 : UINTR_QUIRK__MAX;

    if (quirk == UINTR_QUIRK__MAX) {
        return false;
    }
    bite(env, quirk, upid, 0);
    return true;
}

/* UIRR has another value than the books expect. */
static void replace_rr(CPUX86State *env, uint64_t rr)
{
    uint64_t old = env->uintr.rr;

    env->uintr.rr = rr;
    uintr_set_request(env);
    if (!uintr_quirks(env, QUIRK_BIT(UNTOLD))) {
        UINTR_TELL(replace, env, old, UINTR_REPLACED_QUIRK, NULL);
    }
}

void uintr_quirk_overwrite(CPUX86State *env, void *upid, uint64_t old_rr,
                           uint64_t pir)
{
    if (old_rr & ~pir) {
        bite(env, UINTR_QUIRK_N5, upid, old_rr & ~pir);
        replace_rr(env, pir);
    }
}

void uintr_quirk_overlook(CPUX86State *env)
{
    bite(env, UINTR_QUIRK_N6, NULL, env->uintr.rr);
}

/* What C makes of 1 << n, with a host that counts modulo 32. */
static uint64_t shifted(int n)
{
    return (int64_t)(int32_t)(1u << (n & 31));
}

uint64_t uintr_quirk_clear(CPUX86State *env, int vector)
{
    uint64_t right = env->uintr.rr & ~(1ULL << vector);
    uint64_t wrong = env->uintr.rr & ~shifted(vector);

    if (right != wrong) {
        bite(env, UINTR_QUIRK_N7, NULL, right ^ wrong);
        env->uintr.rr = right;
        replace_rr(env, wrong);
    }
    return wrong;
}

/* ---- the sender ---- */

uint64_t uintr_quirk_silent(CPUX86State *env)
{
    return uintr_quirks(env, QUIRK_BIT(S10)) ? OLD_SILENT : UPID_ON | UPID_SN;
}

static bool change(CPUX86State *env, UintrUpid *upid, uint8_t vector)
{
    bool s9 = uintr_quirks(env, QUIRK_BIT(S9));

    if (upid->low & UPID_LOW_RESERVED) {
        return false;
    }
    upid->pir |= s9 ? shifted(vector) : 1ULL << vector;
    if (!(upid->low & uintr_quirk_silent(env))) {
        upid->low |= UPID_ON;
    }
    return true;
}

/* The big lock keeps senders apart, but not what the guest's code does. */
static Int128 race(Int128 *host, Int128 seen, Int128 next)
{
    Int128 found;

    g_usleep(RACE_US);          /* whoever comes now is undone */
    do {
        found = seen;
        seen = atomic16_cmpxchg(host, found, next);
    } while (int128_ne(seen, found));
    return found;
}

static void tell_post(CPUX86State *env, void *host, uint8_t vector,
                      const UintrUpid *old)
{
    uint64_t wrong = shifted(vector) ^ 1ULL << vector;

    if (uintr_quirks(env, QUIRK_BIT(S9)) && wrong) {
        bite(env, UINTR_QUIRK_S9, host, wrong);
    }
    if (uintr_quirks(env, QUIRK_BIT(S10)) &&
        (old->low & (UPID_ON | UPID_SN)) == UPID_SN) {
        bite(env, UINTR_QUIRK_S10, host, 1ULL << vector);
    }
}

bool uintr_quirk_post(CPUX86State *env, Int128 *host, uint8_t vector,
                      UintrUpid *old)
{
    uint64_t *word = (uint64_t *)host;
    Int128 seen, found;
    UintrUpid next, there;
    BQL_LOCK_GUARD();

    do {
        seen = int128_make128(qatomic_read(word), qatomic_read(word + 1));
        next = *old = upid_from_guest(seen);
        if (!change(env, &next, vector)) {
            return false;
        }
        found = uintr_quirks(env, QUIRK_BIT(P2)) ?
                race(host, seen, upid_to_guest(next)) :
                atomic16_cmpxchg(host, seen, upid_to_guest(next));
    } while (int128_ne(found, seen) && !uintr_quirks(env, QUIRK_BIT(P2)));
    there = upid_from_guest(found);
    if (there.low != old->low || there.pir != old->pir) {
        bite(env, UINTR_QUIRK_P2, host, there.pir ^ old->pir);
    }
    tell_post(env, host, vector, old);
    return true;
}

uint32_t uintr_quirk_dest(CPUX86State *env, uint32_t ndst)
{
    uint32_t dest = extract32(ndst, UPID_NDST_XAPIC_SHIFT, 8);

    if (dest != ndst) {
        bite(env, UINTR_QUIRK_S11, NULL, 0);
    }
    return dest;
}

bool uintr_quirk_shorthand(CPUX86State *env, uint32_t dest, uint8_t vector)
{
    CPUState *target = cpu_by_arch_id(dest), *cs;
    APICCommonState *apic = target ? uintr_apic(X86_CPU(target)) : NULL;
    int shorthand = apic ? extract32(apic->icr[0], 18, 2) : 0;

    if (shorthand < 2) {
        return false;           /* none, or itself */
    }
    bite(env, UINTR_QUIRK_S13, NULL, 0);
    CPU_FOREACH(cs) {
        if (shorthand == 2 || cs != target) {
            uintr_send_fixed(env_cpu(env), X86_CPU(cs)->apic_id, vector);
        }
    }
    return true;
}

/* ---- the state component ---- */

uint64_t uintr_quirk_components(CPUX86State *env, uint64_t mask)
{
    if (mask & uintr_xsave_enabled(env) & XSTATE_UINTR_MASK) {
        bite(env, UINTR_QUIRK_X1, NULL, 0);
    }
    return mask & ~XSTATE_UINTR_MASK;
}

void uintr_quirk_keep_uinv(CPUX86State *env)
{
    if (env->uintr.uinv) {
        bite(env, UINTR_QUIRK_X2, NULL, 0);
    }
}

/* ---- configuration ---- */

static char *get_quirks(Object *obj, Error **errp)
{
    GString *names = g_string_new("");

    for (int i = 0; i < UINTR_QUIRK__MAX; i++) {
        if (X86_CPU(obj)->uintr.quirks & (1u << i)) {
            g_string_append_printf(names, "%s%s", names->len ? ":" : "",
                                   quirks[i].name);
        }
    }
    return g_string_free(names, FALSE);
}

static char *known_quirks(void)
{
    GString *names = g_string_new("");

    for (int i = 0; i < UINTR_QUIRK__MAX; i++) {
        g_string_append_printf(names, "%s, ", quirks[i].name);
    }
    g_string_append(names, "and predecessor for all but the last");
    return g_string_free(names, FALSE);
}

static uint32_t quirk_named(const char *name)
{
    if (!strcmp(name, "predecessor")) {
        return (1u << UINTR_QUIRK_UNTOLD) - 1;
    }
    for (int i = 0; i < UINTR_QUIRK__MAX; i++) {
        if (!strcmp(name, quirks[i].name)) {
            return 1u << i;
        }
    }
    return 0;
}

static void set_quirks(Object *obj, const char *value, Error **errp)
{
    g_auto(GStrv) names = g_strsplit(value, ":", 0);
    uint32_t bits = 0;

    if (DEVICE(obj)->realized) {
        error_setg(errp, "x-uintr-quirks cannot change later");
        return;
    }
    for (char **name = names; *name; name++) {
        uint32_t bit = quirk_named(*name);

        if (!bit) {
            g_autofree char *known = known_quirks();

            error_setg(errp, "x-uintr-quirks: '%s' is unknown; there are %s",
                       *name, known);
            return;
        }
        bits |= bit;
    }
    X86_CPU(obj)->uintr.quirks = bits;
}

void uintr_quirks_class_init(ObjectClass *oc)
{
    object_class_property_add_str(oc, "x-uintr-quirks", get_quirks,
                                  set_quirks);
    object_class_property_set_description(oc, "x-uintr-quirks",
        "faults on request, NAME:NAME...; docs/quirks.md of Farbell");
}

/* Nobody should find a faulty CPU where the source had a good one. */
bool uintr_quirks_realize(X86CPU *cpu, Error **errp)
{
    static Error *blocker;
    CPUX86State *env = &cpu->env;

    if (!cpu->uintr.quirks) {
        return true;
    }
    if (!uintr_present(env)) {
        error_setg(errp, "x-uintr-quirks needs uintr=on");
        return false;
    }
    if (uintr_quirks(env, QUIRK_BIT(XCR0))) {
        env->features[FEAT_XSAVE_XCR0_LO] |= XSTATE_UINTR_MASK;
    }
    if (!blocker) {
        error_setg(&blocker, "a CPU has x-uintr-quirks: it is neither saved "
                   "nor migrated");
        return !migrate_add_blocker(&blocker, errp);
    }
    return true;
}
