/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copying records out of the rings: what the transports ioctl and read share.
 */
#ifndef _STATCHAN_RING_READ_H
#define _STATCHAN_RING_READ_H

#include "ring.h"

struct iov_iter;

/**
 * struct statchan_ring_read - what one call copied
 * @len:	bytes of whole records; with -EMSGSIZE what the next one needs
 * @records:	samples among them
 * @ended:	nothing follows
 */
struct statchan_ring_read {
	u64 len;
	u64 records;
	bool ended;
};

int statchan_ring_reader_open(struct statchan_channel *ch,
			      struct statchan_err *err);
void statchan_ring_reader_close(struct statchan_channel *ch);
int statchan_ring_reader_copy(struct statchan_channel *ch, struct iov_iter *to,
			      struct statchan_ring_read *got,
			      struct statchan_err *err);
void statchan_ring_reader_settle(struct statchan_channel *ch, bool told);
u64 statchan_ring_reader_consumed(struct statchan_channel_cpu *cc);

#endif /* _STATCHAN_RING_READ_H */
