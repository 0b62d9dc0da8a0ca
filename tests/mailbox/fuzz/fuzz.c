/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One input is one life of a link: two endpoints in one process, two joined
 * by a socket, or one whose peer is the input.  The first byte chooses.
 */
#include "world.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "hw/mailbox/socket.h"

#define MOST_STEPS 200

Port ports[MBOX_SIDES];
bool peer_is_honest;

static const uint8_t *input;
static size_t input_size;

void input_set(const uint8_t *data, size_t size)
{
    input = data;
    input_size = size;
}

bool input_is_empty(void)
{
    return !input_size;
}

static uint8_t draw_byte(void)
{
    return input_size ? input_size--, *input++ : 0;
}

uint32_t draw(uint32_t n)
{
    uint32_t value = 0;

    for (uint32_t left = n - 1; left; left >>= 8) {
        value = value << 8 | draw_byte();
    }
    return n ? value % n : 0;
}

uint64_t draw64(void)
{
    return (uint64_t)draw(UINT32_MAX) << 32 | draw(UINT32_MAX);
}

Port *port_of(VirtIOMailbox *m)
{
    g_assert(m == ports[0].m || m == ports[1].m);
    return &ports[m == ports[1].m];
}

/* ---- Life of an endpoint ---- */

static VirtioDeviceClass *device_class(void)
{
    static VirtioDeviceClass class;

    if (!class.realize) {
        type_info(TYPE_VIRTIO_MAILBOX)->class_init((ObjectClass *)&class,
                                                   NULL);
    }
    return &class;
}

static void port_init(Port *port, bool has_chardev)
{
    *port = (Port) {
        .m = g_new0(VirtIOMailbox, 1),
        .has_chardev = has_chardev,
        .wire = g_byte_array_new(),
    };
}

static void configure(Port *port, int side)
{
    VirtIOMailbox *m = port->m;

    m->side = port->has_chardev ? side : UINT32_MAX;
    m->peer_device = !port->has_chardev && side ? ports[0].pci : NULL;
    m->geometry = (MailboxGeometry) { 64, 4096, 4096, 4096 };
    m->latency_ns = draw(2) ? 0 : draw(1000);
    m->upid_window_addr = draw(2) ? UINT64_MAX : 0x41ffe000;
    m->common_addr = draw(2) ? UINT64_MAX : 0x46000000;
    m->apic_first = 0x40 + 0x10 * side;
    m->apic_count = 2;
    m->apic_local = 2 * side;
    m->allow_first = 32;
    m->allow_last = 255;
    m->peer_timeout_ms = draw(2) ? 0 : 1 + draw(5);
}

static void realize(Port *port)
{
    Error *err = NULL;

    device_class()->realize(DEVICE(port->m), &err);
    g_assert(!err);
}

static void set_status(Port *port, uint8_t status)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(port->m);

    device_class()->set_status(vdev, status);
    vdev->status = status;
}

static void reset(Port *port)
{
    set_status(port, 0);
    device_class()->reset(VIRTIO_DEVICE(port->m));
    queues_reset(port);
}

static void start(Port *port)
{
    if (!VIRTIO_DEVICE(port->m)->status) {
        VIRTIO_DEVICE(port->m)->guest_features = draw(8) ? 7 : draw(8);
        set_status(port, VIRTIO_CONFIG_S_DRIVER_OK);
    }
}

static void liar_scribbles(void);

/* ---- What a guest does ---- */

static void access_register(Port *port)
{
    static const uint16_t common[] = {
        MBOX_REG_STATE_WORD, MBOX_REG_PENDING, MBOX_REG_ENABLE,
        MBOX_REG_ENABLE + 4, MBOX_REG_ONE_SHOT, MBOX_REG_DOORBELL,
        MBOX_REG_DOORBELL, MBOX_REG_ALLOW_DEST, MBOX_REG_ALLOW_VECTOR + 4,
        MBOX_REG_BIND_ADDRESS, MBOX_REG_BIND_VECTOR, MBOX_REG_BIND_CONTROL,
    };
    MemoryRegion *regs = &port->m->regs;
    hwaddr addr = draw(4) ? common[draw(ARRAY_SIZE(common))] :
                  draw(MBOX_PAGE_SIZE) & ~3;

    if (draw(4)) {
        regs->ops->write(regs->opaque, addr,
                         draw(2) ? draw(70) : draw(UINT32_MAX), 4);
    } else {
        regs->ops->read(regs->opaque, addr, 4);
    }
}

static void guest_acts(Port *port)
{
    unsigned queue = draw(3);

    switch (draw(8)) {
    case 0:
        start(port);
        break;
    case 1:
        if (!draw(8)) {
            reset(port);
        }
        break;
    case 2:
    case 3:
        queues_offer(port, queue, 1 + draw(16));
        queues_notify(port, queue);
        break;
    case 4:
        queues_offer(port, queue, 1 + draw(16));
        break;
    case 5:
        send_user_interrupt(port, draw(4), draw(256));
        break;
    default:
        access_register(port);
    }
}

/* QEMU keeps a store from the notifications of a device that is at work. */
static bool is_shut(Port *port)
{
    return port->pci->qdev.mem_reentrancy_guard.engaged_in_io;
}

