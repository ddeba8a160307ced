// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger: what became of every record of one channel on one CPU.
 */
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "core.h"

/**
 * statchan_ledger_fill() - one consistent entry
 * @ch:		the channel, open
 * @cpu:	below nr_cpu_ids; an impossible CPU has an entry of zeroes
 * @out:	filled whole
 *
 * Taken under the lock of the producer: produced is from the sequence numbers,
 * the rest was counted case by case, and the two agree at every moment.
 */
void statchan_ledger_fill(struct statchan_channel *ch, u32 cpu,
			  struct statchan_ledger *out)
{
	struct statchan_channel_cpu *cc;
	unsigned long flags;

	*out = (struct statchan_ledger){
		.cpu = cpu,
		.first_seq = STATCHAN_UNAVAILABLE,
		.next_seq = STATCHAN_UNAVAILABLE,
	};
	if (!cpu_possible(cpu))
		return;
	cc = per_cpu_ptr(ch->cpu, cpu);
	out->consumed = STATCHAN_UNAVAILABLE;
	/* first: what is consumed by now is among what is accepted by then */
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES && ch->transport->consumed)
		out->consumed = ch->transport->consumed(cc);
	raw_spin_lock_irqsave(&cc->lock, flags);
	if (cc->first_seq != STATCHAN_SEQ_NONE) {
		out->first_seq = cc->first_seq;
		out->next_seq = cc->next_seq;
		out->produced = cc->next_seq - cc->first_seq;
	}
	out->accepted = cc->accepted;
	out->filtered = cc->filtered;
	out->truncated = cc->truncated;
	out->wakeups = cc->wakeups;
	out->bytes = cc->bytes;
	memcpy(out->lost, cc->lost, sizeof(out->lost));
	raw_spin_unlock_irqrestore(&cc->lock, flags);

	/* what the sockets of subscribers lose, only they can tell */
	if (ch->transport->caps & STATCHAN_CAP_MULTICAST)
		out->lost[STATCHAN_LOST_SOCKET_OVERRUN] = STATCHAN_UNAVAILABLE;
	/* what was read before it was overwritten, only a mapped reader knows */
	if (ch->got.mode == STATCHAN_MODE_OVERWRITE &&
	    ch->transport->caps & STATCHAN_CAP_ZEROCOPY)
		out->lost[STATCHAN_LOST_OVERWRITTEN] = STATCHAN_UNAVAILABLE;
}
