// SPDX-License-Identifier: GPL-2.0
/*
 * The path of a sample from the source to the transports.
 *
 * IRQs are off from the sequence number to the last commit, so whatever
 * interrupts a producer can't come between the two, and one CPU's records enter
 * every channel in the order of their numbers. The lock of the channel's CPU
 * part is hardly ever contended: by the flush timer, which may run on another CPU
 * after a hotplug, and by who reads, stops or asks for the ledger.
 */
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/rculist.h>

#include "fault.h"
#include "record.h"
#include "ring.h"

/* What finds no room is tried again after twice the time, up to so much: a loss, and
 * records, which are seen late then. A longer timeout stays as it is.
 */
#define EMIT_LOSS_RETRY_MAX_NS		(100ULL * NSEC_PER_MSEC)
#define EMIT_FLUSH_RETRY_MAX_NS		(1ULL * NSEC_PER_MSEC)

/* Packets until the next sample: mean N, uniform over 1 .. 2N-1, which fits in s32 */
static void sampler_draw(struct statchan_source_cpu *sc, u32 rate)
{
	sc->rate = rate;
	sc->skip = 1;
	if (rate > 1)
		sc->skip += reciprocal_scale(prandom_u32_state(&sc->rnd),
					     2 * rate - 1);
}

/* The skip is over, or the rate has changed since it was drawn */
static noinline bool sampler_next(struct statchan_source *src, u32 rate)
{
	struct statchan_source_cpu *sc;
	unsigned long flags;
	bool hit = true;

	local_irq_save(flags);
	sc = this_cpu_ptr(src->cpu);
	if (sc->rate != rate) {
		sampler_draw(sc, rate);
		hit = --sc->skip <= 0;
	}
	if (hit)
		sampler_draw(sc, rate);
	local_irq_restore(flags);
	return hit;
}

bool __statchan_sampled(struct statchan_source *src)
{
	u32 rate = READ_ONCE(src->rate);

	if (!READ_ONCE(src->listeners))
		return false;
	/* each step is one instruction that no interrupt can divide */
	this_cpu_inc(src->cpu->observed);
	if (rate == 1)
		return true;
	if (likely(this_cpu_read(src->cpu->rate) == rate &&
		   this_cpu_dec_return(src->cpu->skip) > 0))
		return false;
	return sampler_next(src, rate);
}
EXPORT_SYMBOL_GPL(__statchan_sampled);

static noinline void emit_arm(struct statchan_channel_cpu *cc)
{
	cc->armed = true;
	cc->retry_ns = cc->ch->timeout_ns;
	hrtimer_start(&cc->timer, ns_to_ktime(cc->ch->timeout_ns),
		      HRTIMER_MODE_REL_PINNED_SOFT);
}

/* Of the gaps that wait the one that began first */
static u32 emit_first_gap(const struct statchan_channel_cpu *cc)
{
	u32 reason, first = __ffs(cc->gaps);

	for (reason = first + 1; reason < STATCHAN_N_LOST; reason++)
		if (cc->gaps & BIT(reason) &&
		    cc->gap[reason].first_seq < cc->gap[first].first_seq)
			first = reason;
	return first;
}

/*
 * Half of the transports use the ring; to call it directly spares the fast path
 * two indirect calls, which mitigations make dear.
 */
static __always_inline void *emit_reserve(struct statchan_channel_cpu *cc,
					  const struct statchan_transport *t,
					  u32 room)
{
	if (likely(t->reserve == statchan_ring_reserve))
		return statchan_ring_reserve_inline(cc, room, &cc->reason);
	return t->reserve(cc, room, &cc->reason);
}

static __always_inline bool emit_commit(struct statchan_channel_cpu *cc,
					const struct statchan_transport *t,
					u32 room)
{
	if (likely(t->commit == statchan_ring_commit))
		return statchan_ring_commit_inline(cc, room);
	return t->commit(cc, room, &cc->reason);
}

/* Tell the consumer of the losses. Return: false, and cc->reason, if not all could be. */
static bool emit_gaps(struct statchan_channel_cpu *cc)
{
	const struct statchan_transport *t = cc->ch->transport;

	while (cc->gaps) {
		u32 r = emit_first_gap(cc);
		const struct statchan_gap *gap = &cc->gap[r];
		struct statchan_lost *lost;

		lost = t->reserve(cc, sizeof(*lost), &cc->reason);
		if (!lost)
			return false;
		*lost = (struct statchan_lost){
			.len = sizeof(*lost),
			.type = STATCHAN_RECORD_LOST,
			.cpu = cc->cpu,
			.first_seq = gap->first_seq,
			.last_seq = gap->last_seq,
			.count = gap->count,
			.first_ns = gap->first_ns,
			.last_ns = gap->last_ns,
			.reason = r,
		};
		if (!t->commit(cc, sizeof(*lost), &cc->reason))
			return false;
		cc->bytes += sizeof(*lost);
		cc->gaps &= ~BIT(r);
	}
	return true;
}

