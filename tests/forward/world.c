/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <sanitizer/common_interface_defs.h>

#include "world.h"

#define SLOTS       ((struct scf_slot *)0x700000100000)
#define STACK       65536
#define IDS         4096

struct process processes[PROCESSES];
struct thread threads[PROCESSES * THREADS];
struct thread *running;
uint64_t now;
uint32_t generation;
bool faults;
uint32_t notices;

static uint64_t random_state, world_seed;
static uint8_t executed[IDS];

/* ---- Chance ---- */

static uint64_t random64(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint32_t draw(uint32_t below)
{
    return random64() % below;
}

void found(const char *format, ...)
{
    va_list args;

    printf("found, with seed %llu: ", (unsigned long long)world_seed);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

/* ---- Threads ---- */

static ucontext_t scheduler, contexts[PROCESSES * THREADS];
static uint8_t stacks[PROCESSES * THREADS][STACK];
static const void *scheduler_stack;
static size_t scheduler_size;

static void to_scheduler(void)
{
    struct thread *self = running;
    void *fake;

    __sanitizer_start_switch_fiber(self->over ? NULL : &fake, scheduler_stack,
                                   scheduler_size);
    swapcontext(&contexts[self - threads], &scheduler);
    __sanitizer_finish_switch_fiber(fake, &scheduler_stack, &scheduler_size);
}

static void begin(void)
{
    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_size);
    thread_life();
    running->over = true;
    to_scheduler();
}

void world_run_thread(struct thread *t)
{
    int i = t - threads;
    void *fake;

    running = t;
    __sanitizer_start_switch_fiber(&fake, stacks[i], STACK);
    swapcontext(&scheduler, &contexts[i]);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
    running = NULL;
}

static void make_thread(int i)
{
    threads[i] = (struct thread) {
        .process = &processes[i / THREADS], .number = i % THREADS,
    };
    getcontext(&contexts[i]);
    contexts[i].uc_stack.ss_sp = stacks[i];
    contexts[i].uc_stack.ss_size = STACK;
    contexts[i].uc_link = NULL;
    makecontext(&contexts[i], begin, 0);
}

/* ---- What the requester needs ---- */

struct scf_caller *rt_caller(struct process *p)
{
    return &p->caller;
}

/* RT11: replies are taken for who waits, as urgently as that is. */
void rt_block(volatile int *done)
{
    if (running->process->caller.urgency < rt_priority()) {
        found("one of priority %u waits, and %u is known", rt_priority(),
              running->process->caller.urgency);
    }
    if (!*done && !running->killed) {
        running->waits = done;
        to_scheduler();
    }
}

void rt_wake(volatile int *done)
{
    for (int i = 0; i < PROCESSES * THREADS; i++) {
        if (threads[i].waits == done) {
            threads[i].waits = NULL;
        }
    }
}

bool rt_killed(void)
{
    return running->killed;
}

uint64_t rt_now(void)
{
    return now;
}

unsigned rt_priority(void)
{
    return 1 + running->number;
}

bool rt_mirrored(struct process *p)
{
    return p->mirrored;
}

void rt_set_target(struct process *p, uint64_t upid, unsigned vector)
{
    uint64_t offset = upid - scf_upid_window();

    if (upid < scf_upid_window() || offset % 64 ||
        offset + 64 > scf_upid_half() || vector > 63) {
        found("a target of %llx, %u", (unsigned long long)upid, vector);
    }
    (void)p;
}

/* All of the process's memory and nothing else, as its page tables say. */
static uint8_t *user(struct process *p, uint64_t at, size_t bytes)
{
    return at >= USER_MEMORY && bytes <= sizeof(p->memory) &&
           at - USER_MEMORY <= sizeof(p->memory) - bytes ?
           p->memory[0] + (at - USER_MEMORY) : NULL;
}

int rt_copy_in(struct process *p, void *to, uint64_t from, size_t bytes)
{
    uint8_t *source = user(p, from, bytes);

    return source ? (memcpy(to, source, bytes), 0) : -EFAULT;
}

int rt_copy_out(struct process *p, uint64_t to, const void *from,
                size_t bytes)
{
    uint8_t *target = user(p, to, bytes);

    meanwhile();
    return target ? (memcpy(target, from, bytes), 0) : -EFAULT;
}

long rt_copy_string(struct process *p, char *to, uint64_t from, size_t room)
{
    for (size_t i = 0; i < room; i++) {
        if (rt_copy_in(p, to + i, from + i, 1)) {
            return -EFAULT;
        }
        if (!to[i]) {
            return i;
        }
    }
    return -ENAMETOOLONG;
}

uint32_t scf_generation(void)
{
    return generation;
}

uint64_t scf_upid_window(void)
{
    return SCF_UPID_WINDOW;
}

uint64_t scf_upid_half(void)
{
    return SCF_PAGE_SIZE;
}

/* F6 */
static void check_target(struct scf_caller *c)
{
    struct process *p = (struct process *)((char *)c -
                                           offsetof(struct process, caller));

    if (!c->target) {
        found("SENDUIPI without a target");
    }
    if (!p->hostile && p->named != c->epoch) {
        found("SENDUIPI to the target of another epoch");
    }
}

void scf_notify(struct scf_caller *c, unsigned mode)
{
    if (mode == SCF3_MODE_UIPI) {
        check_target(c);
    }
    notices += mode == SCF3_MODE_UIPI;
}

/* ---- The servers ---- */

uint8_t pattern(uint64_t seed, size_t i)
{
    return (seed * 0x9e3779b97f4a7c15 >> 32) + i * 7;
}

uint32_t sum_of(const uint8_t *bytes, size_t n)
{
    uint32_t sum = 17;

    for (size_t i = 0; i < n; i++) {
        sum = sum * 31 + bytes[i];
    }
    return sum & 0x7fffffff;
}

static struct process *process_of(struct scf_server *s)
{
    return (struct process *)((char *)s - offsetof(struct process, server));
}

/* An address of the shadow's: the slot, or a page of the process. */
static uint8_t *resolve(struct scf_server *s, uint64_t at, size_t bytes)
{
    uint64_t slots = at - (uint64_t)(s->own < s->peer ? s->own : s->peer);

    if (slots < 2 * SCF3_SLOT_SIZE) {
        if (bytes > SCF3_SLOT_SIZE - slots % SCF3_SLOT_SIZE) {
            found("%zu bytes, more than a slot has", bytes);
        }
        return (uint8_t *)at;
    }
    if (at >= SCF3_RAW_END) {
        found("the shadow's own memory is touched at %llx",
              (unsigned long long)at);
    }
    return user(process_of(s), at, bytes);
}

static long read_some(struct scf_server *s, const uint64_t args[6])
{
    uint8_t *to = resolve(s, args[1], args[2]);
    size_t n = args[2] ? args[0] % (args[2] + 1) : 0;

    if (!to) {
        return -EFAULT;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = pattern(args[0], i);
    }
    return n;
}

/* Raw, they can be others by now, if the caller does not wait any more. */
static long write_some(struct scf_server *s, const uint64_t args[6])
{
    uint8_t *from = resolve(s, args[1], args[2]);

    if (!from) {
        return -EFAULT;
    }
    if (!process_of(s)->hostile && !(faults && args[1] < SCF3_RAW_END) &&
        sum_of(from, args[2]) != args[0]) {
        found("other bytes than were written");
    }
    return args[2];
}

static long stat_some(struct scf_server *s, const uint64_t args[6])
{
    uint8_t *path = resolve(s, args[0], SCF_STRING_ROOM);
    uint8_t *to = resolve(s, args[1], 144);
    size_t n;

    if (!path || !to) {
        return -EFAULT;
    }
    n = strnlen((char *)path, SCF_STRING_ROOM);
    for (size_t i = 0; i < 144; i++) {
        to[i] = pattern(n, i);
    }
    return 0;
}

long scf_execute(struct scf_server *s, unsigned call, const uint64_t args[6])
{
    switch (call) {
    case 0:
        return read_some(s, args);
    case 1:
        return write_some(s, args);
    case 4:
        return stat_some(s, args);
    case 8:
        executed[args[0] % IDS]++;
        return args[0] ^ args[1];
    case 32:
        return draw(8) ? SCF_PARKED : (long)(args[0] & 0xffff);
    case SCF3_CALL_INIT_UINTR:
        process_of(s)->named = s->epoch;
        return draw(4) ? 64 + 3 :
               draw(2) ? -ENOSYS : (long)draw(20000);
    case SCF3_CALL_NULL:
        return 0;
    default:
        return -ENOSYS;
    }
}

void scf_renew(struct scf_server *s)
{
    (void)s;
}

void scf_answered(struct scf_server *s, unsigned mode)
{
    (void)s;
    (void)mode;
}

void executed_reset(void)
{
    memset(executed, 0, sizeof(executed));
}

unsigned times_executed(uint64_t id)
{
    return executed[id % IDS];
}

/* ---- Between two looks of the requester ---- */

uint32_t world_word(const uint32_t *at)
{
    meanwhile();
    return wire_word(at);
}

void world_copy(void *to, const void *from, size_t bytes)
{
    meanwhile();
    wire_copy(to, from, bytes);
}

/* F50: between a reply and the look at what runs there is a barrier. */
static bool fenced;

void world_fence(void)
{
    fenced = true;
}

uint32_t world_running(const uint32_t *at)
{
    if (!fenced) {
        found("a look at what runs, with the reply not yet to be seen");
    }
    fenced = false;
    return wire_word(at);
}

/* ---- Making it, and breaking it ---- */

static void make_slots(void)
{
    size_t size = 2 * PROCESSES * sizeof(struct scf_slot);
    static void *there;

    if (!there) {
        there = mmap(SLOTS, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
                     MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (there != SLOTS) {
            found("no memory where the slots are to be");
        }
    }
    memset(SLOTS, draw(2) ? 0 : draw(256), size);
}

static void make_process(int i)
{
    struct process *p = &processes[i];
    struct scf_slot *own = &SLOTS[2 * i], *theirs = own + 1;

    memset(p, 0, sizeof(*p));
    memset(p->memory, CANARY, sizeof(p->memory));
    p->mirrored = draw(2);
    scf_serve_start(&p->server, theirs, own, &SLOTS[0].head.running);
    scf_open(&p->caller, own, theirs, i);
    scf_set_modes(&p->caller, draw(SCF3_MODES), draw(SCF3_MODES),
                  draw(4) << 4);
}

void world_open(uint64_t seed)
{
    random_state = world_seed = seed;
    now = 1;
    generation = 1;
    executed_reset();
    make_slots();
    for (int i = 0; i < PROCESSES; i++) {
        make_process(i);
    }
    for (int i = 0; i < PROCESSES * THREADS; i++) {
        make_thread(i);
    }
}

/* Near to what is there, so that it gets past the first look (F23-F26). */
void scribble(struct scf_slot *slot)
{
    uint32_t *words = (uint32_t *)slot;
    uint32_t *at = draw(2) ? &words[draw(sizeof(struct scf_head) / 4)] :
                   &words[draw(SCF3_BUFFERS / 4)];

    switch (draw(5)) {
    case 0:
        *at = random64();
        break;
    case 3:
        slot->replies[draw(SCF3_ENTRIES)].result = draw(8000);
        break;
    case 1:
        *at += 1 + draw(3);
        break;
    case 2:
        *at ^= 1u << draw(32);
        break;
    default:
        *at = words[draw(SCF3_BUFFERS / 4)];
    }
}
