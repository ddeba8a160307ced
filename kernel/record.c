// SPDX-License-Identifier: GPL-2.0
/*
 * Payload from an skb, linear or not. The rest of a record is in record.h.
 */
#include "record.h"

/* Of @len bytes those that the skb has and a CPU can read, from s->offset on. */
u32 statchan_record_skb_captured(const struct statchan_sample *s, u32 len)
{
	u32 readable = statchan_skb_frags_readable(s->skb) ?
		       s->skb->len : skb_headlen(s->skb);
	int there = (int)readable - s->offset;

	if (unlikely(there < 0 || s->offset < -(int)skb_headroom(s->skb)))
		return 0;
	return min_t(u32, len, there);
}

/* Can't fail: statchan_record_skb_captured() stayed inside. */
void statchan_record_skb_payload(void *dst, const struct statchan_sample *s,
				 u32 captured)
{
	if (s->offset + (int)captured <= (int)skb_headlen(s->skb))
		memcpy(dst, s->skb->data + s->offset, captured);
	else if (WARN_ON_ONCE(skb_copy_bits(s->skb, s->offset, dst, captured)))
		memset(dst, 0, captured);
}
