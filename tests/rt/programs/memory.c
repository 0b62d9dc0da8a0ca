/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory: rights, places, and what happens when there is none. */
#include "check.h"
#include "numbers.h"

#define PAGE            4096ul
#define CHUNK           (PAGE * 256)
#define CHUNKS          100             /* more than there is memory */

static char *page;

static void write_page(void)
{
    *(volatile char *)page = 1;
}

static void run_page(void)
{
    ((void (*)(void))page)();
}

static void rights_hold(void)
{
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE);
    page[0] = 0xc3;                     /* ret */
    CHECK_EQ(status_of(write_page), 0);
    CHECK_EQ(status_of(run_page), 11);
    CHECK_EQ(mprotect(page, PAGE, PROT_READ | PROT_EXEC), 0);
    CHECK_EQ(status_of(run_page), 0);
    CHECK_EQ(status_of(write_page), 11);
    CHECK_EQ(munmap(page, PAGE), 0);
    CHECK_EQ(status_of(run_page), 11);
}

static void places_are_checked(void)
{
    char *at = (char *)0x20000000000;

    CHECK(mmap(at, PAGE * 2, PROT_READ | PROT_WRITE) == at);
    at[PAGE] = 5;
    CHECK(mmap(at, PAGE, PROT_READ | PROT_WRITE) == at);    /* in its place */
    CHECK_EQ(at[PAGE], 5);
    CHECK_EQ(munmap(at, PAGE * 2), 0);
    CHECK_EQ(munmap(at, PAGE * 2), 0);                      /* as in Linux */
    CHECK(!mmap((void *)0x42000000, PAGE, PROT_READ));      /* the kernel */
    CHECK(!mmap((void *)0xfee00000, PAGE, PROT_READ));
    CHECK(!mmap((void *)0x700000000000, PAGE, PROT_READ));
    CHECK(!mmap((void *)0x20000000001, PAGE, PROT_READ));
    CHECK(!mmap((void *)-PAGE, PAGE, PROT_READ));
    CHECK_EQ(munmap((void *)0x42000000, PAGE), -EINVAL);
    CHECK_EQ(munmap(at, 0), -EINVAL);
    CHECK_EQ(munmap(at, -PAGE), -EINVAL);
    CHECK_EQ(mprotect(at, PAGE, PROT_READ), -ENOMEM);
    CHECK_EQ(call(CALL_mmap, 0, PAGE, PROT_READ, 2, -1, 0), -EINVAL);
    CHECK_EQ(call(CALL_mmap, 0, PAGE, 8, 0x22, -1, 0), -EINVAL);
    CHECK_EQ(call(CALL_mmap, 0, 0, PROT_READ, 0x22, -1, 0), -EINVAL);
    CHECK_EQ(call(CALL_mmap, 0, 1ul << 62, PROT_READ, 0x22, -1, 0), -EINVAL);
}

/* Each call says that there is none, and whoever gives some back goes on. */
static void memory_runs_out(void)
{
    static char *chunks[CHUNKS];
    char *const argv[] = { "hello", NULL };
    int n = 0;
    size_t pages = 0;

    while (n < CHUNKS) {
        chunks[n] = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE);
        if (!chunks[n]) {
            break;
        }
        chunks[n++][0] = 1;
    }
    CHECK(n > 40 && n < CHUNKS);
    CHECK_EQ(fork(), -ENOMEM);
    while (mmap(NULL, PAGE, PROT_READ | PROT_WRITE)) {
        pages++;
    }
    CHECK(pages < CHUNK / PAGE);
    CHECK_EQ(execve("hello", argv), -ENOMEM);
    for (int i = 0; i < n; i++) {
        CHECK_EQ(munmap(chunks[i], CHUNK), 0);
    }
}

static void memory_comes_back(void)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(status_of(memory_runs_out), 0);
    }
}

const struct check_case cases[] = {
    { "RT4-rights-hold", rights_hold },
    { "RT3-places-are-checked", places_are_checked },
    { "RT6-memory-runs-out", memory_comes_back },
    { 0 }
};
