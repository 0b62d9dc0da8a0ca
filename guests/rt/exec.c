/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs into address spaces, with their arguments on the stack. */
#include "elf.h"
#include "errno.h"
#include "memmap.h"
#include "process.h"

#define STACK_BYTES     (STACK_PAGES * PAGE_SIZE)
#define WORDS_MAX       64
#define RFLAGS_START    (RFLAGS_FIXED | RFLAGS_IF)

/* Words that blanks divide. */
int arguments_add(struct arguments *a, const char *words)
{
    bool inside = false;

    for (; *words; words++) {
        if (a->bytes + 2 > sizeof(a->text)) {
            return -E2BIG;
        }
        if (*words == ' ') {
            a->bytes += inside;         /* the zero that is there */
        } else {
            a->count += !inside;
            a->text[a->bytes++] = *words;
        }
        inside = *words != ' ';
    }
    a->bytes += inside;
    return a->count <= WORDS_MAX ? 0 : -E2BIG;
}

/* argc, argv, an empty environment, an empty auxiliary vector. */
static int write_stack(struct space *s, const struct arguments *a,
                       uint64_t *rsp)
{
    uint64_t words[WORDS_MAX + 5] = { a->count }, text = STACK_TOP - a->bytes;
    uint64_t size = (a->count + 5) * sizeof(*words);
    uint32_t at = 0;

    text &= -16ull;
    for (uint32_t i = 0; i < a->count; i++) {
        words[1 + i] = text + at;
        at += strlen(a->text + at) + 1;
    }
    *rsp = (text - size) & -16ull;
    return space_write(s, text, a->text, a->bytes) ||
           space_write(s, *rsp, words, size) ? -E2BIG : 0;
}

static void set_name(struct process *p, const char *name)
{
    size_t n = strlen(name) < sizeof(p->name) ? strlen(name) :
               sizeof(p->name) - 1;

    memset(p->name, 0, sizeof(p->name));
    memcpy(p->name, name, n);
}

static int fill(struct space *s, const void *image, size_t size,
                const struct arguments *a, struct frame *start)
{
    struct program program;
    uint64_t rsp;
    int error = elf_load(s, image, size, &program);

    if (!error) {
        error = space_map_range(s, STACK_TOP - STACK_BYTES, STACK_PAGES,
                                SPACE_READ | SPACE_WRITE);
    }
    if (!error) {
        error = write_stack(s, a, &rsp);
    }
    if (!error) {
        *start = (struct frame) {
            .rip = program.entry, .rsp = rsp, .rflags = RFLAGS_START,
            .cs = SEL_UCODE, .ss = SEL_UDATA,
        };
    }
    return error;
}

int process_load(struct process *p, struct space *s,
                 const struct arguments *a, struct frame *start)
{
    const void *image;
    size_t size;
    int error;

    if (!a->count || !program_find(a->text, &image, &size)) {
        return -ENOENT;
    }
    space_pause();
    error = space_create(s, &window_frames);
    if (error) {
        return error;
    }
    space_pause();
    error = fill(s, image, size, a, start);
    if (error) {
        space_destroy(s);
        return error;
    }
    set_name(p, a->text);
    return 0;
}
