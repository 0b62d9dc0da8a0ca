/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time in the guest: the kernel found a real clock, it goes as fast as the machine's real-time
 * clock, and it never goes backwards for a thread that moves between CPUs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/rtc.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SOURCE  "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define NS      1000000000ll

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS + t.tv_nsec;
}

static int check(int good, const char *what)
{
    printf("clock: %s: %s\n", what, good ? "yes" : "no");
    return !good;
}

static int check_source(void)
{
    char name[32] = "";
    FILE *f = fopen(SOURCE, "r");

    if (f && fscanf(f, "%31s", name) == 1) {
        printf("clock: the source is %s\n", name);
    }
    return check(!strcmp(name, "tsc") || !strcmp(name, "hpet") || !strcmp(name, "acpi_pm"),
                 "a source that counts by itself");
}

static time_t rtc_seconds(int fd)
{
    struct rtc_time t;

    if (ioctl(fd, RTC_RD_TIME, &t)) {
        perror("clock: RTC_RD_TIME");
        exit(1);
    }
    return timegm(&(struct tm) {
        .tm_sec = t.tm_sec, .tm_min = t.tm_min, .tm_hour = t.tm_hour,
        .tm_mday = t.tm_mday, .tm_mon = t.tm_mon, .tm_year = t.tm_year });
}

/* The moment at which the RTC's next second begins. */
static int64_t rtc_edge(int fd, time_t *second)
{
    time_t before = rtc_seconds(fd);

    while ((*second = rtc_seconds(fd)) == before) {
        usleep(1000);
    }
    return now();
}

/* Off by less than a quarter, in one of three tries: a CPU that the host holds up is late too. */
static int same_rate(int fd)
{
    time_t first, second;
    int64_t start, ns, rtc_ns;

    for (int i = 0; i < 3; i++) {
        start = rtc_edge(fd, &first);
        sleep(1);
        ns = rtc_edge(fd, &second) - start;
        rtc_ns = (second - first) * NS;
        printf("clock: %lld ms, by the RTC %lld ms\n", ns / 1000000ll, rtc_ns / 1000000ll);
        if (llabs(ns - rtc_ns) < rtc_ns / 4) {
            return 1;
        }
    }
    return 0;
}

static int check_rate(void)
{
    int fd = open("/dev/rtc0", O_RDONLY);

    return check(fd >= 0 && same_rate(fd), "as fast as the real-time clock");
}

static int check_order(void)
{
    int cpus = sysconf(_SC_NPROCESSORS_ONLN), backwards = 0;
    int64_t last = now(), t;
    cpu_set_t set;

    for (int i = 0; i < 5000; i++) {
        CPU_ZERO(&set);
        CPU_SET(i % cpus, &set);
        sched_setaffinity(0, sizeof set, &set);
        t = now();
        backwards += t < last;
        last = t;
    }
    return check(backwards == 0, "never backwards");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    return check_source() + check_rate() + check_order();
}