void interrupt(Port *from)
{
    static bool inside;
    Port *port;

    g_assert(from->m->busy && is_shut(from));
    if (inside || draw(32)) {
        return;
    }
    port = &ports[draw(2)];
    inside = true;
    if (!port->m) {
        liar_scribbles();
    } else if (draw(2)) {
        reset(port);            /* by its configuration space */
    } else if (draw(2) || is_shut(port)) {
        access_register(port);
    } else {
        queues_notify(port, draw(3));
    }
    inside = false;
}

/* ---- What a peer process does ---- */

typedef struct Greeting {
    MailboxFrame frame;
    MailboxHello hello;
} QEMU_PACKED Greeting;

static void liar_greets(void)
{
    Greeting greeting = {
        .frame = { FRAME_HELLO, sizeof(MailboxHello),
                   MAILBOX_PROTOCOL_VERSION, 0 },
        .hello = {
            MBOX_MAGIC, MAILBOX_PROTOCOL_VERSION, 1, 64, 4096, 4096, 4096,
            0x50, 2,
            draw(2), draw(256), draw(256),
        },
    };
    size_t size = sizeof(greeting);

    liar_choose_fds(!draw(8));
    if (!draw(8)) {
        ((uint8_t *)&greeting)[draw(size)] ^= 1 + draw(255);
    }
    if (!draw(8)) {
        size = draw(size);
    }
    port_feed(&ports[0], (uint8_t *)&greeting, size);
}

static void liar_sends_frame(void)
{
    uint8_t content[80] = { };
    MailboxFrame frame = {
        .type = draw(16) ? 2 + draw(6) : draw(UINT32_MAX),
        .a = draw(4) ? draw(64) : draw64(),
        .b = draw(2) ? ports[0].m->generation : draw(8),
    };

    if (frame.type == FRAME_MESSAGE) {
        frame.length = draw(16) ? 1 + draw(64) : draw(80);
    } else if (!draw(16)) {
        frame.length = draw(UINT32_MAX);
    }
    port_feed(&ports[0], (uint8_t *)&frame,
              draw(16) ? sizeof(frame) : draw(sizeof(frame)));
    port_feed(&ports[0], content, MIN(frame.length, sizeof(content)));
}

static void liar_sends_bytes(void)
{
    uint8_t bytes[64];
    size_t n = draw(sizeof(bytes));

    for (size_t i = 0; i < n; i++) {
        bytes[i] = draw(256);
    }
    port_feed(&ports[0], bytes, n);
}

/* MB31: the memory that it is to ring in is its to write, all of it. */
static void liar_scribbles(void)
{
    uint8_t *at = (uint8_t *)ports[0].m->signals;

    for (int i = draw(32); i >= 0; i--) {
        at[draw(sizeof(MailboxSignals))] = draw(256);
    }
    loop_poll_events(&ports[0]);
}

static void liar_acts(void)
{
    switch (draw(8)) {
    case 0:
        port_connect(&ports[0]);
        liar_greets();
        break;
    case 1:
        liar_sends_bytes();
        break;
    case 2:
        liar_scribbles();
        break;
    case 3:
        if (!draw(4)) {
            port_close(&ports[0]);
        }
        break;
    default:
        liar_sends_frame();
    }
}

/* ---- What the host does ---- */

static void machine_acts(Port *port)
{
    switch (draw(5)) {
    case 0:
        loop_step_clock(draw(4) ? draw(2000) : draw(10000000));
        break;
    case 1:
        port_writable(port);
        break;
    case 2:
        loop_poll_events(port);
        break;
    case 3:
        if (ports[1].m && ports[0].has_chardev) {
            if (draw(16)) {
                port_connect(port);
            } else {
                port_close(port);
            }
        }
        break;
    default:
        port_deliver(port, draw(4) ? 4096 : draw(100));
    }
}

static void step(bool has_liar)
{
    Port *port = &ports[has_liar ? 0 : draw(2)];

    switch (draw(3)) {
    case 0:
        guest_acts(port);
        break;
    case 1:
        if (has_liar) {
            liar_acts();
            break;
        }
        /* fall through */
    default:
        machine_acts(port);
    }
    loop_run();
    queues_next_entry(&ports[0]);
    queues_next_entry(&ports[1]);
}

static void begin(bool has_chardev, bool has_liar)
{
    peer_is_honest = !has_liar;
    loop_start();
    port_init(&ports[0], has_chardev);
    port_init(&ports[1], has_chardev);
    if (has_liar) {
        g_free(g_steal_pointer(&ports[1].m));
    }
    machine_start();
    for (int i = 0; i < MBOX_SIDES; i++) {
        if (ports[i].m) {
            configure(&ports[i], i);
            realize(&ports[i]);
        }
    }
    for (int i = 0; i < MBOX_SIDES && draw(8); i++) {
        if (ports[i].m) {
            start(&ports[i]);
        }
    }
}

static void end(void)
{
    for (int i = MBOX_SIDES - 1; i >= 0; i--) {
        if (ports[i].m) {
            device_class()->unrealize(DEVICE(ports[i].m));
        }
    }
    machine_check_end();
    for (int i = 0; i < MBOX_SIDES; i++) {
        g_byte_array_free(ports[i].wire, true);
        g_free(ports[i].m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    uint32_t kind;

    if (!ready) {
        liar_init();
        ready = true;
    }
    input_set(data, size);
    kind = draw(3);
    begin(kind > 0, kind == 2);
    for (int i = 0; i < MOST_STEPS && !input_is_empty(); i++) {
        step(kind == 2);
    }
    end();
    return 0;
}
