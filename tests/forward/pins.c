/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of include/farbell/scf.h once more, from docs/forwarding.md and
 * from the guests in the field: an error in the header that everybody
 * includes shows here and nowhere else (TAP).
 */
#include <stdio.h>
#include <string.h>

#include <farbell/scf.h>

#include "numbers.h"

#define GROUPS 8

struct pin {
    const char *name;
    unsigned long long is, is_to_be;
};

#define PIN(name, number) { #name, name, number }

static const struct pin map[] = {
    PIN(SCF_UPID_WINDOW, 0x41ffe000), PIN(SCF_WINDOW, 0x46000000),
    PIN(SCF_WINDOW_SIZE, 64 << 20), PIN(SCF1_QUEUE, 0x49fff000),
    PIN(SCF1_DATA, 0x49eff000), PIN(SCF1_DATA_SIZE, 1 << 20),
    PIN(SCF2_QUEUES, 0x49ffc000), PIN(SCF2_SLOTS, 4),
    {}
};

static const struct pin common[] = {
    PIN(SCF_MAGIC, 0x4643537f), PIN(SCF_PAGE_SIZE, 4096),
    PIN(SCF_META_MAGIC, 0), PIN(SCF_META_LOCK, 4), PIN(SCF_META_CAPACITY, 6),
    PIN(SCF_META_REQ_INDEX, 8), PIN(SCF_META_RSP_INDEX, 10),
    PIN(SCF_META_SIZE, 16), PIN(SCF_DESC_VALID, 0), PIN(SCF_DESC_OPCODE, 1),
    PIN(SCF_DESC_ARGS, 8),
    {}
};

static const struct pin version1[] = {
    PIN(SCF1_CAPACITY, 128), PIN(SCF1_DESC_RESULT, 16),
    PIN(SCF1_DESC_SIZE, 24), PIN(SCF1_REQ_RING, 16 + 128 * 24),
    PIN(SCF1_RSP_RING, 16 + 128 * 24 + 256), PIN(SCF1_ARGS_FD, 0),
    PIN(SCF1_ARGS_BUFFER, 8), PIN(SCF1_ARGS_LENGTH, 16),
    PIN(SCF1_ARGS_SIZE, 24), PIN(SCF1_NOP, 0), PIN(SCF1_READ, 1),
    PIN(SCF1_WRITE, 2), PIN(SCF1_OPEN, 3), PIN(SCF1_CLOSE, 4),
    PIN(SCF1_INIT_UINTR, 5), PIN(SCF1_UNKNOWN, 255),
    {}
};

static const struct pin version2[] = {
    PIN(SCF2_CAPACITY, 64), PIN(SCF2_DESC_RESULT, 40),
    PIN(SCF2_DESC_SIZE, 48), PIN(SCF2_REQ_RING, 16 + 64 * 48),
    PIN(SCF2_RSP_RING, 16 + 64 * 48 + 128), PIN(SCF2_READ, 0),
    PIN(SCF2_WRITE, 1), PIN(SCF2_OPEN, 2), PIN(SCF2_CLOSE, 3),
    PIN(SCF2_STAT, 4), PIN(SCF2_MAP, 5), PIN(SCF2_UNMAP, 6),
    PIN(SCF2_CLONE, 56), PIN(SCF2_FORK, 57), PIN(SCF2_EXIT, 60),
    PIN(SCF2_INIT_UINTR, 100), PIN(SCF2_MAP_LATER, 253),
    PIN(SCF2_UNMAP_LATER, 254),
    {}
};

static const struct pin slots[] = {
    PIN(SCF3_MAGIC, 0x33464353), PIN(SCF3_VERSION, 3), PIN(SCF3_SLOTS, 64),
    PIN(SCF3_SLOT_SIZE, 32768), PIN(SCF3_ENTRIES, 32), PIN(SCF3_CALLS, 16),
    PIN(SCF3_RING, 0x400), PIN(SCF3_ENTRY_SIZE, 96),
    PIN(SCF3_BUFFERS, 0x1000), PIN(SCF3_BUFFER_SIZE, 1792),
    PIN(SCF3_HEAD_MAGIC, 0), PIN(SCF3_HEAD_VERSION, 4),
    PIN(SCF3_HEAD_EPOCH, 8), PIN(SCF3_HEAD_STATE, 0xc),
    PIN(SCF3_HEAD_MADE, 0x10), PIN(SCF3_HEAD_TAKEN, 0x14),
    PIN(SCF3_HEAD_REPLY, 0x18), PIN(SCF3_HEAD_RUNNING, 0x1c),
    PIN(SCF3_HEAD_PROCESS, 0x20), PIN(SCF3_HEAD_PARKED, 0x28),
    PIN(SCF3_STATE_NONE, 0), PIN(SCF3_STATE_OPEN, 1),
    PIN(SCF3_STATE_BROKEN, 2),
    {}
};

