// SPDX-License-Identifier: GPL-2.0
/* Mistakes, one for each tool that scripts/lint has for kernel code. */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

int bad_prototype(int __user *from)
{
	int *address_space = from;

	return *address_space;
}

static const int *bad_find(const int *numbers, u32 at)
{
	return at < 4 ? &numbers[at] : NULL;
}

int bad_null(const int *numbers, u32 at)
{
	return *bad_find(numbers, at);
}

void bad_free(int *number)
{
    kfree(number);
	*number = 1;
}

MODULE_LICENSE("GPL");
