/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An open /dev/statchan: a control descriptor that may become, once, one channel.
 * chardev.c has its file operations, chardev_ioctl.c its ioctls.
 */
#ifndef STATCHAN_CHARDEV_H
#define STATCHAN_CHARDEV_H

#include <linux/mutex.h>

#include "core.h"

/**
 * struct statchan_file - an open /dev/statchan
 * @net:	of the program that opened it, counted
 * @lock:	of @pinned, @chosen and @error
 * @open_lock:	of the open of the channel, from the first check until the program
 *		has its answer; outside of mmap_lock
 * @opened:	the channel meanwhile; @open_lock
 * @ch:		set once under @open_lock, closed in release
 * @pinned:	what the last STATCHAN_IOC_SNAPSHOT_MAP gave; or what is being read
 *		in pieces by pread(); or NULL
 * @chosen:	@pinned is from STATCHAN_IOC_SNAPSHOT_MAP: pread() takes no other
 * @error:	sentence of the last failed ioctl
 */
struct statchan_file {
	struct net *net;
	struct mutex lock;	/* see above */
	struct mutex open_lock;	/* see above */
	struct statchan_channel *opened;
	struct statchan_channel *ch;
	struct statchan_snap *pinned;
	bool chosen;
	struct statchan_err error;
};

static inline struct statchan_channel *
statchan_file_channel(struct statchan_file *f)
{
	return smp_load_acquire(&f->ch);	/* pairs with dev_channel_opened() */
}

/* Remember the sentence of the last failure */
static inline void statchan_file_failed(struct statchan_file *f,
					const struct statchan_err *err)
{
	mutex_lock(&f->lock);
	f->error = *err;
	mutex_unlock(&f->lock);
}

void statchan_file_pin(struct statchan_file *f, struct statchan_snap *snap,
		       bool chosen);
int statchan_file_no_channel(const char *what, struct statchan_err *err);
int statchan_file_not_by(const struct statchan_channel *ch, const char *what,
			 struct statchan_err *err);
long statchan_file_ioctl(struct file *file, unsigned int cmd,
			 unsigned long user);

#endif
