/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main loop and the socket: what comes when is the input's choice. */
#include "world.h"
#include <sys/socket.h>
#include "chardev/char.h"
#include "qemu/main-loop.h"
#include "qemu/memfd.h"
#include "qemu/timer.h"
#include "system/runstate.h"

#define MAX_TIMERS 8
#define MAX_BHS 4

QEMUTimerListGroup main_loop_tlg;

/* ---- Bottom halves ---- */

struct QEMUBH {
    QEMUBHFunc *cb;
    void *opaque;
    bool scheduled;
};

static QEMUBH *bhs[MAX_BHS];

QEMUBH *qemu_bh_new_full(QEMUBHFunc *cb, void *opaque, const char *name,
                         MemReentrancyGuard *reentrancy_guard)
{
    for (int i = 0; i < MAX_BHS; i++) {
        if (!bhs[i]) {
            bhs[i] = g_new0(QEMUBH, 1);
            *bhs[i] = (QEMUBH) { cb, opaque };
            return bhs[i];
        }
    }
    g_assert_not_reached();
}

void qemu_bh_schedule(QEMUBH *bh)
{
    bh->scheduled = true;
}

void qemu_bh_cancel(QEMUBH *bh)
{
    bh->scheduled = false;
}

void qemu_bh_delete(QEMUBH *bh)
{
    for (int i = 0; i < MAX_BHS; i++) {
        if (bhs[i] == bh) {
            bhs[i] = NULL;
        }
    }
    g_free(bh);
}

void loop_run(void)
{
    for (int i = 0; i < MAX_BHS; i++) {
        if (bhs[i] && bhs[i]->scheduled) {
            bhs[i]->scheduled = false;
            bhs[i]->cb(bhs[i]->opaque);
        }
    }
}

/* ---- Timers ---- */

static int64_t now;
static QEMUTimer *timers[MAX_TIMERS];

int64_t qemu_clock_get_ns(QEMUClockType type)
{
    return now;
}

void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *timer_list_group,
                     QEMUClockType type, int scale, int attributes,
                     QEMUTimerCB *cb, void *opaque)
{
    *ts = (QEMUTimer) {
        .cb = cb, .opaque = opaque, .scale = scale, .expire_time = -1,
    };
}

void timer_del(QEMUTimer *ts)
{
    for (int i = 0; i < MAX_TIMERS; i++) {
        if (timers[i] == ts) {
            timers[i] = NULL;
        }
    }
}

void timer_mod(QEMUTimer *ts, int64_t expire)
{
    timer_del(ts);
    for (int i = 0; i < MAX_TIMERS; i++) {
        if (!timers[i]) {
            timers[i] = ts;
            ts->expire_time = expire * ts->scale;
            return;
        }
    }
    g_assert_not_reached();
}

static QEMUTimer *first_due(int64_t until)
{
    QEMUTimer *first = NULL;

    for (int i = 0; i < MAX_TIMERS; i++) {
        if (timers[i] && timers[i]->expire_time <= until &&
            (!first || timers[i]->expire_time < first->expire_time)) {
            first = timers[i];
        }
    }
    return first;
}

void loop_step_clock(uint64_t ns)
{
    int64_t until = now + ns;
    QEMUTimer *timer;

    while ((timer = first_due(until))) {
        now = MAX(now, timer->expire_time);
        timer_del(timer);
        timer->cb(timer->opaque);
    }
    now = until;
}

/* ---- A machine that stops and goes ---- */

struct VMChangeStateEntry {
    VMChangeStateHandler *cb;
    void *opaque;
};

bool runstate_is_running(void)
{
    return true;
}

VMChangeStateEntry *qemu_add_vm_change_state_handler(VMChangeStateHandler *cb,
                                                     void *opaque)
{
    VMChangeStateEntry *entry = g_new(VMChangeStateEntry, 1);

    *entry = (VMChangeStateEntry) { cb, opaque };
    return entry;
}

void qemu_del_vm_change_state_handler(VMChangeStateEntry *e)
{
    g_free(e);
}

/* ---- Descriptors ---- */

static struct {
    int fd;
    IOHandler *read;
    void *opaque;
} fd_handlers[MBOX_SIDES];

void qemu_set_fd_handler(int fd, IOHandler *fd_read, IOHandler *fd_write,
                         void *opaque)
{
    int free = -1;

    for (int i = 0; i < MBOX_SIDES; i++) {
        if (!fd_handlers[i].read) {
            free = i;
        } else if (fd_handlers[i].fd == fd) {
            free = i;
            break;
        }
    }
    if (fd_read || fd_handlers[free].fd == fd) {
        fd_handlers[free].fd = fd;
        fd_handlers[free].read = fd_read;
        fd_handlers[free].opaque = opaque;
    }
}

/* A reader may be called without need: the peer shares the descriptor. */
void loop_poll_events(Port *port)
{
    for (int i = 0; i < MBOX_SIDES; i++) {
        if (fd_handlers[i].read) {
            fd_handlers[i].read(fd_handlers[i].opaque);
        }
    }
}

/* ---- The chardev ---- */

static Port *port_of_backend(CharBackend *be)
{
    return port_of(container_of(be, VirtIOMailbox, chr));
}

bool qemu_chr_fe_backend_connected(CharBackend *be)
{
    return port_of_backend(be)->has_chardev;
}