static const struct pin entries[] = {
    PIN(SCF3_REQ_TOKEN, 0), PIN(SCF3_REQ_CALL, 8), PIN(SCF3_REQ_FLAGS, 0xc),
    PIN(SCF3_REQ_PRIORITY, 0xe), PIN(SCF3_REQ_ARGS, 0x10), PIN(SCF3_ARGS, 6),
    PIN(SCF3_REQ_ENQUEUED, 0x40), PIN(SCF3_FLAG_RAW, 1),
    PIN(SCF3_RAW_END, 0x700000000000), PIN(SCF3_RSP_TOKEN, 0),
    PIN(SCF3_RSP_RESULT, 8), PIN(SCF3_RSP_TAKEN, 0x10),
    PIN(SCF3_RSP_BEGUN, 0x18), PIN(SCF3_RSP_ENDED, 0x20),
    PIN(SCF3_RSP_REPLIED, 0x28), PIN(SCF3_TOKEN_CALL, 15),
    PIN(SCF3_CALL_NULL, 500), PIN(SCF3_CALL_MAP, 501),
    PIN(SCF3_CALL_UNMAP, 502), PIN(SCF3_CALL_EXEC, 503),
    PIN(SCF3_CALL_FORK, 504), PIN(SCF3_CALL_EXIT, 505),
    PIN(SCF3_CALL_INIT_UINTR, 510), PIN(SCF3_CALL_CANCEL, 511),
    PIN(SCF3_UINTR_VECTOR, 63),
    {}
};

static const struct pin modes[] = {
    PIN(SCF3_MODE_POLL, 0), PIN(SCF3_MODE_UIPI, 1), PIN(SCF3_MODE_IPI, 2),
    PIN(SCF3_MODE_IRQ, 3), PIN(SCF3_MODE_POSTED, 4), PIN(SCF3_MODES, 5),
    PIN(SCF3_REPLY_MODE, 0xf), PIN(SCF3_REPLY_POLICY, 0xf0),
    PIN(SCF3_REQUEST_MODE, 0xf00), PIN(SCF3_REQUEST_MODE_SHIFT, 8),
    PIN(SCF3_POLICY_ALWAYS, 0), PIN(SCF3_POLICY_OUTRANKS, 0x10),
    PIN(SCF3_POLICY_NEVER, 0x20), PIN(SCF3_POLICY_ASLEEP, 0x30),
    PIN(SCF3_RUNNING_LOOKS, 0xffffffff),
    {}
};

/* Linux's, for x86-64 */
static const struct pin calls[] = {
    PIN(CALL_read, 0), PIN(CALL_write, 1), PIN(CALL_open, 2),
    PIN(CALL_close, 3), PIN(CALL_stat, 4), PIN(CALL_fstat, 5),
    PIN(CALL_lseek, 8), PIN(CALL_mmap, 9), PIN(CALL_munmap, 11),
    PIN(CALL_pipe, 22), PIN(CALL_dup, 32), PIN(CALL_nanosleep, 35),
    PIN(CALL_clone, 56), PIN(CALL_fork, 57), PIN(CALL_execve, 59),
    PIN(CALL_exit, 60), PIN(CALL_wait4, 61), PIN(CALL_unlink, 87),
    PIN(CALL_gettimeofday, 96), PIN(CALL_clock_gettime, 228),
    PIN(CALL_null, 500),
    {}
};

static int check(const struct pin *pins)
{
    int wrong = 0;

    for (; pins->name; pins++) {
        if (pins->is != pins->is_to_be) {
            printf("# %s is %#llx, not %#llx\n", pins->name, pins->is,
                   pins->is_to_be);
            wrong++;
        }
    }
    return wrong;
}

int main(void)
{
    static const struct {
        const char *name;
        const struct pin *pins;
    } groups[] = {
        { "F1-map", map }, { "F10-both-old-versions", common },
        { "F12-version-1", version1 }, { "F13-version-2", version2 },
        { "F21-slots", slots }, { "F22-entries", entries },
        { "F40-modes", modes },
        { "F5-calls", calls },
    };
    int failed = 0;

    for (int i = 0; i < GROUPS; i++) {
        int wrong = check(groups[i].pins);

        printf("%sok %d - /forward/pins/%s\n", wrong ? "not " : "", i + 1,
               groups[i].name);
        failed |= wrong;
    }
    printf("1..%d\n", GROUPS);
    return failed != 0;
}
