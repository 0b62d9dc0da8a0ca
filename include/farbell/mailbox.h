/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-2-Clause) */
/*
 * virtio-uintr-mailbox as numbers: identity, configuration space, queues,
 * message formats, the register page and the state table.  The device, the
 * guest drivers and the tests all include this file; the numbers are written
 * nowhere else.  "MBn" are the requirements of docs/mailbox.md.
 *
 * Everything is little-endian.  Usable from C and from assembly; needs no
 * other header.  A change of layout raises MBOX_VERSION.
 */
#ifndef FARBELL_MAILBOX_H
#define FARBELL_MAILBOX_H

#define MBOX_VERSION                1
#define MBOX_MAGIC                  0x424d4246  /* "FBMB" */

/* Identity (MB1): neither id is registered with anybody */
#define MBOX_VIRTIO_ID              63
#define MBOX_PCI_VENDOR             0x1af4
#define MBOX_PCI_DEVICE             0x107f
#define MBOX_PCI_DEVICE_EXPERIMENT  0x10f0
#define MBOX_SIDES                  2

/* Device feature bits (MB3) */
#define MBOX_F_EVENTS               0
#define MBOX_F_POST                 1
#define MBOX_F_ROUTE                2

/* Virtqueues (MB4) */
#define MBOX_QUEUE_TX               0
#define MBOX_QUEUE_RX               1
#define MBOX_QUEUE_EVENTS           2
#define MBOX_QUEUES                 3

/* Configuration space (MB5): 32-bit fields, read-only to the driver */
#define MBOX_CFG_MAGIC              0x00
#define MBOX_CFG_VERSION            0x04
#define MBOX_CFG_SIDE               0x08
#define MBOX_CFG_MAX_MESSAGE        0x0c
#define MBOX_CFG_REGS_OFFSET        0x10
#define MBOX_CFG_STATE_OFFSET       0x14
#define MBOX_CFG_UPID_OFFSET        0x18
#define MBOX_CFG_UPID_SIZE          0x1c    /* of one side */
#define MBOX_CFG_COMMON_OFFSET      0x20
#define MBOX_CFG_COMMON_SIZE        0x24
#define MBOX_CFG_OUTPUT_OFFSET      0x28
#define MBOX_CFG_OUTPUT_SIZE        0x2c    /* of one side */
#define MBOX_CFG_APIC_FIRST         0x30
#define MBOX_CFG_APIC_COUNT         0x34
#define MBOX_CFG_PEER_APIC_FIRST    0x38
#define MBOX_CFG_PEER_APIC_COUNT    0x3c
#define MBOX_CFG_LINK               0x40
#define MBOX_CFG_GENERATION         0x44
#define MBOX_CFG_PEER_GENERATION    0x48
#define MBOX_CFG_DOORBELLS          0x4c
#define MBOX_CFG_MARK_OFFSET        0x50
#define MBOX_CFG_SIZE               0x54

/* Link states (MB40) */
#define MBOX_LINK_DOWN              0   /* no peer endpoint */
#define MBOX_LINK_ATTACHED          1   /* an endpoint, but no driver in it */
#define MBOX_LINK_UP                2   /* a driver with DRIVER_OK */

/* What the device writes behind a transmitted message (MB10) */
#define MBOX_TX_STATUS              0x00
#define MBOX_TX_LENGTH              0x04
#define MBOX_TX_SEQUENCE            0x08
#define MBOX_TX_REPORT_SIZE         0x10

#define MBOX_STATUS_DELIVERED       1
#define MBOX_STATUS_REFUSED         2   /* malformed, or longer than allowed */
#define MBOX_STATUS_PEER_GONE       3   /* not handed over: nobody to take it */
#define MBOX_STATUS_TOO_LONG        4   /* longer than the peer's buffer */
#define MBOX_STATUS_UNKNOWN         5   /* link lost after hand-over */

/* What the device writes before a received message (MB11) */
#define MBOX_RX_LENGTH              0x00
#define MBOX_RX_GENERATION          0x04
#define MBOX_RX_SEQUENCE            0x08
#define MBOX_RX_HEADER_SIZE         0x10

/* Events (MB44) */
#define MBOX_EVENT_TYPE             0x00
#define MBOX_EVENT_LINK             0x04    /* link state */
#define MBOX_EVENT_GENERATION       0x08    /* of the peer */
#define MBOX_EVENT_ARGUMENT         0x0c
#define MBOX_EVENT_TIME             0x10    /* 64 bits, ns of virtual time */
#define MBOX_EVENT_LOST             0x18    /* events lost before this one */
#define MBOX_EVENT_SIZE             0x20

#define MBOX_EVENT_TYPE_LINK        1   /* the link state changed */
#define MBOX_EVENT_TYPE_RESET       2   /* the peer was reset or replaced */
#define MBOX_EVENT_TYPE_STATE       3   /* argument: the peer's state word */

