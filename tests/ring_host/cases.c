// SPDX-License-Identifier: GPL-2.0
/* The cases of kernel/kunit/cases.h in a program: KUnit's half is kernel/kunit/kunit.c. */
#include "../../kernel/ring.h"
#include "../../kernel/record.h"

typedef void case_failed(void *context, const char *file, int line, const char *what,
			 uint64_t a, uint64_t b);

struct noting {
	case_failed *failed;
	void *context;
};

#define CASE_EQ(c, a, b) do { \
	const struct noting *note_ = (c)->context; \
	u64 a_ = (u64)(a), b_ = (u64)(b); \
	if (a_ != b_) \
		note_->failed(note_->context, __FILE__, __LINE__, #a " == " #b, a_, b_); \
} while (0)
#include "../../kernel/kunit/cases.h"

size_t cases_count(void);
const char *cases_name(size_t index);
size_t cases_starts(void);
int cases_run(size_t index, size_t start, case_failed *failed, void *context);

size_t cases_count(void)
{
	return ARRAY_SIZE(ring_cases);
}

const char *cases_name(size_t index)
{
	return ring_cases[index].name;
}

size_t cases_starts(void)
{
	return ARRAY_SIZE(case_starts);
}

int cases_run(size_t index, size_t start, case_failed *failed, void *context)
{
	struct noting note = { failed, context };
	struct ring_case c = { .start = case_starts[start], .context = &note };
	int ret = case_open(&c, ring_cases[index].mode);

	if (ret)
		return ret;
	ring_cases[index].run(&c);
	case_close(&c);
	return 0;
}
