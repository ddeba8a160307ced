// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that does what none should: tests/guest/driver.sh looks at what becomes of it.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/statchan.h>
#include <net/net_namespace.h>
#include <statchan/source.h>

/* What callbacks answer, wrong or not */
static int snapshot_says, listen_says, rate_says;
module_param(snapshot_says, int, 0644);
module_param(listen_says, int, 0644);
module_param(rate_says, int, 0644);

/* A snapshot does not return as long as this says so */
static bool hold;
module_param(hold, bool, 0644);

/* Snapshots that do not return */
static int held;
module_param(held, int, 0444);

static int odd_snapshot(void *priv, u64 *values, u32 *flags)
{
	WRITE_ONCE(held, 1);
	while (READ_ONCE(hold))
		msleep(20);
	WRITE_ONCE(held, 0);
	*values = 1;
	return snapshot_says;
}

static int odd_listen(void *priv, bool on, struct statchan_err *err)
{
	return on ? listen_says : 0;
}

static int odd_rate(void *priv, u32 rate, struct statchan_err *err)
{
	return rate_says;
}

static const struct statchan_source_ops odd_ops = {
	.owner = THIS_MODULE,
	.snapshot = odd_snapshot,
	.listen = odd_listen,
	.rate = odd_rate,
};

static const struct statchan_field_desc odd_field = {
	"value", STATCHAN_COUNTER, STATCHAN_UNIT_NONE
};

static const struct statchan_group_desc odd_group = { "odd", 1, 1, &odd_field };
static const struct statchan_schema_desc odd_schema = { 1, &odd_group };

/* ---- kinds that are not ---- */

static struct statchan_source *odd_create(struct net *net, const char *name,
					  const u64 *values,
					  struct statchan_err *err)
{
	return NULL;
}

static void odd_destroy(struct statchan_source *src, void *priv)
{
}

static int odd_set(void *priv, u32 param, u64 value, struct statchan_err *err)
{
	return 0;
}

static const char *const odd_choices[] = { "one", "two", NULL };
static const char *const no_choices[] = { NULL };

static const struct statchan_param without_set = { .key = "a", .runtime = true };
static const struct statchan_param without_choices = {
	.key = "a", .choices = no_choices
};

static const struct statchan_param beyond_choices = {
	.key = "a", .choices = odd_choices, .def = 2
};

static const struct statchan_param beyond_range = {
	.key = "a", .min = 1, .max = 2, .def = 3
};

static const struct statchan_kind wrong_kinds[] = {
	{ .name = "no_destroy", .create = odd_create },
	{ .name = "no_create", .destroy = odd_destroy },
	{ .name = "no_set", .create = odd_create, .destroy = odd_destroy,
	  .n_params = 1, .params = &without_set },
	{ .name = "no_choices", .create = odd_create, .destroy = odd_destroy,
	  .n_params = 1, .params = &without_choices },
	{ .name = "beyond_choices", .create = odd_create, .destroy = odd_destroy,
	  .n_params = 1, .params = &beyond_choices },
	{ .name = "beyond_range", .create = odd_create, .destroy = odd_destroy,
	  .n_params = 1, .params = &beyond_range },
};

/* Whose create() makes nothing */
static const struct statchan_kind odd_kind = {
	.name = "odd", .owner = THIS_MODULE,
	.create = odd_create, .destroy = odd_destroy, .set = odd_set,
};

/* ---- module ---- */

static struct statchan_source *src;

static int __init odd_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(wrong_kinds); i++) {
		ret = statchan_kind_register(&wrong_kinds[i]);
		if (ret == -EINVAL)
			continue;
		pr_err("odd_driver: kind '%s' was taken: %d\n",
		       wrong_kinds[i].name, ret);
		return ret ?: -EEXIST;
	}
	ret = statchan_kind_register(&odd_kind);
	if (ret)
		return ret;
	src = statchan_source_register(&init_net, "odd0", &odd_ops, &odd_schema,
				       NULL);
	if (IS_ERR(src)) {
		statchan_kind_unregister(&odd_kind);
		return PTR_ERR(src);
	}
	return 0;
}

static void __exit odd_exit(void)
{
	statchan_source_unregister(src);
	statchan_kind_unregister(&odd_kind);
}

module_init(odd_init);
module_exit(odd_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A driver that does what none should");
