/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "mailbox.h"

bool mailbox_socket_init(VirtIOMailbox *m, Error **errp)
{
    m->signals = g_new0(MailboxSignals, 1);
    return true;
}

void mailbox_socket_cleanup(VirtIOMailbox *m)
{
    g_free(m->signals);
}
