/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a forwarded call, instruction by instruction: each event of the
 * ledger between the requester's two marks, held in golden/forward-MODE.txt
 * for the images beside it.  Under icount they follow from nothing else.
 *
 * FARBELL_GOLDEN is that folder, FARBELL_GOLDEN_WRITE=1 renews the file
 * (make golden), FARBELL_TIMING_RUNS=N runs each mode N times.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "libqtest.h"
#include "farbell/scf.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"

#define NS_OF_INSTRUCTION 16    /* -icount shift=4 */
#define CALLS 200
#define CALL 150                /* counted from 0: pages and code are there */
#define PASS 33                 /* isa-debug-exit's for a good verdict */
#define RT_CPU 2

#define MACHINE                                                              \
    "-machine q35 -cpu max,uintr=on -nodefaults -no-reboot -smp 3 -m 2048 "  \
    "-accel tcg,thread=single -icount shift=4,sleep=off "                    \
    "-rtc base=2026-01-01T00:00:00,clock=vm -seed 1 "                        \
    "-chardev null,id=gp -device isa-debugcon,iobase=0xe9,chardev=gp "       \
    "-chardev null,id=rt-console "                                           \
    "-device isa-debugcon,iobase=0x2e9,chardev=rt-console "                  \
    "-device isa-debug-exit,iobase=0xf4,iosize=4 "
#define LINK                                                                 \
    "-device virtio-uintr-mailbox-pci,id=a,addr=04.0,apic-first=0x40,"       \
    "apic-count=2,output-size=2M,common-size=64M,"                           \
    "upid-window-addr=0x41ffe000,common-addr=0x46000000 "                    \
    "-device virtio-uintr-mailbox-pci,id=b,addr=05.0,peer=a,apic-first=0x50," \
    "apic-count=1,apic-local=2,output-size=2M,common-size=64M,"              \
    "iommu_platform=on "
#define PARTITION                                                            \
    "-object uintr-partition,id=rt,cpus=2,memory=0x42000000+64M,"            \
    "mmio=0xd0000000+512M,"                                                  \
    "shared=0x41ffe000+8K:0x46000000+64M:0xb0028000+4K,devices=b,"           \
    "ports=0x2e9:0xf4,vectors-in=43,vectors-out=100,payload=%s "

static const char *const modes[] = { "uipi", "ipi", "irq", "poll", "posted" };

static char *golden(const char *name)
{
    const char *folder = g_getenv("FARBELL_GOLDEN");

    g_assert_nonnull(folder);
    return g_build_filename(folder, name, NULL);
}

/* ---- One run ---- */

/* A copy of RT's image with these words in it, as scripts/guestrun.py does. */
static char *image_with(const char *words, const char *folder)
{
    static const char mark[] = "partition-args ";
    g_autofree char *from = golden("rt.elf");
    g_autofree char *args = g_strconcat(mark, words, NULL);
    g_autofree char *room = g_malloc0(strlen(args));
    char *image, *place, *to = g_build_filename(folder, "rt.elf", NULL);
    gsize size;

    memcpy(room, mark, strlen(mark));
    g_assert_true(g_file_get_contents(from, &image, &size, NULL));
    place = memmem(image, size, room, strlen(args));
    g_assert_nonnull(place);
    memcpy(place, args, strlen(args));
    g_assert_true(g_file_set_contents(to, image, size, NULL));
    g_free(image);
    return to;
}

static void run(const char *mode, const char *folder, const char *books)
{
    g_autofree char *words = g_strdup_printf("verdict=1 apic=xapic marks=1 "
        "timeout=30000 run=lat_null,%d,%s", CALLS, mode);
    g_autofree char *rt = image_with(words, folder);
    g_autofree char *gp = golden("gp.bin");
    QTestState *qts = qtest_initf(MACHINE LINK PARTITION
        "-bios %s -fw_cfg 'name=opt/farbell/args,string=apic=xapic marks=1' "
        "-object uintr-ledger,id=ledger,history=65536,stall-after=0,"
        "report=%s", rt, gp, books);

    qtest_set_expected_status(qts, PASS);
    qtest_wait_qemu(qts);
    qtest_quit(qts);
}

static QDict *report_of(const char *mode)
{
    g_autofree char *folder = g_dir_make_tmp("farbell-XXXXXX", NULL);
    g_autofree char *books = g_build_filename(folder, "books.json", NULL);
    g_autofree char *rt = g_build_filename(folder, "rt.elf", NULL);
    char *text;
    QDict *report;

    run(mode, folder, books);
    g_assert_true(g_file_get_contents(books, &text, NULL, NULL));
    report = qobject_to(QDict, qobject_from_json(text, &error_abort));
    g_free(text);
    unlink(books);
    unlink(rt);
    rmdir(folder);
    return report;
}

/* ---- What it says of one call ---- */

static bool is_mark(QDict *event, int64_t number)
{
    return !strcmp(qdict_get_str(event, "event"), "mark") &&
           qdict_get_int(event, "vector") == number;
}

static const char *whose(QDict *event)
{
    int64_t cpu = qdict_get_int(event, "cpu");

    return cpu < 0 ? "device" : cpu == RT_CPU ? "rt" : "gp";
}

