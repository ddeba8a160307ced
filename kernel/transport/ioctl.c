// SPDX-License-Identifier: GPL-2.0
/*
 * Transport ioctl: records are copied out of the per-CPU rings by
 * STATCHAN_IOC_READ. Snapshots by STATCHAN_IOC_SNAPSHOT: see chardev_ioctl.c.
 */
#include <linux/kernel.h>
#include <linux/uio.h>

#include "../ring_read.h"

static int ioctl_open(struct statchan_channel *ch,
		      struct statchan_channel_req *req, struct statchan_err *err)
{
	if (ch->kind != STATCHAN_CHANNEL_SAMPLES)
		return 0;
	return statchan_ring_reader_open(ch, err);
}

static void ioctl_close(struct statchan_channel *ch)
{
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		statchan_ring_reader_close(ch);
}

static int ioctl_read(struct statchan_channel *ch, struct statchan_read *req,
		      struct statchan_err *err)
{
	struct statchan_ring_read got;
	struct iov_iter to;
	int ret;

	/* the copy itself checks that this is the user's memory */
	iov_iter_ubuf(&to, READ, u64_to_user_ptr(req->buf), req->len);
	ret = statchan_ring_reader_copy(ch, &to, &got, err);
	req->len = got.len;
	req->records = got.records;
	req->flags = got.ended ? STATCHAN_CHAN_EOS : 0;
	return ret;
}

const struct statchan_transport statchan_transport_ioctl = {
	.name = "ioctl",
	.id = STATCHAN_T_IOCTL,
	.caps = STATCHAN_CAP_SNAPSHOT | STATCHAN_CAP_SAMPLES,
	.open = ioctl_open,
	.close = ioctl_close,
	.reserve = statchan_ring_reserve,
	.commit = statchan_ring_commit,
	.announce = statchan_ring_announce,
	.end = statchan_ring_end,
	.consumed = statchan_ring_reader_consumed,
	.readable = statchan_ring_readable,
	.read = ioctl_read,
	.settle = statchan_ring_reader_settle,
};
