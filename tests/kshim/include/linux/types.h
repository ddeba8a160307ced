/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KSHIM_TYPES_H
#define KSHIM_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define __percpu
#define __printf(a, b)	__attribute__((format(printf, a, b)))

#endif /* KSHIM_TYPES_H */
