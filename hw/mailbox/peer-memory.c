/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that travels over the socket (MB54).  The peer process
 * is an adversary: what it sends is checked before it is used, and what it
 * gets is sealed, so that neither can take pages away under the other.
 */
#include "qemu/osdep.h"
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include "qapi/error.h"
#include "qemu/memfd.h"
#include "socket.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define SEALS_AGAINST_RESIZING (F_SEAL_SHRINK | F_SEAL_GROW)
#define SIGNALS_SIZE ROUND_UP(sizeof(MailboxSignals), MBOX_PAGE_SIZE)

/* FlatViews keep the owner of a region alive, so each peer's has its own. */
#define TYPE_MAILBOX_PEER_MEMORY "uintr-mailbox-peer-memory"
OBJECT_DECLARE_SIMPLE_TYPE(MailboxPeerMemory, MAILBOX_PEER_MEMORY)

struct MailboxPeerMemory {
    Object parent_obj;
    MemoryRegion sections[MAILBOX_SECTIONS];
};

/* ---- This side's ---- */

static int make_memfd(const char *name, size_t size, Error **errp)
{
    return qemu_memfd_create(name, size, false, 0, SEALS_AGAINST_RESIZING,
                             errp);
}

/* After this side has mapped it: nobody can map it for writing any more. */
static bool seal(int fd, bool against_writing, Error **errp)
{
    int seals = F_SEAL_SEAL | (against_writing ? F_SEAL_FUTURE_WRITE : 0);

    if (fcntl(fd, F_ADD_SEALS, seals) < 0) {
        error_setg_errno(errp, errno, "chardev= needs a kernel that can seal "
                         "shared memory against writing (Linux 5.1)");
        return false;
    }
    return true;
}

/* The region owns a descriptor of its own, but only once it exists. */
static bool map_copy(MemoryRegion *mr, Object *owner, const char *name,
                     uint64_t size, uint32_t flags, int fd, Error **errp)
{
    int copy = dup(fd);

    if (memory_region_init_ram_from_fd(mr, owner, name, size, flags, copy, 0,
                                       errp)) {
        return true;
    }
    if (copy >= 0) {
        close(copy);
    }
    return false;
}

static bool share_section(MailboxSocket *s, MailboxSection section,
                          Error **errp)
{
    VirtIOMailbox *m = s->m;
    const char *name = mailbox_section_name(section);
    uint64_t size = mailbox_section_size(&m->geometry, section);
    int fd = s->section_fds[section] = make_memfd(name, size, errp);

    return fd >= 0 &&
           map_copy(&m->own[section], OBJECT(m->pci), name, size, RAM_SHARED,
                    fd, errp) &&
           seal(fd, mailbox_section_is_readonly(section), errp);
}

static bool share_signals(MailboxSocket *s, Error **errp)
{
    void *at;

    s->signals_fd = make_memfd("mailbox-signals", SIGNALS_SIZE, errp);
    if (s->signals_fd < 0) {
        return false;
    }
    at = mmap(NULL, SIGNALS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
              s->signals_fd, 0);
    if (at == MAP_FAILED) {
        error_setg_errno(errp, errno, "cannot map the doorbells' memory");
        return false;
    }
    s->m->signals = at;
    return seal(s->signals_fd, false, errp);
}

bool mailbox_share_own(MailboxSocket *s, Error **errp)
{
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(&s->m->geometry, s->m->side, i) &&
            !share_section(s, i, errp)) {
            return false;
        }
    }
    return share_signals(s, errp);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void mailbox_unshare_own(MailboxSocket *s)
{
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        close_fd(&s->section_fds[i]);
    }
    close_fd(&s->signals_fd);
    if (s->m->signals) {
        munmap(s->m->signals, SIGNALS_SIZE);
        s->m->signals = NULL;
    }
}

unsigned mailbox_own_fds(MailboxSocket *s, int *fds)
{
    unsigned n = 0;

    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(&s->m->geometry, s->m->side, i)) {
            fds[n++] = s->section_fds[i];
        }
    }
    fds[n++] = s->signals_fd;
    fds[n++] = s->bell_far_end;
    return n;
}

/* ---- The peer's ---- */