static char *name_of(QDict *event)
{
    static const char *const marks[] = {
        [SCF_MARK_ENQUEUED] = "enqueued", [SCF_MARK_NOTIFIED] = "notified",
        [SCF_MARK_TAKEN] = "taken", [SCF_MARK_BEGUN] = "begun",
        [SCF_MARK_ENDED] = "ended", [SCF_MARK_REPLIED] = "replied",
        [SCF_MARK_WOKEN] = "woken",
    };
    const char *kind = qdict_get_str(event, "event");
    int64_t vector = qdict_get_int(event, "vector");

    if (!strcmp(kind, "mark")) {
        g_assert_cmpint(vector, <, G_N_ELEMENTS(marks));
        return g_strdup_printf("%s %s", whose(event), marks[vector]);
    }
    return g_strdup_printf("%s %s 0x%" PRIx64, whose(event), kind, vector);
}

static void add_event(GString *text, QDict *event, int64_t before)
{
    int64_t passed = qdict_get_int(event, "time") - before;
    g_autofree char *name = name_of(event);

    g_assert_cmpint(passed % NS_OF_INSTRUCTION, ==, 0);
    g_string_append_printf(text, "%8" PRId64 "  %s\n",
                           passed / NS_OF_INSTRUCTION, name);
}

/* From the beginning of that call to its end */
static char *way_of_call(QDict *report, unsigned number)
{
    GString *text = g_string_new(NULL);
    const QListEntry *entry;
    int64_t before = 0, begun = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(report, "events"), entry) {
        QDict *event = qobject_to(QDict, qlist_entry_obj(entry));
        int64_t time = qdict_get_int(event, "time");

        if (!begun && is_mark(event, SCF_MARK_ENQUEUED) && !number--) {
            begun = before = time;
        }
        if (begun) {
            add_event(text, event, before);
            before = time;
        }
        if (begun && is_mark(event, SCF_MARK_WOKEN)) {
            g_string_append_printf(text, "%8" PRId64 "  all\n",
                                   (time - begun) / NS_OF_INSTRUCTION);
            return g_string_free(text, false);
        }
    }
    g_assert_not_reached();
}

/* ---- What is held ---- */

static char *golden_name(const char *mode)
{
    g_autofree char *name = g_strdup_printf("forward-%s.txt", mode);

    return golden(name);
}

static const char *event_of(const char *line)
{
    return line + strspn(line, " 0123456789");
}

/* How many lines further on that event is, or INT_MAX. */
static int ahead(char **lines, const char *line)
{
    for (int i = 0; lines[i] && line; i++) {
        if (!strcmp(event_of(lines[i]), event_of(line))) {
            return i;
        }
    }
    return INT_MAX;
}

static void tell_moved(const char *was, const char *now)
{
    int64_t then = g_ascii_strtoll(was, NULL, 10);
    int64_t since = g_ascii_strtoll(now, NULL, 10);

    if (then != since) {
        g_test_message("%8" PRId64 " -> %8" PRId64 " (%+" PRId64 ")  %s", then,
                       since, since - then, event_of(now));
    }
}

/* By how much each event moved; those that only one side has by themselves. */
static void tell_difference(const char *was, const char *now)
{
    g_auto(GStrv) old_lines = g_strsplit(was, "\n", -1);
    g_auto(GStrv) new_lines = g_strsplit(now, "\n", -1);
    char **old = old_lines, **new = new_lines;

    while (*old || *new) {
        int in_new = ahead(new, *old), in_old = ahead(old, *new);

        if (in_new == 0 && in_old == 0) {
            tell_moved(*old++, *new++);
        } else if (*new && (!*old || in_new < in_old || in_old == INT_MAX)) {
            g_test_message("       only now: %s", *new++);
        } else {
            g_test_message("    not any more: %s", *old++);
        }
    }
}

static void check(const char *mode, const char *now)
{
    g_autofree char *path = golden_name(mode);
    g_autofree char *was = NULL;

    if (g_getenv("FARBELL_GOLDEN_WRITE")) {
        g_assert_true(g_file_set_contents(path, now, -1, NULL));
        return;
    }
    g_assert_true(g_file_get_contents(path, &was, NULL, NULL));
    if (strcmp(was, now)) {
        g_test_message("%s: instructions of a call, golden and now; "
                       "'make golden' renews them", mode);
        tell_difference(was, now);
        g_test_fail();
    }
}

static unsigned runs(void)
{
    const char *text = g_getenv("FARBELL_TIMING_RUNS");

    return text ? g_ascii_strtoull(text, NULL, 0) : 1;
}

static void test_mode(const void *opaque)
{
    const char *mode = opaque;

    for (unsigned i = 0; i < runs(); i++) {
        QDict *report = report_of(mode);
        g_autofree char *now = way_of_call(report, CALL);

        check(mode, now);
        qobject_unref(report);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 0; i < ARRAY_SIZE(modes); i++) {
        g_autofree char *name = g_strdup_printf("/forward/timing/%s",
                                                modes[i]);

        qtest_add_data_func(name, modes[i], test_mode);
    }
    return g_test_run();
}
