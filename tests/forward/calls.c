/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls and their arguments, copied and raw. */
#include <errno.h>

#include "forward.h"

static void fill(char *to, size_t n, int seed)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = i * 7 + seed;
    }
}

static void check_file(const char *name, uint64_t from, uint64_t to,
                       uint64_t path, char *got)
{
    long fd = ask(2, path, O_CREAT | O_RDWR, 0);

    CHECK_EQ(fd, 3);
    CHECK_EQ(ask(1, fd, from, 1000), 1000);
    CHECK_EQ(ask(8, fd, 0, 0), 0);
    CHECK_EQ(ask(0, fd, to, 2000), 1000);
    CHECK(!memcmp(got, text, 1000));
    CHECK_EQ(ask(0, fd, to, 2000), 0);
    CHECK_EQ(ask(3, fd, 0, 0), 0);
    CHECK_EQ(ask(3, fd, 0, 0), -EBADF);
    CHECK_EQ(ask(87, path, 0, 0), 0);
    CHECK_EQ(ask(2, path, O_RDWR, 0), -ENOENT);
    (void)name;
}

/* F27: data of a process that is not mirrored goes through the buffers. */
void test_copied(void)
{
    static const char name[] = "copied";

    begin(&p);
    fill(text, sizeof(text), 3);
    memset(back, 0, sizeof(back));
    check_file(name, at(text), at(back), at(name), back);
    CHECK_EQ(back[1000], 0);
    end(&p);
}

/* F27: a long write is short, as POSIX allows. */
void test_pieces(void)
{
    static const char name[] = "pieces";
    uint64_t stat[18];
    long fd;

    begin(&p);
    fd = ask(2, at(name), O_CREAT | O_RDWR, 0);
    CHECK_EQ(ask(1, fd, at(text), 5000), SCF3_BUFFER_SIZE);
    CHECK_EQ(ask(1, fd, at(text), 5000), SCF3_BUFFER_SIZE);
    CHECK_EQ(ask(4, at(name), at(stat), 0), 0);
    CHECK_EQ(stat[6], 2 * SCF3_BUFFER_SIZE);
    CHECK_EQ(ask(87, at(name), 0, 0), 0);
    end(&p);
}

/* F27, F28: the same with pointers into mirrored pages, and with wild ones */
void test_raw(void)
{
    char *frames = (char *)FRAME;

    begin(&p);
    p.mirrored = true;
    CHECK_EQ(scf_map(&p, VA, FRAME, 3, 3), 0);
    fill(text, sizeof(text), 5);
    memcpy(frames, text, 1000);
    memcpy(frames + 4096, "raw", 4);
    check_file("raw", VA, VA + 8192, VA + 4096, frames + 8192);
    end(&p);
}

/* F28: never a fault of the shadow, which serves on */
void test_wild_pointers(void)
{
    static const uint64_t wild[] = {
        0, VA - 8, VA + 0x10000, 0x8000000000, 0x700000000000, 0x700010000000,
        0x700010000000 - 8, 0x800000000000, 0xffffffff80000000, UINT64_MAX,
        0x50000000,
    };
    uint64_t epoch;

    begin(&p);
    p.mirrored = true;
    epoch = p.scf.epoch;
    for (int i = 0; i < (int)(sizeof(wild) / 8); i++) {
        CHECK_EQ(ask(1, 1, wild[i], 100), -EFAULT);
        CHECK_EQ(ask(4, wild[i], wild[i], 0), -EFAULT);
        CHECK_EQ(ask(22, wild[i], 0, 0), -EFAULT);
    }
    CHECK_EQ(p.scf.epoch, epoch);
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    end(&p);
}

/* F2: what is unmapped is not there any more; what is not RT's never was. */
void test_unmap(void)
{
    begin(&p);
    p.mirrored = true;
    CHECK_EQ(scf_map(&p, VA, FRAME, 2, 3), 0);
    CHECK_EQ(scf_unmap(&p, VA, 2), 0);
    CHECK_EQ(ask(1, 1, VA, 1), -EFAULT);
    CHECK_EQ(scf_map(&p, VA, 0x50000000, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, 0x700010000000, FRAME, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, 0x50000000, FRAME, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, VA, FRAME, ~0ull, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, VA, FRAMES_END - 4096, 2, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, VA, SCF2_QUEUES, 1, 3), -EINVAL);
    CHECK_EQ(scf_map(&p, VA, FRAME, 1, 3), 0);
    CHECK_EQ(scf_exec(&p), 0);
    CHECK_EQ(ask(1, 1, VA, 1), -EFAULT);
    end(&p);
}