/*
 * Memory that can shrink would kill this process with SIGBUS.  Seals come
 * first: only memfds have them, and a question about a file may wait for the
 * file system's server, which may be the peer.
 */
static bool check_memory(int fd, const char *name, uint64_t size, Error **errp)
{
    struct stat st;
    struct statfs fs;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 ||
        fs.f_type != TMPFS_MAGIC) {
        error_setg(errp, "the descriptor of %s is no memfd", name);
        return false;
    }
    if ((seals & SEALS_AGAINST_RESIZING) != SEALS_AGAINST_RESIZING ||
        !(seals & F_SEAL_SEAL)) {
        error_setg(errp, "the memory of %s is not sealed", name);
        return false;
    }
    if (st.st_size != size) {
        error_setg(errp, "the memory of %s has %" PRIu64 " bytes, not %"
                   PRIu64, name, (uint64_t)st.st_size, size);
        return false;
    }
    return true;
}

static bool map_section(MailboxSocket *s, MailboxSection section, int fd,
                        Error **errp)
{
    MailboxPeerMemory *memory = MAILBOX_PEER_MEMORY(s->peer_memory);
    const char *name = mailbox_section_name(section);
    uint64_t size = mailbox_section_size(&s->m->geometry, section);
    uint32_t flags = RAM_SHARED | (mailbox_section_is_readonly(section) ?
                                   RAM_READONLY | RAM_READONLY_FD : 0);

    if (!check_memory(fd, name, size, errp) ||
        !map_copy(&memory->sections[section], OBJECT(memory), name, size,
                  flags, fd, errp)) {
        return false;
    }
    s->m->peer.sections[section] = &memory->sections[section];
    return true;
}

static bool map_signals(MailboxSocket *s, int fd, Error **errp)
{
    void *at;

    if (!check_memory(fd, "the doorbells", SIGNALS_SIZE, errp)) {
        return false;
    }
    at = mmap(NULL, SIGNALS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        error_setg_errno(errp, errno, "cannot map the peer's doorbells");
        return false;
    }
    s->peer_signals = at;
    s->m->peer.signals = at;
    return true;
}

static bool map_all(MailboxSocket *s, int *fds, Error **errp)
{
    unsigned n = 0;
    int bell;

    s->peer_memory = object_new(TYPE_MAILBOX_PEER_MEMORY);
    for (int i = 0; i < MAILBOX_SECTIONS; i++) {
        if (mailbox_side_owns(&s->m->geometry, !s->m->side, i) &&
            !map_section(s, i, fds[n++], errp)) {
            return false;
        }
    }
    if (!map_signals(s, fds[n++], errp)) {
        return false;
    }
    bell = fds[n];
    fds[n] = -1;
    return mailbox_bell_take(s, bell, errp);
}

bool mailbox_map_peer(MailboxSocket *s, int *fds, unsigned n, Error **errp)
{
    unsigned want = MAILBOX_SECTIONS + 2 -
                    !mailbox_side_owns(&s->m->geometry, !s->m->side,
                                        MAILBOX_COMMON);
    bool ok = n == want && map_all(s, fds, errp);

    if (n != want) {
        error_setg(errp, "%u descriptors came, not %u: common-side= must be "
                   "the same at both ends", n, want);
    }
    for (unsigned i = 0; i < n; i++) {
        close_fd(&fds[i]);
    }
    if (!ok) {
        mailbox_unmap_peer(s);
    }
    return ok;
}

void mailbox_unmap_peer(MailboxSocket *s)
{
    if (s->peer_signals) {
        munmap(s->peer_signals, SIGNALS_SIZE);
        s->peer_signals = NULL;
    }
    mailbox_bell_forget_peers(s);
    if (s->peer_memory) {
        object_unref(s->peer_memory);
        s->peer_memory = NULL;
    }
}

static const TypeInfo peer_memory_info = {
    .name = TYPE_MAILBOX_PEER_MEMORY,
    .parent = TYPE_OBJECT,
    .instance_size = sizeof(MailboxPeerMemory),
};

static void peer_memory_register(void)
{
    type_register_static(&peer_memory_info);
}

type_init(peer_memory_register)
