// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: the cases of cases.h in a kernel. A module of its own with its own copy of
 * the code under test, so that statchan.ko is what it is without tests. Loading it
 * runs them; it needs a kernel with CONFIG_KUNIT.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/wait.h>

#include "../ring.c"
#include "../record.c"
#include "../ledger.c"

/* the code's own are in statchan.ko; no case makes them act */
DEFINE_STATIC_KEY_FALSE(statchan_faults);

bool __statchan_fault(enum statchan_fault_place place)
{
	return false;
}

int statchan_err(struct statchan_err *err, int code, const char *fmt, ...)
{
	return code;
}

#define CASE_EQ(c, a, b) KUNIT_EXPECT_EQ((struct kunit *)(c)->context, (u64)(a), (u64)(b))
#include "cases.h"

static void describe(const struct ring_case_desc *desc, char *text)
{
	strscpy(text, desc->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ring, ring_cases, describe);

/* One case, at all starts */
static void ring_case(struct kunit *test)
{
	const struct ring_case_desc *desc = test->param_value;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(case_starts); i++) {
		struct ring_case c = { .start = case_starts[i], .context = test };

		KUNIT_ASSERT_EQ(test, case_open(&c, desc->mode), 0);
		desc->run(&c);
		case_close(&c);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(ring_case, ring_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "statchan_ring",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("statchan: unit tests of ring, record and ledger");