/* The shared memory region: one virtio shared-memory id, in BAR 2 (MB6) */
#define MBOX_SHM_ID                 0
#define MBOX_SHM_BAR                2
#define MBOX_PAGE_SIZE              0x1000
#define MBOX_REGS_OFFSET            0x0000
#define MBOX_STATE_OFFSET           0x1000
#define MBOX_MARK_OFFSET            0x3000
#define MBOX_UPID_OFFSET            0x4000

/* State table (MB7): a page for each side, read-only to both */
#define MBOX_STATE_GENERATION       0x00
#define MBOX_STATE_READY            0x04    /* DRIVER_OK is set */
#define MBOX_STATE_WORD             0x08    /* MBOX_REG_STATE_WORD */
#define MBOX_STATE_LINK             0x0c    /* as this side sees it */
#define MBOX_STATE_PENDING          0x10    /* 64 bits, MBOX_REG_PENDING */
#define MBOX_STATE_PEER_GENERATION  0x18

/* Mark page (MB25): writes of 4 or 8 bytes to MBOX_MARK(number) */
#define MBOX_MARKS                  256
#define MBOX_MARK(n)                (8 * (n))

/* Register page (MB8): aligned accesses of 4 or 8 bytes */
#define MBOX_REG_MAGIC              0x000
#define MBOX_REG_VERSION            0x004
#define MBOX_REG_LINK               0x008
#define MBOX_REG_GENERATION         0x00c
#define MBOX_REG_PEER_GENERATION    0x010
#define MBOX_REG_STATE_WORD         0x014
#define MBOX_REG_PENDING            0x018   /* 64 bits; 1 clears */
#define MBOX_REG_ENABLE             0x020   /* 64 bits */
#define MBOX_REG_ONE_SHOT           0x028   /* 64 bits */
#define MBOX_REG_DOORBELL           0x030   /* write: ring this one */
#define MBOX_REG_ALLOW_DEST         0x038   /* 64 bits */
#define MBOX_REG_ALLOW_VECTOR       0x040   /* 256 bits */
#define MBOX_REG_BIND_ADDRESS       0x060   /* 64 bits */
#define MBOX_REG_BIND_VECTOR        0x068
#define MBOX_REG_BIND_CONTROL       0x06c
#define MBOX_REG_BIND_STATUS        0x070
#define MBOX_REG_COUNTERS           0x100   /* 64 bits each */
#define MBOX_REG_RING_STATUS        0x400   /* one for each doorbell */
#define MBOX_REG_RING_MSIX          0x600   /* one for each doorbell */

#define MBOX_DOORBELLS              64
#define MBOX_MSIX_NONE              0xffff

/* MBOX_REG_RING_STATUS (MB21) */
#define MBOX_RING_NONE              0   /* not rung since reset */
#define MBOX_RING_POSTED            1
#define MBOX_RING_COALESCED         2
#define MBOX_RING_REFUSED           3
#define MBOX_RING_IN_FLIGHT         4

/* MBOX_REG_BIND_CONTROL, MBOX_REG_BIND_STATUS (MB33) */
#define MBOX_BIND_ENABLE            0x1
#define MBOX_BIND_X2APIC            0x2     /* format of NDST */
#define MBOX_BIND_OFF               0
#define MBOX_BIND_ON                1
#define MBOX_BIND_BAD_ADDRESS       2
#define MBOX_BIND_BAD_VECTOR        3
#define MBOX_BIND_NO_FEATURE        4

/* Counters, from MBOX_REG_COUNTERS on (MB9) */
#define MBOX_COUNT_TX_DELIVERED     0
#define MBOX_COUNT_TX_REFUSED       1
#define MBOX_COUNT_TX_PEER_GONE     2
#define MBOX_COUNT_TX_TOO_LONG      3
#define MBOX_COUNT_TX_UNKNOWN       4
#define MBOX_COUNT_TX_WAITS         5   /* messages that waited for a buffer */
#define MBOX_COUNT_RX_MESSAGES      6
#define MBOX_COUNT_RX_BYTES         7
#define MBOX_COUNT_RING_POSTED      8
#define MBOX_COUNT_RING_COALESCED   9
#define MBOX_COUNT_RING_REFUSED     10
#define MBOX_COUNT_RUNG             11  /* rings of the peer seen here */
#define MBOX_COUNT_RUNG_INTERRUPTS  12
#define MBOX_COUNT_ROUTED           13  /* notifications sent to the peer */
#define MBOX_COUNT_ROUTE_REFUSED    14  /* no link, or not this side's CPU */
#define MBOX_COUNT_INJECTED         15  /* the peer's, into a local APIC */
#define MBOX_COUNT_INJECT_REFUSED   16  /* the peer's, not allowed */
#define MBOX_COUNT_POSTED           17  /* user interrupts posted, notified */
#define MBOX_COUNT_POST_COALESCED   18  /* posted, ON or SN was set */
#define MBOX_COUNT_POST_FAILED      19
#define MBOX_COUNT_EVENTS           20
#define MBOX_COUNT_EVENTS_LOST      21
#define MBOX_COUNTERS               22

#endif