Chardev *qemu_chr_fe_get_driver(CharBackend *be)
{
    return NULL;
}

bool qemu_chr_has_feature(Chardev *chr, ChardevFeature feature)
{
    return true;
}

void qemu_chr_fe_set_handlers(CharBackend *be, IOCanReadHandler *fd_can_read,
                              IOReadHandler *fd_read, IOEventHandler *fd_event,
                              BackendChangeHandler *be_change, void *opaque,
                              GMainContext *context, bool set_open)
{
    Port *port = port_of_backend(be);

    port->can_read = fd_can_read;
    port->read = fd_read;
    port->event = fd_event;
    port->opaque = opaque;
}

void qemu_chr_fe_deinit(CharBackend *be, bool del)
{
    port_of_backend(be)->read = NULL;
}

int qemu_chr_fe_write(CharBackend *be, const uint8_t *buf, int len)
{
    Port *port = port_of_backend(be);
    int n = draw(8) ? len : draw(len + 1);

    if (!port->open || !n) {
        errno = EAGAIN;
        return -1;
    }
    g_byte_array_append(port->wire, buf, n);
    return n;
}

guint qemu_chr_fe_add_watch(CharBackend *be, GIOCondition cond,
                            FEWatchFunc func, void *user_data)
{
    Port *port = port_of_backend(be);

    port->watch = func;
    port->watch_opaque = user_data;
    return 1 + (port == &ports[1]);
}

/* In place of glib's */
gboolean g_source_remove(guint tag)
{
    g_assert(ports[tag - 1].watch);
    ports[tag - 1].watch = NULL;
    return true;
}

int qemu_chr_fe_set_msgfds(CharBackend *be, int *fds, int num)
{
    Port *port = port_of_backend(be);

    memcpy(port->fds, fds, num * sizeof(*fds));
    port->nfds = num;
    return 0;
}

int qemu_chr_fe_get_msgfds(CharBackend *be, int *fds, int num)
{
    Port *from = port_opposite(port_of_backend(be));
    int n = MIN(from->nfds, num);

    for (int i = 0; i < n; i++) {
        fds[i] = dup(from->fds[i]);
    }
    return n ? n : -1;
}

void qemu_chr_fe_disconnect(CharBackend *be)
{
    port_close(port_of_backend(be));
}

int qemu_socketpair(int domain, int type, int protocol, int sv[2])
{
    return socketpair(domain, type | SOCK_CLOEXEC, protocol, sv);
}

static void set_open(Port *port, bool open)
{
    if (port->m && port->read && port->open != open) {
        port->open = open;
        g_byte_array_set_size(port->wire, 0);
        port->event(port->opaque, open ? CHR_EVENT_OPENED : CHR_EVENT_CLOSED);
    }
}

void port_connect(Port *port)
{
    set_open(port, true);
    set_open(port_opposite(port), true);
}

void port_close(Port *port)
{
    set_open(port, false);
    set_open(port_opposite(port), false);
}

void port_writable(Port *port)
{
    FEWatchFunc watch = port->watch;

    if (watch) {
        port->watch = NULL;
        watch(NULL, G_IO_OUT, port->watch_opaque);
    }
}

/* From memory that ends where the data end */
void port_feed(Port *port, const uint8_t *data, size_t size)
{
    while (size && port->open && port->read) {
        int n = MIN(size, port->can_read(port->opaque));
        g_autofree uint8_t *copy = g_memdup2(data, n);

        if (!n) {
            return;
        }
        port->read(port->opaque, copy, n);
        data += n;
        size -= n;
    }
}

void port_deliver(Port *port, size_t most)
{
    Port *from = port_opposite(port);
    size_t n = MIN(most, from->wire->len);
    g_autofree uint8_t *data = g_memdup2(from->wire->data, n);

    if (n) {
        g_byte_array_remove_range(from->wire, 0, n);
        port_feed(port, data, n);
    }
}

/* ---- Descriptors of a peer that may lie ---- */

enum { GOOD, UNSEALED, LONGER, EMPTY, NO_MEMORY, BELL, KINDS };

static int pool[5][KINDS];

/* One end, blocking; the other stays open, and nobody reads there. */
static int bell(void)
{
    int ends[2];

    g_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    return ends[0];
}

static int sealed(size_t size, int seals)
{
    return qemu_memfd_create("liar", size, false, 0, seals, NULL);
}

void liar_init(void)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW;

    for (int i = 0; i < 5; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            pool[i][kind] = kind == NO_MEMORY ? open("/dev/zero", O_RDWR) :
                kind == BELL || i == 4 ? bell() :
                sealed(kind == LONGER ? 8192 : kind == EMPTY ? 0 : 4096,
                       kind == UNSEALED ? F_SEAL_GROW :
                       seals | F_SEAL_SEAL);
        }
    }
}

/* Side 1 owns the state, its output, its UPIDs, and has two more. */
void liar_choose_fds(uint32_t variant)
{
    Port *liar = &ports[1];
    int bad = variant ? draw(5) : 5;

    liar->nfds = variant && !draw(4) ? draw(7) : 5;
    for (int i = 0; i < liar->nfds; i++) {
        liar->fds[i] = pool[i % 5][i == bad ? draw(KINDS) : GOOD];
    }
}

void loop_start(void)
{
    now = 0;
    memset(timers, 0, sizeof(timers));
    memset(fd_handlers, 0, sizeof(fd_handlers));
}