/*
 * On PREEMPT_RT a thread of the CPU runs irq_work. When a CPU goes, that is parked before
 * the last one that emits there has left: what was queued then would be run, and waited
 * for, when the CPU is back.
 */
static bool emit_may_wake(void)
{
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || cpu_active(smp_processor_id());
}

/* Out of line: most records announce nothing */
static noinline void emit_announce(struct statchan_channel_cpu *cc)
{
	struct statchan_channel *ch = cc->ch;

	cc->announced = cc->accepted;
	cc->announce_records = cc->accepted + ch->watermark_records;
	cc->announce_bytes = cc->bytes + ch->watermark_bytes;
	if (ch->transport->announce(cc) || cc->unwoken) {
		cc->unwoken = !emit_may_wake();
		if (cc->unwoken) {
			/* the timer comes again, on the CPU that it is moved to */
			cc->unflushed = true;
		} else {
			cc->wakeups++;
			irq_work_queue(&cc->work);
		}
	}
	/* the timer itself goes on until it has flushed */
	if (unlikely(cc->unflushed && !cc->armed && !cc->flushing))
		emit_arm(cc);
}

/* The record at hand is lost, because of cc->reason */
static noinline void emit_lose(struct statchan_channel_cpu *cc, u64 seq,
			       u64 time_ns)
{
	u32 reason = cc->reason;
	struct statchan_gap *gap = &cc->gap[reason];

	cc->lost[reason]++;
	if (!(cc->gaps & BIT(reason))) {
		cc->gaps |= BIT(reason);
		gap->first_seq = seq;
		gap->first_ns = time_ns;
		gap->count = 0;
	}
	gap->last_seq = seq;
	gap->last_ns = time_ns;
	gap->count++;
	/* who sleeps until a watermark that there is no room for makes none */
	if (reason == STATCHAN_LOST_RING_FULL && cc->accepted != cc->announced)
		emit_announce(cc);
	/* the flush tells the loss if no record follows */
	if (!cc->armed)
		emit_arm(cc);
}

/*
 * What is out of the ordinary before a record. Return: whether the record goes on
 * its way; if not, it was counted.
 */
static noinline bool emit_special(struct statchan_channel_cpu *cc, u64 seq)
{
	u32 decimate = cc->ch->decimate;

	if (cc->special & STATCHAN_CC_STOPPED)
		return false;
	if (cc->special & STATCHAN_CC_FIRST) {
		cc->special &= ~STATCHAN_CC_FIRST;
		cc->first_seq = seq;
	}
	if (cc->special & STATCHAN_CC_DECIMATES && seq % decimate) {
		cc->next_seq = seq + 1;
		cc->filtered++;
		return false;
	}
	return true;
}

static __always_inline void emit_to(struct statchan_channel *ch, u32 cpu,
				    const struct statchan_sample *s, u32 rate,
				    u64 seq, u64 time_ns)
{
	struct statchan_channel_cpu *cc = this_cpu_ptr(ch->cpu);
	const struct statchan_transport *t = ch->transport;
	u32 captured, room;
	struct statchan_record *rec = NULL;

	raw_spin_lock(&cc->lock);
	if (unlikely(cc->special) && !emit_special(cc, seq))
		goto unlock;
	cc->next_seq = seq + 1;
	captured = statchan_record_captured(s, ch->snaplen);
	room = statchan_record_room(captured);
	if (statchan_fault(STATCHAN_FAULT_RECORD))
		cc->reason = STATCHAN_LOST_INJECTED;
	else if (likely(!cc->gaps) || emit_gaps(cc))
		rec = emit_reserve(cc, t, room);
	if (likely(rec))
		statchan_record_write(rec, s, captured, rate, cpu, seq, time_ns);
	if (unlikely(!rec || !emit_commit(cc, t, room))) {
		emit_lose(cc, seq, time_ns);
		goto unlock;
	}
	if (unlikely(captured < s->len))
		cc->truncated++;
	cc->accepted++;
	cc->bytes += room;
	/* tell the consumer now, or at the latest in time */
	if (unlikely(cc->accepted >= cc->announce_records ||
		     cc->bytes >= cc->announce_bytes))
		emit_announce(cc);
	else if (unlikely(!cc->armed))
		emit_arm(cc);
unlock:
	raw_spin_unlock(&cc->lock);
}

