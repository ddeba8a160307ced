// SPDX-License-Identifier: GPL-2.0
/*
 * Transport read: read(2) on the channel's descriptor. Records come out of the
 * same per-CPU rings as by STATCHAN_IOC_READ. A snapshot is read at any offset,
 * by pread(2): which one, the front end decides and holds, see chardev.c.
 */
#include <linux/err.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "../ring_read.h"

static int read_open(struct statchan_channel *ch,
		     struct statchan_channel_req *req, struct statchan_err *err)
{
	if (ch->kind != STATCHAN_CHANNEL_SAMPLES)
		return 0;
	return statchan_ring_reader_open(ch, err);
}

static void read_close(struct statchan_channel *ch)
{
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		statchan_ring_reader_close(ch);
}

/* Sleep until records are announced, or there will be none: as poll() would */
static int read_wait(struct statchan_channel *ch)
{
	return wait_event_interruptible(ch->wait, READ_ONCE(ch->eos) ||
					statchan_ring_readable(ch));
}

static ssize_t read_read(struct statchan_channel *ch, struct iov_iter *to,
			 bool wait, struct statchan_err *err)
{
	struct statchan_ring_read got;
	int ret;

	for (;;) {
		ret = wait ? read_wait(ch) : 0;
		if (!ret)
			ret = statchan_ring_reader_copy(ch, to, &got, err);
		if (ret)
			return ret;
		statchan_ring_reader_settle(ch, true);
		if (got.len || got.ended)
			return got.len;
		if (!wait)
			return -EAGAIN;
		/* another reader of this descriptor was quicker */
	}
}

const struct statchan_transport statchan_transport_read = {
	.name = "read",
	.id = STATCHAN_T_READ,
	.caps = STATCHAN_CAP_SNAPSHOT | STATCHAN_CAP_SAMPLES,
	.open = read_open,
	.close = read_close,
	.reserve = statchan_ring_reserve,
	.commit = statchan_ring_commit,
	.announce = statchan_ring_announce,
	.end = statchan_ring_end,
	.consumed = statchan_ring_reader_consumed,
	.readable = statchan_ring_readable,
	.read_iter = read_read,
	.reads_snapshots = true,
};
