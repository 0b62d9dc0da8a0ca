/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uintr-route: global APIC IDs for CPUs of this machine.
 *
 * QEMU interface:
 *  + property "first": the first global ID (required)
 *  + property "count": how many IDs (default 1)
 *  + property "target": initial APIC ID of the CPU that "first" names; the
 *    others follow in order (default 0)
 *  + read-only properties "delivered" and "refused": notifications that
 *    reached a local APIC, and those with an illegal vector or no such APIC
 *
 * A SENDUIPI whose NDST is such an ID arrives as an ordinary fixed interrupt.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "hw/qdev-core.h"
#include "hw/qdev-properties.h"
#include "target/i386/uintr/inject.h"
#include "target/i386/uintr/router.h"

#define TYPE_UINTR_ROUTE "uintr-route"
OBJECT_DECLARE_SIMPLE_TYPE(UintrRoute, UINTR_ROUTE)

struct UintrRoute {
    DeviceState parent_obj;

    uint32_t first, count, target;
    uint64_t delivered, refused;    /* under the big lock */
    UintrWindow *window;
};

static void route(Object *owner, CPUState *sender, uint32_t id, uint8_t vector)
{
    UintrRoute *s = UINTR_ROUTE(owner);
    BQL_LOCK_GUARD();

    if (x86_uintr_inject(sender, s->target + id, vector)) {
        s->delivered++;
    } else {
        s->refused++;
    }
}

static void uintr_route_realize(DeviceState *dev, Error **errp)
{
    UintrRoute *s = UINTR_ROUTE(dev);

    if (s->first == UINT32_MAX) {
        error_setg(errp, "uintr-route needs first=N, the first of its global "
                   "APIC IDs");
        return;
    }
    s->window = uintr_router_claim(OBJECT(s), s->first, s->count, route, errp);
}

static void uintr_route_unrealize(DeviceState *dev)
{
    uintr_router_release(UINTR_ROUTE(dev)->window);
}

static void uintr_route_init(Object *obj)
{
    UintrRoute *s = UINTR_ROUTE(obj);

    object_property_add_uint64_ptr(obj, "delivered", &s->delivered,
                                   OBJ_PROP_FLAG_READ);
    object_property_add_uint64_ptr(obj, "refused", &s->refused,
                                   OBJ_PROP_FLAG_READ);
}

static const Property uintr_route_properties[] = {
    DEFINE_PROP_UINT32("first", UintrRoute, first, UINT32_MAX),
    DEFINE_PROP_UINT32("count", UintrRoute, count, 1),
    DEFINE_PROP_UINT32("target", UintrRoute, target, 0),
};

static void uintr_route_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);

    dc->realize = uintr_route_realize;
    dc->unrealize = uintr_route_unrealize;
    dc->desc = "global APIC IDs for CPUs of this machine";
    device_class_set_props(dc, uintr_route_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo uintr_route_info = {
    .name = TYPE_UINTR_ROUTE,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(UintrRoute),
    .instance_init = uintr_route_init,
    .class_init = uintr_route_class_init,
};

static void uintr_route_register_types(void)
{
    type_register_static(&uintr_route_info);
}

type_init(uintr_route_register_types)
