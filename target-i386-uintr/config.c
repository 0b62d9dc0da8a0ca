/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU properties of the user-interrupt facility. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/util.h"
#include "system/qtest.h"
#include "system/tcg.h"
#include "hw/resettable.h"
#include "internal.h"
#include "observe.h"

static const char *const null_uitt_names[] = {
    [UINTR_NULL_UITT_GP] = "gp",
    [UINTR_NULL_UITT_GP_ALL] = "gp-all",
    [UINTR_NULL_UITT_SDM] = "sdm",
};

static char *get_null_uitt(Object *obj, Error **errp)
{
    return g_strdup(null_uitt_names[X86_CPU(obj)->uintr.null_uitt]);
}

static void set_null_uitt(Object *obj, const char *value, Error **errp)
{
    for (int i = 0; i < ARRAY_SIZE(null_uitt_names); i++) {
        if (!strcmp(value, null_uitt_names[i])) {
            X86_CPU(obj)->uintr.null_uitt = i;
            return;
        }
    }
    error_setg(errp, "x-uintr-null-uitt=%s is unknown: use gp, gp-all or sdm",
               value);
}

static bool get_no_cmpxchg128(Object *obj, Error **errp)
{
    return X86_CPU(obj)->uintr.no_cmpxchg128;
}

static void set_no_cmpxchg128(Object *obj, bool value, Error **errp)
{
    X86_CPU(obj)->uintr.no_cmpxchg128 = value;
}

static ResettablePhases cpu_phases;     /* those of all x86 CPUs */

static void reset_hold(Object *obj, ResetType type)
{
    cpu_phases.hold(obj, type);
    UINTR_TELL(reset, &X86_CPU(obj)->env);
}

void x86_uintr_class_init(ObjectClass *oc)
{
    resettable_class_set_parent_phases(RESETTABLE_CLASS(oc), NULL, reset_hold,
                                       NULL, &cpu_phases);
    object_class_property_add_str(oc, "x-uintr-null-uitt",
                                  get_null_uitt, set_null_uitt);
    object_class_property_add_bool(oc, "x-uintr-no-cmpxchg128",
                                   get_no_cmpxchg128, set_no_cmpxchg128);
    uintr_quirks_class_init(oc);
    uintr_inspect_class_init(oc);
}

void x86_uintr_realize(X86CPU *cpu, Error **errp)
{
    if (uintr_present(&cpu->env) && !tcg_enabled() && !qtest_enabled()) {
        error_setg(errp, "uintr=on needs TCG: start with -accel tcg, "
                   "or leave uintr out of -cpu");
        return;
    }
    if (uintr_present(&cpu->env)) {
        uintr_look_for_shared_memory();
    }
    uintr_xsave_realize(&cpu->env);
    uintr_quirks_realize(cpu, errp);
}
