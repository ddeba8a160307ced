/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only file that knows kernel versions. Written for 6.1 and later.
 */
#ifndef _STATCHAN_COMPAT_H
#define _STATCHAN_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "statchan needs Linux 6.1 or later"
#endif

#if BITS_PER_LONG != 64
#error "statchan needs a 64-bit kernel: its counters are read without locks"
#endif

/* 6.3 made vma->vm_flags read-only and added vm_flags_mod() */
static inline void statchan_vm_flags_mod(struct vm_area_struct *vma,
					 vm_flags_t set, vm_flags_t clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/* 6.12 has fragments in the memory of a device, which the CPU can't read */
static inline bool statchan_skb_frags_readable(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/* 6.13 folded hrtimer_init() and .function into hrtimer_setup() */
static inline void
statchan_hrtimer_setup(struct hrtimer *timer,
		       enum hrtimer_restart (*fn)(struct hrtimer *timer),
		       enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = fn;
#endif
}

/* splice() by read_iter(): 6.5 took it out of generic_file_splice_read() */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define statchan_splice_read	copy_splice_read
#else
#define statchan_splice_read	generic_file_splice_read
#endif

#endif /* _STATCHAN_COMPAT_H */