/* What a call with a result of fixed size stores at @to, and no more. */
static void check_fixed(unsigned call, uint64_t first, uint64_t second,
                        uint8_t *to, size_t bytes)
{
    memset(to, 0xa5, bytes + 8);
    CHECK_EQ(ask(call, first, second, 0), 0);
    CHECK(to[bytes - 1] != 0xa5);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(to[bytes + i], 0xa5);
    }
}

/* Each type of calls.def but the lengths; @to is how the process has @mem. */
static void check_types(uint64_t path, uint64_t to, uint8_t *mem)
{
    long fd = ask(2, path, O_CREAT | O_RDWR, 0);

    CHECK_EQ(fd, 3);
    check_fixed(4, path, to, mem, 144);
    check_fixed(5, fd, to, mem, 144);
    check_fixed(22, to, 0, mem, 8);
    CHECK_EQ(((int32_t *)mem)[1], 5);
    check_fixed(96, to, 0, mem, 16);
    CHECK(((uint64_t *)mem)[1] < 1000000);
    CHECK_EQ(ask(87, path, 0, 0), 0);
}

/* F3: copied, and raw */
void test_types(void)
{
    static const char name[] = "types";

    begin(&p);
    check_types(at(name), at(back), (uint8_t *)back);
    end(&p);
    begin(&p);
    p.mirrored = true;
    CHECK_EQ(scf_map(&p, VA, FRAME, 1, 3), 0);
    memcpy((void *)FRAME, name, sizeof(name));
    check_types(VA, VA + 1024, (uint8_t *)FRAME + 1024);
    end(&p);
}

/* F28: the same of a process whose data is copied */
void test_wild_copies(void)
{
    static const uint64_t wild[] = { 0, 0x41ffffff, 0x46000000, UINT64_MAX };

    begin(&p);
    for (int i = 0; i < (int)(sizeof(wild) / 8); i++) {
        CHECK_EQ(ask(1, 1, wild[i], 100), -EFAULT);
        CHECK_EQ(ask(2, wild[i], O_RDWR, 0), -EFAULT);
        CHECK_EQ(ask(96, wild[i], 0, 0), -EFAULT);
        CHECK_EQ(ask(22, wild[i], 0, 0), -EFAULT);
    }
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    end(&p);
}

/* F4 */
void test_unknown(void)
{
    begin(&p);
    CHECK_EQ(ask(777, 0, 0, 0), -ENOSYS);
    CHECK_EQ(ask(SCF3_CALL_MAP, VA, FRAME, 1), -ENOSYS);
    end(&p);
}

/* Ends the wait of the call that is under way. */
static void on_timer(struct frame *f __attribute__((unused)))
{
    apic_eoi();
    killed = true;
}

static void kill_soon(void)
{
    trap_handle(0x70, on_timer);
    apic_write(APIC_TIMER_DIV, 0xb);
    apic_write(APIC_LVT_TIMER, 0x70);
    apic_write(APIC_TIMER_INIT, 100000000);
}

/* F36, F37: a read that waits holds up nobody, and can be cancelled. */
void test_parked(void)
{
    int32_t ends[2] = { 0, 0 };

    begin(&p);
    CHECK_EQ(ask(22, at(ends), 0, 0), 0);
    CHECK_EQ(ends[0], 3);
    kill_soon();
    CHECK_EQ(ask(0, ends[0], at(back), 10), -EINTR);
    killed = false;
    CHECK_EQ(ask(SCF3_CALL_NULL, 0, 0, 0), 0);
    CHECK_EQ(ask(1, ends[1], at("abc"), 3), 3);
    CHECK_EQ(ask(0, ends[0], at(back), 10), 3);
    CHECK_EQ(ask(3, ends[1], 0, 0), 0);
    CHECK_EQ(ask(0, ends[0], at(back), 10), 0);
    CHECK_EQ(p.scf.strays, 0);
    end(&p);
}

/* F1, F2: the console, and fork: both have the file, and its position. */
void test_fork(void)
{
    static const char line[] = "# a line by RT on GP's console\n";
    static struct process child;
    static const char name[] = "fork";

    begin(&p);
    CHECK_EQ(ask(1, 1, at(line), sizeof(line) - 1), sizeof(line) - 1);
    CHECK_EQ(ask(2, at(name), O_CREAT | O_RDWR, 0), 3);
    begin(&child);
    run_as(&p);
    CHECK_EQ(scf_fork(&p, &child), 0);
    CHECK_EQ(ask(1, 3, at(text), 100), 100);
    run_as(&child);
    CHECK_EQ(ask(8, 3, 0, 1), 100);
    end(&child);
    run_as(&p);
    CHECK_EQ(ask(8, 3, 0, 1), 100);
    CHECK_EQ(ask(87, at(name), 0, 0), 0);
    end(&p);
}
