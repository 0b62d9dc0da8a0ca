/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many runs of a machine from one start of QEMU (docs/lost-interrupts.md).
 *
 * A process that is given a socket by -add-fd is asked for runs there.  The
 * machine is saved before its first instruction, memory and devices, and each
 * run goes back to that: so it is the run that a process of its own would
 * have made, without what making a machine takes.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-misc.h"
#include "qobject/qdict.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/keyval.h"
#include "qemu/units.h"
#include "exec/cpu-common.h"
#include "exec/memory.h"
#include "io/channel-buffer.h"
#include "migration/global_state.h"
#include "migration/qemu-file.h"
#include "migration/savevm.h"
#include "qom/object_interfaces.h"
#include "system/cpu-timers.h"
#include "system/cpus.h"
#include "system/runstate.h"
#include "system/system.h"
#include "target/i386/uintr/schedule.h"
#include "runs.h"

#define REQUESTS "uintr-runs"           /* opaque of its -add-fd */
#define HEADER 8                        /* of a stream: magic and version */

/* A block of RAM; a page of zeroes, as nearly all of them are, is null. */
typedef struct SavedBlock {
    uint8_t *host;
    size_t count;
    uint8_t **pages;
} SavedBlock;

static GArray *memory;                  /* of SavedBlock */
static QIOChannelBuffer *devices;
static int requests = -1;
static NotifierList notifiers = NOTIFIER_LIST_INITIALIZER(notifiers);

void runs_add_notifier(Notifier *notifier)
{
    notifier_list_add(&notifiers, notifier);
}

static void tell(RunStep step)
{
    notifier_list_notify(&notifiers, &step);
}

/* ---- The machine before its first instruction ---- */

static int save_block(RAMBlock *block, void *opaque)
{
    SavedBlock saved = {
        .host = qemu_ram_get_host_addr(block),
        .count = qemu_ram_get_used_length(block) / TARGET_PAGE_SIZE,
    };

    saved.pages = g_new0(uint8_t *, saved.count);
    for (size_t i = 0; i < saved.count; i++) {
        uint8_t *page = saved.host + i * TARGET_PAGE_SIZE;

        if (!buffer_is_zero(page, TARGET_PAGE_SIZE)) {
            saved.pages[i] = g_memdup2(page, TARGET_PAGE_SIZE);
        }
    }
    g_array_append_val(memory, saved);
    return 0;
}

static void save_machine(void)
{
    QEMUFile *file;

    memory = g_array_new(false, false, sizeof(SavedBlock));
    qemu_ram_foreach_block(save_block, NULL);
    global_state_store();
    devices = qio_channel_buffer_new(64 * KiB);
    file = qemu_file_new_output(QIO_CHANNEL(devices));
    if (qemu_save_device_state(file) < 0 || qemu_fflush(file) < 0) {
        error_report("runs: the machine cannot be saved");
        exit(EXIT_FAILURE);
    }
}

/* What nobody has written to is not written to here either. */
static void restore_page(uint8_t *host, const uint8_t *saved)
{
    if (!saved) {
        if (!buffer_is_zero(host, TARGET_PAGE_SIZE)) {
            memset(host, 0, TARGET_PAGE_SIZE);
        }
    } else if (memcmp(host, saved, TARGET_PAGE_SIZE)) {
        memcpy(host, saved, TARGET_PAGE_SIZE);
    }
}

static void restore_memory(void)
{
    for (guint i = 0; i < memory->len; i++) {
        const SavedBlock *saved = &g_array_index(memory, SavedBlock, i);

        for (size_t n = 0; n < saved->count; n++) {
            restore_page(saved->host + n * TARGET_PAGE_SIZE, saved->pages[n]);
        }
    }
}

/* Closing a file closes its channel, which takes the bytes with it. */
static void restore_devices(void)
{
    g_autoptr(QIOChannelBuffer) channel =
        qio_channel_buffer_new(devices->usage);
    QEMUFile *file;

    memcpy(channel->data, devices->data, devices->usage);
    channel->usage = devices->usage;
    channel->offset = HEADER;
    file = qemu_file_new_input(QIO_CHANNEL(channel));
    if (qemu_load_device_state(file) < 0) {
        error_report("runs: the machine cannot be restored");
        exit(EXIT_FAILURE);
    }
    qemu_fclose(file);
}

