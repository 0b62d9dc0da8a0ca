// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the module works, and what it keeps out. It takes KVM's hook for the interrupt of blocked
 * vCPUs, which only kvm_intel uses: either is loaded.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>

#include "private.h"

#define RIVAL		"kvm_intel"
#define NOTES_XSS	"kvm_amd"

static bool cpu_has_uintr(void)
{
	u32 eax, ebx, ecx, edx;

	if (boot_cpu_data.cpuid_level < 7)
		return false;
	cpuid_count(7, 0, &eax, &ebx, &ecx, &edx);
	return edx & BIT(UINTR_CPUID_7_0_EDX_BIT);
}

static bool cpu_has_component(void)
{
	u32 eax, ebx, ecx, edx;

	if (!boot_cpu_has(X86_FEATURE_XSAVES))
		return false;
	cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx);
	return ecx & BIT(UINTR_XSTATE_BIT);
}

/* Modules are known by name only to each other's kset. */
static bool is_loaded(const char *name)
{
	struct kobject *found = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, name);

	if (found)
		kobject_put(found);
	return found;
}

static int refuse(const char *why)
{
	pr_err("farbell_uintr: %s\n", why);
	return -ENODEV;
}

static int check(void)
{
	if (!cpu_has_uintr())
		return refuse("the processor has no user interrupts");
	if (!cpu_has_component())
		return refuse("the processor has no XSAVES with state component 14");
	if (boot_cpu_has(X86_FEATURE_PTI))
		return refuse("page-table isolation is on: user code cannot reach UPIDs; boot with nopti");
	return 0;
}

static int module_changed(struct notifier_block *block, unsigned long state, void *data)
{
	struct module *module = data;

	if (state != MODULE_STATE_COMING || strcmp(module->name, RIVAL))
		return NOTIFY_DONE;
	pr_err("farbell_uintr: " RIVAL " uses the same interrupt: remove farbell_uintr first\n");
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block module_notifier = { .notifier_call = module_changed };

static void modules_stop(void)
{
	unregister_module_notifier(&module_notifier);
}

/* Looked for when it can come no more. */
static int modules_start(void)
{
	int ret = register_module_notifier(&module_notifier);

	if (ret || !is_loaded(RIVAL))
		return ret;
	modules_stop();
	return refuse(RIVAL " is loaded and uses the same interrupt: remove it first");
}

/*
 * When it was loaded it has noted what IA32_XSS is in the host. With our bit in what it noted it
 * takes the bit from its guests; without, they could load our registers.
 */
static int guests_start(void)
{
	if (is_loaded(NOTES_XSS))
		return refuse(NOTES_XSS " is loaded and would give guests the registers: load it later");
	return 0;
}

static void guests_stop(void)
{
}

/* Started in this order and stopped in the reverse one: what others use comes first. */
static const struct part {
	int (*start)(void);
	void (*stop)(void);
} parts[] = {
	{ modules_start, modules_stop },
	{ upid_start, upid_stop },
	{ task_start, task_stop },
	{ wait_start, wait_stop },
	{ cpu_start, cpu_stop },
	{ guests_start, guests_stop },
	{ events_start, events_stop },
	{ device_start, device_stop },
};

static void stop_parts(int count)
{
	while (count--)
		parts[count].stop();
}

static int __init uintr_start(void)
{
	int i, ret = check();

	for (i = 0; !ret && i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].start();
		if (ret)
			stop_parts(i);
	}
	return ret;
}

/* A thread's work may have put its last reference and still be on its way out of our code. */
static void __exit uintr_stop(void)
{
	synchronize_rcu_tasks();
	stop_parts(ARRAY_SIZE(parts));
}

module_init(uintr_start);
module_exit(uintr_stop);

MODULE_DESCRIPTION("User interrupts for the tasks of a stock kernel");
MODULE_LICENSE("GPL");
