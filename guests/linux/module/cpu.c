// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each CPU needs before a thread can have user interrupts: CR4.UINTR, and the bit of
 * IA32_XSS without which XSAVES and XRSTORS leave the registers alone. Both are lost when a CPU
 * goes off line; it comes back through cpu_up_here() before a task can run on it.
 */
#include <linux/cpuhotplug.h>
#include <linux/notifier.h>
#include <linux/smp.h>
#include <linux/suspend.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>

#include "private.h"

static enum cpuhp_state online_state, dead_state;

static int cpu_up_here(unsigned int cpu)
{
	unsigned long flags;
	u64 xss;

	local_irq_save(flags);
	cr4_update_irqsoff(BIT(UINTR_CR4_BIT), 0);
	rdmsrl(MSR_IA32_XSS, xss);
	wrmsrl(MSR_IA32_XSS, xss | BIT_ULL(UINTR_XSTATE_BIT));
	wrmsrl(UINTR_MSR_MISC, 0);
	state_clear();
	local_irq_restore(flags);
	return 0;
}

/* Only when the module goes: a CPU that goes off line may still run threads here. */
static void cpu_down_here(void *unused)
{
	u64 xss;

	rdmsrl(MSR_IA32_XSS, xss);
	wrmsrl(MSR_IA32_XSS, xss & ~BIT_ULL(UINTR_XSTATE_BIT));
	cr4_update_irqsoff(0, BIT(UINTR_CR4_BIT));
}

/* After its death: until then threads could block on it. */
static int cpu_dead(unsigned int cpu)
{
	wait_move(cpu);
	return 0;
}

/* It would come back with IA32_XSS as the kernel set it, and without the registers of a thread. */
static int power_changes(struct notifier_block *block, unsigned long event, void *unused)
{
	if (event != PM_SUSPEND_PREPARE && event != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;
	pr_err("farbell_uintr: the machine is not suspended while this module is loaded\n");
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block power_notifier = { .notifier_call = power_changes };

static int setup_states(void)
{
	int state;

	state = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "x86/farbell:dead", NULL, cpu_dead);
	if (state < 0)
		return state;
	dead_state = state;
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "x86/farbell:online", cpu_up_here, NULL);
	if (state < 0) {
		cpuhp_remove_state_nocalls(dead_state);
		return state;
	}
	online_state = state;
	return 0;
}

int cpu_start(void)
{
	int ret = register_pm_notifier(&power_notifier);

	if (ret)
		return ret;
	ret = setup_states();
	if (ret)
		unregister_pm_notifier(&power_notifier);
	return ret;
}

void cpu_stop(void)
{
	cpuhp_remove_state_nocalls(online_state);
	cpuhp_remove_state_nocalls(dead_state);
	on_each_cpu(cpu_down_here, NULL, 1);
	unregister_pm_notifier(&power_notifier);
}
