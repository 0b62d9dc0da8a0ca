/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types, errors, locks and interrupts, as far as hw/mailbox asks for them. */
#include "world.h"
#include "cpu.h"
#include "hw/pci/msix.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/blocker.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/rcu.h"
#include "system/replay.h"
#include "system/runstate.h"
#include "target/i386/uintr/inject.h"
#include "target/i386/uintr/observe.h"
#include "target/i386/uintr/schedule.h"

#define ENTRIES 8

/* ---- Errors and logs: the text is made, so that its arguments are read ---- */

struct Error {
    char *text;
};

const UintrScheduler *uintr_scheduler;
int qemu_loglevel;

static void set_error(Error **errp, const char *format, va_list ap)
{
    char *text = g_strdup_vprintf(format, ap);

    if (!errp) {
        g_free(text);
        return;
    }
    g_assert(!*errp);
    *errp = g_new(Error, 1);
    (*errp)->text = text;
}

void error_setg_internal(Error **errp, const char *src, int line,
                         const char *func, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_error(errp, fmt, ap);
    va_end(ap);
}

void error_setg_errno_internal(Error **errp, const char *fname, int line,
                               const char *func, int os_error,
                               const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_error(errp, fmt, ap);
    va_end(ap);
}

const char *error_get_pretty(const Error *err)
{
    return err->text;
}

void error_free(Error *err)
{
    if (err) {
        g_free(err->text);
        g_free(err);
    }
}

static void make_text(const char *format, va_list ap)
{
    g_free(g_strdup_vprintf(format, ap));
}

void warn_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    make_text(fmt, ap);
    va_end(ap);
}

void qemu_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    make_text(fmt, ap);
    va_end(ap);
}

/* ---- Objects ---- */

static const TypeInfo *types[4];

Type type_register_static(const TypeInfo *info)
{
    for (int i = 0; i < ARRAY_SIZE(types); i++) {
        if (!types[i] || types[i] == info) {
            types[i] = info;
            return NULL;
        }
    }
    g_assert_not_reached();
}

const TypeInfo *type_info(const char *name)
{
    for (int i = 0; i < ARRAY_SIZE(types) && types[i]; i++) {
        if (!strcmp(types[i]->name, name)) {
            return types[i];
        }
    }
    g_assert_not_reached();
}

void register_module_init(void (*fn)(void), module_init_type type)
{
    fn();
}

Object *object_dynamic_cast_assert(Object *obj, const char *type,
                                   const char *file, int line,
                                   const char *func)
{
    return obj;
}

ObjectClass *object_class_dynamic_cast_assert(ObjectClass *class,
                                              const char *type,
                                              const char *file, int line,
                                              const char *func)
{
    return class;
}

void device_class_set_props_n(DeviceClass *dc, const Property *props, size_t n)
{
}

const PropertyInfo qdev_prop_uint64, qdev_prop_uint32, qdev_prop_uint16,
    qdev_prop_size32, qdev_prop_link, qdev_prop_chr;
const VMStateInfo vmstate_info_uint8, vmstate_info_uint32, vmstate_info_uint64,
    vmstate_info_bool, vmstate_info_qtailq, virtio_vmstate_info;

VirtIOMailbox *mailbox_of_pci(PCIDevice *pci)
{
    return pci == ports[0].pci ? ports[0].m : NULL;
}

/* ---- What nobody needs here ---- */

void tcg_memory_is_shared(void)
{
}

bool tcg_allowed = true;

/* util/iov.c has functions that print and search, which nobody calls. */
bool buffer_is_zero_ool(const void *buf, size_t len)
{
    g_assert_not_reached();
}

void qemu_hexdump(FILE *fp, const char *prefix, const void *bufptr,
                  size_t size)
{
    g_assert_not_reached();
}

/* ---- RCU and the big lock: there is one thread ---- */

unsigned long rcu_gp_ctr = 1;
QemuEvent rcu_gp_event;

struct rcu_reader_data *get_ptr_rcu_reader(void)
{
    static struct rcu_reader_data reader;

    return &reader;
}

void qemu_event_set(QemuEvent *ev)
{
}

static bool locked;

bool bql_locked(void)
{
    return locked;
}

void bql_lock_impl(const char *file, int line)
{
    g_assert(!locked);
    locked = true;
}