void __statchan_emit(struct statchan_source *src,
		     const struct statchan_sample *sample)
{
	struct statchan_source_cpu *sc;
	struct statchan_channel *ch;
	unsigned long flags;
	u64 seq, time_ns;
	u32 cpu, rate;

	if (!READ_ONCE(src->listeners) || WARN_ON_ONCE(in_nmi()))
		return;
	local_irq_save(flags);
	cpu = smp_processor_id();
	sc = this_cpu_ptr(src->cpu);
	seq = sc->seq;
	/* pairs with statchan_source_counts() */
	WRITE_ONCE(sc->seq, seq + 1);
	time_ns = sample->time_ns ?: ktime_get_ns();
	rate = READ_ONCE(src->rate);
	/* IRQs off is a read-side section: detach waits with synchronize_rcu() */
	list_for_each_entry_rcu(ch, &src->channels, node, irqs_disabled())
		emit_to(ch, cpu, sample, rate, seq, time_ns);
	local_irq_restore(flags);
}
EXPORT_SYMBOL_GPL(__statchan_emit);

/**
 * statchan_emit_init() - how a channel announces
 * @cc:		of one CPU; nothing was emitted yet
 *
 * Process context. The channel's configuration is in force.
 */
void statchan_emit_init(struct statchan_channel_cpu *cc)
{
	const struct statchan_channel *ch = cc->ch;

	cc->announce_records = ch->watermark_records;
	cc->announce_bytes = ch->watermark_bytes;
	cc->armed = ch->timeout_ns == STATCHAN_TIMEOUT_NEVER;
	cc->special = STATCHAN_CC_FIRST;
	if (ch->decimate > 1)
		cc->special |= STATCHAN_CC_DECIMATES;
}

/**
 * statchan_emit_flush() - announce what waits, losses included
 * @cc:		of one CPU
 *
 * Any context but NMI, any CPU.
 */
void statchan_emit_flush(struct statchan_channel_cpu *cc)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&cc->lock, flags);
	if (!cc->ended) {
		bool told = cc->gaps;

		emit_gaps(cc);
		cc->flushing = true;
		told |= cc->unflushed;
		cc->unflushed = false;
		if (told || cc->accepted != cc->announced)
			emit_announce(cc);
		cc->flushing = false;
	}
	raw_spin_unlock_irqrestore(&cc->lock, flags);
}

/**
 * statchan_emit_end() - announce what waits, tell all losses; nothing follows
 * @cc:		of one CPU, that offers nothing any more
 *
 * Any context but NMI, any CPU.
 */
void statchan_emit_end(struct statchan_channel_cpu *cc)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&cc->lock, flags);
	cc->spare = 0;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
	statchan_emit_flush(cc);
	raw_spin_lock_irqsave(&cc->lock, flags);
	cc->ended = true;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
}

/* The timeout of the wakeup policy. Softirq context. */
enum hrtimer_restart statchan_emit_timer(struct hrtimer *timer)
{
	struct statchan_channel_cpu *cc =
		container_of(timer, struct statchan_channel_cpu, timer);
	u64 max_ns;
	bool again;

	raw_spin_lock_irq(&cc->lock);
	cc->armed = false;
	raw_spin_unlock_irq(&cc->lock);
	statchan_emit_flush(cc);

	/* Nobody says when there is room, and a consumer may never make any */
	raw_spin_lock_irq(&cc->lock);
	/* an emit that came before the callback may have started it again */
	again = (cc->gaps || cc->unflushed) && !cc->ended && !cc->armed &&
		!hrtimer_is_queued(timer);
	if (again) {
		/* else the next record sets the timer to its own timeout */
		cc->armed = cc->unflushed;
		max_ns = cc->unflushed ? EMIT_FLUSH_RETRY_MAX_NS :
					 EMIT_LOSS_RETRY_MAX_NS;
		cc->retry_ns = min(2 * cc->retry_ns,
				   max(cc->ch->timeout_ns, max_ns));
		/* under the lock: nobody starts it meanwhile */
		hrtimer_forward_now(timer, ns_to_ktime(cc->retry_ns));
	}
	raw_spin_unlock_irq(&cc->lock);
	return again ? HRTIMER_RESTART : HRTIMER_NORESTART;
}
