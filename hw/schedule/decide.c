/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is decided at a point: a function of seed and number.
 *
 * Each seed has a temper of its own: how often it decides, how far a wait may
 * reach, at which kinds of points.  A bug that needs one long wait at a store
 * is found by other seeds than one that needs many short ones everywhere.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "hw/core/cpu.h"
#include "schedule.h"

#define LEAST_WAIT_BITS 3           /* instructions, as a power of two */
/* A kernel that does nothing for so long has been starved. */
#define STARVED (1 << 18)

static const unsigned rates[] = { 2, 4, 8, 32, 128 };
static const unsigned reaches[] = { 8, 12, 16 };

/* splitmix64, of which every number is a good start. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* The temper is drawn at point 0, which does not exist. */
static uint64_t draw(const UintrSchedule *s, uint64_t point, unsigned what)
{
    return mix(mix(s->seed ^ mix(point)) + what);
}

enum { DRAW_RATE, DRAW_LENGTH, DRAW_FINE, DRAW_STARVE, DRAW_PRIORITY,
       DRAW_KINDS = DRAW_PRIORITY + SCHEDULE_CPUS, DRAW_REACH, DRAW_CHANGES };

/* ---- Once ---- */

static int compare(gconstpointer a, gconstpointer b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void draw_change_points(UintrSchedule *s)
{
    g_clear_pointer(&s->change_points, g_array_unref);
    s->change_points = g_array_new(false, false, sizeof(uint64_t));
    for (unsigned i = 0; i < s->depth; i++) {
        uint64_t point = 1 + draw(s, 0, DRAW_CHANGES + i) % s->among;

        g_array_append_val(s->change_points, point);
    }
    g_array_sort(s->change_points, compare);
}

static bool read_only_these(UintrSchedule *s, Error **errp)
{
    g_auto(GStrv) words = NULL;

    g_clear_pointer(&s->chosen, g_array_unref);
    if (!s->only) {
        return true;
    }
    s->chosen = g_array_new(false, false, sizeof(uint64_t));
    words = g_strsplit(s->only, ":", -1);
    for (char **word = words; *word && strcmp(s->only, "none"); word++) {
        uint64_t number;

        if (qemu_strtou64(*word, NULL, 10, &number) || !number) {
            error_setg(errp, "only=%s: it is numbers of points with a colon "
                       "between them, like 3:17:42, or none", s->only);
            return false;
        }
        g_array_append_val(s->chosen, number);
    }
    g_array_sort(s->chosen, compare);
    return true;
}

/* Three of four kinds, and whoever has none left has them all. */
static uint32_t draw_kinds(const UintrSchedule *s)
{
    uint64_t bits = draw(s, 0, DRAW_KINDS);

    return bits | bits >> 32 ?: UINT32_MAX;
}

bool schedule_draw(UintrSchedule *s, Error **errp)
{
    s->rate = rates[draw(s, 0, DRAW_RATE) % ARRAY_SIZE(rates)];
    s->reach = reaches[draw(s, 0, DRAW_REACH) % ARRAY_SIZE(reaches)];
    s->kinds = draw_kinds(s);
    draw_change_points(s);
    for (int i = 0; i < SCHEDULE_CPUS; i++) {
        s->cpu[i].priority = 1 + draw(s, 0, DRAW_PRIORITY + i) % INT32_MAX;
    }
    return read_only_these(s, errp);
}

/* ---- At each point ---- */

static bool is_in(const GArray *sorted, uint64_t number)
{
    unsigned low = 0, high = sorted->len;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint64_t found = g_array_index(sorted, uint64_t, middle);

        if (found == number) {
            return true;
        }
        if (found < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* Every power of two is as likely as the others. */
static int64_t draw_length(const UintrSchedule *s, uint64_t point)
{
    unsigned bits = LEAST_WAIT_BITS + draw(s, point, DRAW_LENGTH) %
                    (s->reach - LEAST_WAIT_BITS + 1);
    int64_t length = 1LL << bits;

    if (draw(s, point, DRAW_STARVE) % 64 == 0) {
        return STARVED;
    }
    return length + draw(s, point, DRAW_FINE) % length;
}

static bool decides(const UintrSchedule *s, uint64_t point,
                    UintrPointKind kind)
{
    if (s->chosen && !is_in(s->chosen, point)) {
        return false;
    }
    if (s->pct) {
        return is_in(s->change_points, point);
    }
    return s->kinds >> kind & 1 && draw(s, point, DRAW_RATE) % s->rate == 0;
}

static ScheduleAction action_at(const UintrSchedule *s, UintrPointKind kind)
{
    if (kind == UINTR_POINT_NOTIFY) {
        return SCHEDULE_DELAY;
    }
    if (s->pct) {
        return SCHEDULE_LOWER;
    }
    return kind == UINTR_POINT_SLICE ? SCHEDULE_SHORT : SCHEDULE_WAIT;
}

ScheduleDecision schedule_decide(UintrSchedule *s, UintrPointKind kind,
                                 CPUState *cs)
{
    ScheduleDecision decision = {
        .point = ++s->point, .kind = kind, .cpu = cs->cpu_index,
    };

    s->counts[kind]++;
    if (decides(s, decision.point, kind)) {
        decision.action = action_at(s, kind);
        decision.insns = draw_length(s, decision.point);
    }
    return decision;
}