/* What is not in a stream, as it is what a reset makes, a reset makes. */
static void restore_machine(void)
{
    memory_region_transaction_begin();
    qemu_system_reset(SHUTDOWN_CAUSE_SNAPSHOT_LOAD);
    restore_memory();
    restore_devices();
    memory_region_transaction_commit();
}

/* ---- Requests ---- */

static bool set_properties(const char *id, QDict *words, Error **errp)
{
    Object *obj = object_resolve_path_component(object_get_objects_root(), id);
    const QDictEntry *entry;

    if (!obj) {
        error_setg(errp, "runs: there is no object '%s'", id);
        return false;
    }
    for (entry = qdict_first(words); entry; entry = qdict_next(words, entry)) {
        const char *name = qdict_entry_key(entry);

        if (!object_property_parse(obj, name, qdict_get_str(words, name),
                                   errp)) {
            return false;
        }
    }
    return true;
}

/* A line: properties of objects, ID.NAME=VALUE with commas between them. */
static bool read_request(const char *line, Error **errp)
{
    QDict *words = keyval_parse(line, NULL, NULL, errp);
    bool done = words;

    for (const QDictEntry *entry = done ? qdict_first(words) : NULL;
         entry && done; entry = qdict_next(words, entry)) {
        const char *id = qdict_entry_key(entry);
        QDict *inner = qobject_to(QDict, qdict_entry_value(entry));

        if (!inner) {
            error_setg(errp, "runs: '%s' is no ID.NAME", id);
        }
        done = inner && set_properties(id, inner, errp);
    }
    qobject_unref(words);
    return done;
}

/* ---- Runs ---- */

/* What there is of QEMU's start and end in between; its status. */
static int run(const char *line)
{
    int status;

    if (!read_request(line, &error_fatal)) {
        return EXIT_FAILURE;
    }
    tell(RUN_BEGINS);
    cpu_enable_ticks();
    resume_all_vcpus();
    status = qemu_main_loop();
    vm_stop(RUN_STATE_PAUSED);
    tell(RUN_ENDS);
    /* Forget it: the next run may end in another way. */
    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_NONE, EXIT_SUCCESS);
    return status;
}

static void prepare_next(void)
{
    restore_machine();
    vm_prepare_start(false);
    cpu_disable_ticks();
}

/* For each line its status. */
static void serve(void)
{
    FILE *in = fdopen(requests, "r");
    g_autofree char *line = NULL;
    size_t room = 0;

    cpu_disable_ticks();
    save_machine();
    while (in && getline(&line, &room, in) > 0) {
        line[strcspn(line, "\n")] = '\0';
        dprintf(requests, "%d\n", run(line));
        prepare_next();
    }
    _exit(EXIT_SUCCESS);
}

/* The last thing before vCPUs are told to run. */
static void on_start(void *opaque, bool running, RunState state)
{
    if (running && !memory) {
        serve();
    }
}

/* ---- Whether it is asked for ---- */

static int find_requests(void)
{
    FdsetInfoList *sets = qmp_query_fdsets(NULL);
    int found = -1;

    for (FdsetInfoList *set = sets; set; set = set->next) {
        for (FdsetFdInfoList *fd = set->value->fds; fd; fd = fd->next) {
            if (!g_strcmp0(fd->value->opaque, REQUESTS)) {
                found = fd->value->fd;
            }
        }
    }
    qapi_free_FdsetInfoList(sets);
    return found;
}

static void machine_done(Notifier *notifier, void *data)
{
    requests = find_requests();
    if (requests >= 0) {
        uintr_save_known_upids();
        qemu_add_vm_change_state_handler_prio(on_start, NULL, INT_MAX);
    }
}

static Notifier at_machine_done = { .notify = machine_done };

static void register_runs(void)
{
    qemu_add_machine_init_done_notifier(&at_machine_done);
}

type_init(register_runs)
