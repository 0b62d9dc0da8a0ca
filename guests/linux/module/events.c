// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fork, exec and exit. The tracepoints are not exported by name, but whoever walks all of them
 * finds them.
 */
#include <linux/binfmts.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "private.h"

/* Current has given up its memory, or is about to; all else of it is still there. */
static void exited(void *unused, struct task_struct *task)
{
	struct thread *thread = current_thread();

	if (thread)
		thread_detach(thread, -ESHUTDOWN);
}

static void executed(void *unused, struct task_struct *task, pid_t old, struct linux_binprm *bprm)
{
	exited(NULL, task);
}

/* The child does not run yet. A process of its own has no registers and no table. */
static void forked(void *unused, struct task_struct *parent, struct task_struct *child)
{
	uitt_inherit(child);
}

static struct event {
	const char *name;
	void *probe;
	struct tracepoint *tracepoint;
} events[] = {
	{ "sched_process_exit", exited },
	{ "sched_process_exec", executed },
	{ "sched_process_fork", forked },
};

static void look_at(struct tracepoint *tracepoint, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(tracepoint->name, events[i].name))
			events[i].tracepoint = tracepoint;
	}
}

static void remove_probes(int count)
{
	while (count--)
		tracepoint_probe_unregister(events[count].tracepoint, events[count].probe, NULL);
	tracepoint_synchronize_unregister();
}

int events_start(void)
{
	int i, ret;

	for_each_kernel_tracepoint(look_at, NULL);
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		ret = -ENOENT;
		if (events[i].tracepoint)
			ret = tracepoint_probe_register(events[i].tracepoint, events[i].probe, NULL);
		if (ret) {
			pr_err("farbell_uintr: no tracepoint %s\n", events[i].name);
			remove_probes(i);
			return ret;
		}
	}
	return 0;
}

void events_stop(void)
{
	remove_probes(ARRAY_SIZE(events));
}
