// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that the lab's own kernels are there to see, done on purpose: run.sh
 * looks whether they say so.
 */
#include <linux/completion.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

/* What is done at load, a name in wrongs[] */
static char *what = "";
module_param(what, charp, 0444);

/* No compiler knows what these are */
static int seven = 7;
module_param(seven, int, 0444);

static int wrong_use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	return READ_ONCE(p[seven]) == 1;
}

static int wrong_out_of_bounds(void)
{
	char *p = vmalloc(100);

	if (!p)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(p);
	(void)READ_ONCE(p[93 + seven]);
	vfree(p);
	return 0;
}

static int wrong_leak(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		char *p = kmalloc(200, GFP_KERNEL);

		if (!p)
			return -ENOMEM;
		OPTIMIZER_HIDE_VAR(p);
	}
	return 0;
}

/* An hour from now */
static void never(struct timer_list *timer)
{
}

static int wrong_free_of_active(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return -ENOMEM;
	timer_setup(timer, never, 0);
	timer->expires = jiffies + 3600 * HZ;
	add_timer(timer);
	kfree(timer);
	return 0;
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static int wrong_order_of_locks(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

static int __rcu *published;

static int wrong_rcu(void)
{
	return rcu_dereference(published) ? -EINVAL : 0;
}

static DEFINE_SPINLOCK(held);

static int wrong_sleep(void)
{
	spin_lock(&held);
	might_sleep();
	spin_unlock(&held);
	return 0;
}

static int wrong_shift(void)
{
	return (1 << (25 + seven)) == 3;
}

static int wrong_index(void)
{
	static const int some[7];

	return READ_ONCE(some[seven + 1]) == 1;
}

static int wrong_bool(void)
{
	union {
		char byte;
		bool truth;
	} value = { .byte = seven };

	OPTIMIZER_HIDE_VAR(value.byte);
	return value.truth ? 0 : -EINVAL;
}

static unsigned long counted;
static DECLARE_COMPLETION(counters_done);

static int count(void *unused)
{
	int i;

	for (i = 0; i < 3000000; i++) {
		counted++;
		barrier();
		if (!(i % 1000))
			cond_resched();
	}
	complete(&counters_done);
	return 0;
}

static int wrong_race(void)
{
	struct task_struct *one, *other;

	one = kthread_run(count, NULL, "wrong_one");
	other = kthread_run(count, NULL, "wrong_other");
	if (!IS_ERR(one))
		wait_for_completion(&counters_done);
	if (!IS_ERR(other))
		wait_for_completion(&counters_done);
	return IS_ERR(one) || IS_ERR(other) ? -ENOMEM : 0;
}

static const struct {
	const char *name;
	int (*do_it)(void);
} wrongs[] = {
	{ "use-after-free", wrong_use_after_free },
	{ "out-of-bounds", wrong_out_of_bounds },
	{ "leak", wrong_leak },
	{ "free-of-active", wrong_free_of_active },
	{ "order-of-locks", wrong_order_of_locks },
	{ "rcu", wrong_rcu },
	{ "sleep", wrong_sleep },
	{ "shift", wrong_shift },
	{ "index", wrong_index },
	{ "bool", wrong_bool },
	{ "race", wrong_race },
};

static int __init wrong_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrongs); i++)
		if (!strcmp(what, wrongs[i].name))
			return min(wrongs[i].do_it(), 0);
	return -EINVAL;
}
module_init(wrong_init);

/* What runs in threads has ended: it was waited for */
static void __exit wrong_exit(void)
{
}
module_exit(wrong_exit);

MODULE_DESCRIPTION("What a debug kernel must see");
MODULE_LICENSE("GPL");