void bql_unlock(void)
{
    g_assert(locked);
    locked = false;
}

/* ---- Interrupts ---- */

static int uses[MBOX_SIDES][ENTRIES];
static bool msix_is_on;

static int *uses_of(PCIDevice *pci, unsigned vector)
{
    g_assert(vector < ENTRIES);
    return &uses[pci == ports[1].pci][vector];
}

int msix_enabled(PCIDevice *dev)
{
    return msix_is_on;
}

void msix_notify(PCIDevice *dev, unsigned vector)
{
    g_assert(*uses_of(dev, vector) > 0);
    interrupt(&ports[dev == ports[1].pci]);
}

void msix_vector_use(PCIDevice *dev, unsigned vector)
{
    ++*uses_of(dev, vector);
}

void msix_vector_unuse(PCIDevice *dev, unsigned vector)
{
    g_assert((*uses_of(dev, vector))-- > 0);
}

uint16_t pci_requester_id(PCIDevice *dev)
{
    return dev->devfn;
}

bool x86_uintr_inject_from_device(uint32_t requester_id, uint32_t apic_id,
                                  uint8_t vector)
{
    return vector >= 16 && apic_id < 4;
}

/* Nobody keeps books here, and nobody watches. */
void uintr_upid_is_used(uint64_t linear, void *host)
{
}

const UintrObserver *uintr_observer;
__thread bool uintr_device_posts;
__thread CPUState *current_cpu;

bool x86_uintr_has_apic(uint32_t initial_id)
{
    return initial_id < 4;
}

struct UintrWindow {
    Object *owner;
    uint32_t count;
    UintrRouteFn *route;
};

static UintrWindow windows[MBOX_SIDES];
static X86CPU cpus[2];

UintrWindow *uintr_router_claim(Object *owner, uint32_t first, uint32_t count,
                                UintrRouteFn *route, Error **errp)
{
    UintrWindow *window = &windows[port_of(VIRTIO_MAILBOX(owner)) ==
                                   &ports[1]];

    g_assert(!window->owner);
    if (first + (uint64_t)count > 0xff) {
        error_setg(errp, "beyond 8 bits");
        return NULL;
    }
    *window = (UintrWindow) { owner, count, route };
    return window;
}

void uintr_router_release(UintrWindow *window)
{
    g_assert(window->owner);
    window->owner = NULL;
}

void send_user_interrupt(Port *port, uint32_t id, uint8_t vector)
{
    UintrWindow *window = &windows[port == &ports[1]];

    if (window->owner && id < window->count) {
        bql_unlock();
        window->route(window->owner, CPU(&cpus[draw(2)]), id, vector);
        bql_lock();
    }
}

/* ---- Snapshots: not here ---- */

int migrate_add_blocker(Error **reasonp, Error **errp)
{
    return 0;
}

void migrate_del_blocker(Error **reasonp)
{
    error_free(*reasonp);
    *reasonp = NULL;
}

void replay_add_blocker(const char *feature)
{
}

/* ---- Life ---- */

void machine_start(void)
{
    regions_start();
    cpus[1].apic_id = 2;
    locked = true;
    qemu_loglevel = LOG_GUEST_ERROR;
    msix_is_on = draw(2);
    memset(uses, 0, sizeof(uses));
    for (int i = 0; i < MBOX_SIDES; i++) {
        ports[i].pci = g_new0(PCIDevice, 1);
        OBJECT(ports[i].pci)->ref = 1;
        ports[i].pci->qdev.id = g_strdup(i ? "b" : "a");
        ports[i].pci->msix_entries_nr = ENTRIES;
        if (ports[i].m) {
            ports[i].m->pci = ports[i].pci;
            VIRTIO_DEVICE(ports[i].m)->dma_as = regions_dma();
        }
    }
}

void machine_check_end(void)
{
    for (int i = 0; i < MBOX_SIDES; i++) {
        g_assert(!windows[i].owner);
        if (ports[i].m) {
            regions_drop(ports[i].m, sizeof(*ports[i].m));
        }
        g_assert(OBJECT(ports[i].pci)->ref == 1);
        g_free(ports[i].pci->qdev.id);
        g_free(ports[i].pci);
    }
    regions_check_end();
}
