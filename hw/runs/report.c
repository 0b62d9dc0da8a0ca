/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is to tell of a run, in the file that the user names. */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "runs.h"

/* Not there, or a file by that very name: then a new one takes its place. */
static bool may_be_replaced(const char *path)
{
    struct stat what;

    return lstat(path, &what) || S_ISREG(what.st_mode);
}

/* A terminal, a pipe, where a link leads; /dev/stdout may be a file, too. */
static bool write_to(const char *path, const GString *text, Error **errp)
{
    bool is_mine = !g_str_has_prefix(path, "/dev/") &&
                   !g_str_has_prefix(path, "/proc/");
    int fd = qemu_create(path, O_WRONLY | (is_mine ? O_TRUNC : O_APPEND), 0666,
                         errp);
    bool written;

    if (fd < 0) {
        return false;
    }
    written = qemu_write_full(fd, text->str, text->len) == text->len;
    if (!written) {
        error_setg_errno(errp, errno, "'%s'", path);
    }
    qemu_close(fd);
    return written;
}

static bool replace(const char *path, const GString *text, Error **errp)
{
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents(path, text->str, text->len, &error)) {
        error_setg(errp, "%s", error->message);
    }
    return !error;
}

/* QEMU goes on without one. */
void runs_write_report(const char *who, const char *path, const GString *text)
{
    Error *err = NULL;

    if (!(may_be_replaced(path) ? replace : write_to)(path, text, &err)) {
        error_reportf_err(err, "%s: no report: ", who);
    }
}
