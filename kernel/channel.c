// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: one consumer's use of one transport on one source.
 *
 * open:  check, allocate, transport->open, then on the source's emit path
 * end:   the source is gone; what was accepted can still be read
 * close: off the emit path, timers and irq_works silenced, transport->close
 * The struct itself is counted, since a ledger may be read during a close.
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "core.h"
#include "fault.h"

/* the list, and that its members are open */
DEFINE_MUTEX(statchan_channels_lock);
static LIST_HEAD(channels);		/* by id; statchan_channels_lock */
static u32 last_id;			/* statchan_channels_lock */

/* ---- configuration ---- */

static int config_limits(struct statchan_channel *ch, struct statchan_err *err)
{
	const struct statchan_channel_config *want = &ch->want;
	struct statchan_channel_config *got = &ch->got;

	*got = *want;
	got->snaplen = want->snaplen ?: STATCHAN_SNAPLEN_DEFAULT;
	got->timeout_ns = want->timeout_ns ?: STATCHAN_TIMEOUT_DEFAULT;
	got->buffer_size = want->buffer_size ?: STATCHAN_BUFFER_DEFAULT;
	/* either watermark alone is a choice; neither is the default */
	if (!want->watermark_records && !want->watermark_bytes)
		got->watermark_records = STATCHAN_WATERMARK_DEFAULT;
	/* what only some have: not in force unless the transport says so */
	got->subbufs = 0;
	got->period_ns = 0;
	if (ch->kind == STATCHAN_CHANNEL_LIVE)
		got->period_ns = want->period_ns ?: STATCHAN_PERIOD_DEFAULT;

	if (got->snaplen > STATCHAN_SNAPLEN_MAX)
		return statchan_err(err, -EINVAL, "snaplen %u: at most %u bytes",
				    got->snaplen, STATCHAN_SNAPLEN_MAX);
	if (got->buffer_size > STATCHAN_BUFFER_MAX)
		return statchan_err(err, -EINVAL, "buffer size %llu: at most %u bytes per CPU",
				    got->buffer_size, STATCHAN_BUFFER_MAX);
	if (got->timeout_ns < STATCHAN_TIMEOUT_MIN)
		return statchan_err(err, -EINVAL, "timeout %llu ns: at least %llu ns",
				    got->timeout_ns, STATCHAN_TIMEOUT_MIN);
	if (got->timeout_ns > S64_MAX && got->timeout_ns != STATCHAN_TIMEOUT_NEVER)
		return statchan_err(err, -EINVAL, "timeout %llu ns: too long, say STATCHAN_TIMEOUT_NEVER",
				    got->timeout_ns);
	if (ch->kind == STATCHAN_CHANNEL_LIVE &&
	    (got->period_ns < STATCHAN_PERIOD_MIN ||
	     got->period_ns > 86400 * NSEC_PER_SEC))
		return statchan_err(err, -EINVAL, "period %llu ns: must be %lu ns to 1 day",
				    got->period_ns, (unsigned long)STATCHAN_PERIOD_MIN);
	if (got->mode > STATCHAN_MODE_OVERWRITE)
		return statchan_err(err, -EINVAL, "mode %u: 0 (discard) or 1 (overwrite)",
				    got->mode);
	if (got->mode == STATCHAN_MODE_OVERWRITE &&
	    !(ch->transport->caps & STATCHAN_CAP_OVERWRITE))
		return statchan_err(err, -EOPNOTSUPP, "transport %s has no overwrite mode",
				    ch->transport->name);
	return 0;
}

static void config_take(struct statchan_channel *ch)
{
	ch->snaplen = ch->got.snaplen;
	/* 0: this watermark is not used */
	ch->watermark_records = ch->got.watermark_records ?: U32_MAX;
	ch->watermark_bytes = ch->got.watermark_bytes ?: U32_MAX;
	ch->timeout_ns = ch->got.timeout_ns;
}

/* The first channel sets the rate of its source, the next must fit. */
static int config_rate(struct statchan_channel *ch, struct statchan_err *err)
{
	struct statchan_source *src = ch->src;
	u32 rate = ch->want.rate;
	int ret;

	lockdep_assert_held(&src->lock);
	ch->decimate = 1;
	if (rate && list_empty(&src->channels)) {
		ret = statchan_source_set_rate(src, rate, err);
		if (ret)
			return ret;
	} else if (rate) {
		if (rate % src->rate)
			return statchan_err(err, -EBUSY, "rate 1:%u: source '%s' samples 1:%u for another channel; ask for a multiple, or change it with statctl set",
					    rate, src->name, src->rate);
		ch->decimate = rate / src->rate;
	}
	ch->got.rate = src->rate * ch->decimate;
	return 0;
}

/* ---- life ---- */

static void channel_notify(struct irq_work *work)
{
	struct statchan_channel_cpu *cc =
		container_of(work, struct statchan_channel_cpu, work);

	if (cc->ch->transport->notify)
		cc->ch->transport->notify(cc);
	else
		wake_up_interruptible_poll(&cc->ch->wait, EPOLLIN | EPOLLRDNORM);
}

static void channel_init_cpu(struct statchan_channel *ch, int cpu)
{
	struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

	raw_spin_lock_init(&cc->lock);
	cc->cpu = cpu;
	cc->ch = ch;
	cc->first_seq = STATCHAN_SEQ_NONE;
	cc->spare = STATCHAN_GAP_SPARE;
	statchan_hrtimer_setup(&cc->timer, statchan_emit_timer,
			       HRTIMER_MODE_REL_PINNED_SOFT);
	init_irq_work(&cc->work, channel_notify);
}

static void channel_free(struct kref *ref)
{
	struct statchan_channel *ch = container_of(ref, struct statchan_channel,
						   ref);

	free_percpu(ch->cpu);
	statchan_source_put(ch->src);
	kfree(ch);
}

void statchan_channel_put(struct statchan_channel *ch)
{
	kref_put(&ch->ref, channel_free);
}

/* Takes over the caller's reference to @src, also on error */
static struct statchan_channel *channel_alloc(struct statchan_source *src)
{
	struct statchan_channel *ch = NULL;
	int cpu;

	if (!statchan_fault(STATCHAN_FAULT_CHANNEL))
		ch = kzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);
	if (!ch) {
		statchan_source_put(src);
		return NULL;
	}
	ch->src = src;
	kref_init(&ch->ref);
	INIT_LIST_HEAD(&ch->node);
	INIT_LIST_HEAD(&ch->all);
	init_waitqueue_head(&ch->wait);
	ch->cpu = alloc_percpu_gfp(struct statchan_channel_cpu,
				   GFP_KERNEL_ACCOUNT);
	if (!ch->cpu) {
		statchan_channel_put(ch);
		return NULL;
	}
	for_each_possible_cpu(cpu)
		channel_init_cpu(ch, cpu);
	return ch;
}

static int channel_check(struct net *net, const struct statchan_channel_req *req,
			 const struct statchan_transport **transport,
			 struct statchan_err *err)
{
	static const u32 cap[] = {
		[STATCHAN_CHANNEL_SAMPLES] = STATCHAN_CAP_SAMPLES,
		[STATCHAN_CHANNEL_SNAPSHOT] = STATCHAN_CAP_SNAPSHOT,
		[STATCHAN_CHANNEL_LIVE] = STATCHAN_CAP_LIVE,
	};
	static const char *const what[] = {
		[STATCHAN_CHANNEL_SAMPLES] = "samples",
		[STATCHAN_CHANNEL_SNAPSHOT] = "snapshots",
		[STATCHAN_CHANNEL_LIVE] = "live snapshots",
	};
	const struct statchan_transport *t;
	char names[80];
	u32 kind;

	*transport = t = statchan_transport_by_id(req->transport);
	if (!t)
		return statchan_err(err, -EINVAL, "no transport number %u: see statctl transports",
				    req->transport);
	if (!req->kind || req->kind >= ARRAY_SIZE(cap))
		return statchan_err(err, -EINVAL, "no channel kind number %u",
				    req->kind);
	kind = array_index_nospec(req->kind, ARRAY_SIZE(cap));
	if (!(t->caps & cap[kind])) {
		statchan_transports_with(cap[kind], names, sizeof(names));
		return statchan_err(err, -EOPNOTSUPP, "transport %s has no %s: use %s",
				    t->name, what[kind], names);
	}
	if (req->follows && req->kind != STATCHAN_CHANNEL_SAMPLES)
		return statchan_err(err, -EINVAL, "channel %u can't be followed: only a channel of samples follows another",
				    req->follows);
	if (req->kind == STATCHAN_CHANNEL_SAMPLES && !statchan_may_admin(net))
		return statchan_err(err, -EPERM, "packet contents are private: samples need CAP_NET_ADMIN in their network namespace");
	return 0;
}

/*
 * Off the emit path already: its timers and wakeups end, too, and none follows. On
 * PREEMPT_RT to wait for an irq_work takes a grace period, for each CPU: so only for
 * those that have waked somebody.
 */
static void channel_silence(struct statchan_channel *ch)
{
	unsigned long flags;
	bool waked;
	int cpu;

	if (ch->kind != STATCHAN_CHANNEL_SAMPLES)
		return;
	for_each_possible_cpu(cpu) {
		struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);

		raw_spin_lock_irqsave(&cc->lock, flags);
		cc->ended = true;
		/* of those there will be: the timer looks at ended */
		waked = cc->wakeups;
		raw_spin_unlock_irqrestore(&cc->lock, flags);
		hrtimer_cancel(&cc->timer);
		if (waked)
			irq_work_sync(&cc->work);
	}
}

/* The next number that no open channel has; not 0, which is the caller's own */
static u32 channel_new_id(void)
{
	struct statchan_channel *ch;
	u32 id;

	mutex_lock(&statchan_channels_lock);
	do {
		last_id = last_id + 1 ?: 1;
		id = last_id;
		list_for_each_entry(ch, &channels, all)
			if (ch->id == id)
				id = 0;
	} while (!id);
	mutex_unlock(&statchan_channels_lock);
	return id;
}

/* In the order of ids, though a later one may be open earlier */
static void channel_publish(struct statchan_channel *ch)
{
	struct statchan_channel *before;

	mutex_lock(&statchan_channels_lock);
	list_for_each_entry_reverse(before, &channels, all)
		if (before->id < ch->id)
			break;
	list_add(&ch->all, &before->all);
	mutex_unlock(&statchan_channels_lock);
}

static void channel_retract(struct statchan_channel *ch)
{
	mutex_lock(&statchan_channels_lock);
	list_del_init(&ch->all);
	mutex_unlock(&statchan_channels_lock);
}

/* The source's module stays from here on: one that is not gone has it */
static int channel_hold_owner(struct statchan_channel *ch,
			      struct statchan_err *err)
{
	struct statchan_source *src = ch->src;
	int ret = 0;

	mutex_lock(&src->lock);
	if (READ_ONCE(src->gone) || !try_module_get(src->ops->owner))
		ret = statchan_err(err, -ENODEV, "source '%s' is gone", src->name);
	else
		ch->owner = src->ops->owner;
	mutex_unlock(&src->lock);
	return ret;
}

/*
 * The rate stays as agreed under src->lock; what is refused changes none. The memory is
 * there before: others wait for that lock.
 * @rate_changed: to be announced, also if the channel is refused
 */
static int channel_start_samples(struct statchan_channel *ch,
				 struct statchan_channel_req *req,
				 bool *rate_changed, struct statchan_err *err)
{
	struct statchan_source *src = ch->src;
	int cpu, ret;
	u32 rate;

	ret = ch->transport->open(ch, req, err);
	if (ret)
		return ret;
	config_take(ch);
	mutex_lock(&src->lock);
	rate = src->rate;
	ret = config_rate(ch, err);
	for_each_possible_cpu(cpu)
		statchan_emit_init(per_cpu_ptr(ch->cpu, cpu));
	if (!ret)
		ret = statchan_source_attach(src, ch, err);
	if (ret)
		statchan_source_set_rate(src, rate, NULL);
	else
		channel_publish(ch);
	*rate_changed = src->rate != rate;
	mutex_unlock(&src->lock);
	if (ret) {
		/* records may have come before the source said no */
		channel_silence(ch);
		ch->transport->close(ch);
	}
	return ret;
}

/* The first image waits for the driver, and for who asked it before: without src->lock */
static int channel_start_snapshots(struct statchan_channel *ch,
				   struct statchan_channel_req *req,
				   struct statchan_err *err)
{
	struct statchan_source *src = ch->src;
	int ret;

	ret = ch->transport->open(ch, req, err);
	if (ret)
		return ret;
	config_take(ch);
	mutex_lock(&src->lock);
	/* who ends the source tells those that are there by then */
	if (READ_ONCE(src->gone))
		ret = statchan_err(err, -ENODEV, "source '%s' is gone", src->name);
	else
		channel_publish(ch);
	mutex_unlock(&src->lock);
	if (ret)
		ch->transport->close(ch);
	return ret;
}

static int channel_start(struct statchan_channel *ch,
			 struct statchan_channel_req *req, bool *rate_changed,
			 struct statchan_err *err)
{
	int ret;

	ret = channel_hold_owner(ch, err);
	if (ret)
		return ret;
	ret = config_limits(ch, err);
	if (!ret) {
		ch->id = channel_new_id();
		ret = ch->kind == STATCHAN_CHANNEL_SAMPLES ?
		      channel_start_samples(ch, req, rate_changed, err) :
		      channel_start_snapshots(ch, req, err);
	}
	if (ret)
		module_put(ch->owner);
	return ret;
}

/**
 * statchan_channel_open() - open a channel on a source
 * @net:	of the consumer
 * @req:	in: source, transport, kind, want, follows; out: the rest
 * @pid:	to show to people
 * @err:	gets the sentence
 *
 * Process context, may sleep.
 *
 * Return: the channel, for statchan_channel_close(), or ERR_PTR.
 */
struct statchan_channel *
statchan_channel_open(struct net *net, struct statchan_channel_req *req,
		      u32 pid, struct statchan_err *err)
{
	const struct statchan_transport *transport;
	struct statchan_source *src;
	struct statchan_channel *ch;
	bool rate_changed = false;
	char text[24];
	int ret;

	ret = channel_check(net, req, &transport, err);
	if (ret)
		return ERR_PTR(ret);
	src = statchan_source_find(net, req->source, "", err);
	if (IS_ERR(src))
		return ERR_CAST(src);
	ch = channel_alloc(src);
	if (!ch) {
		statchan_err(err, -ENOMEM, "no memory for a channel");
		return ERR_PTR(-ENOMEM);
	}
	ch->kind = req->kind;
	ch->transport = transport;
	ch->net = net;
	ch->pid = pid;
	ch->want = req->want;
	ch->follows = req->follows;
	ret = channel_start(ch, req, &rate_changed, err);
	if (rate_changed) {
		snprintf(text, sizeof(text), "rate=%u", READ_ONCE(src->rate));
		statchan_event(net, STATCHAN_EVENT_SOURCE_CHANGED, src->id, 0,
			       src->name, text);
	}
	if (ret) {
		statchan_channel_put(ch);
		return ERR_PTR(ret);
	}
	req->got = ch->got;
	req->step = ch->decimate ?: 1;
	req->flags = 0;
	req->id = ch->id;
	req->page_size = PAGE_SIZE;
	req->nr_cpus = nr_cpu_ids;
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		statchan_event(net, STATCHAN_EVENT_CHANNEL_OPENED, src->id,
			       ch->id, src->name, transport->name);
	return ch;
}

/**
 * statchan_channel_end() - no record follows
 * @ch:		the channel
 *
 * Off the emit path already. What waits is announced, then the consumer is told.
 * Process context, may sleep.
 */
void statchan_channel_end(struct statchan_channel *ch)
{
	int cpu;

	for_each_possible_cpu(cpu)
		statchan_emit_end(per_cpu_ptr(ch->cpu, cpu));
	/* after the last record: who sees the end finds all there is */
	smp_store_release(&ch->eos, true);
	if (ch->transport->end)
		ch->transport->end(ch);
	wake_up_interruptible_poll(&ch->wait, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
}

/* @src is gone, and its lock held, so none is opened: tell its live channels. Process
 * context, may sleep.
 */
void statchan_channels_end_live(const struct statchan_source *src)
{
	struct statchan_channel *ch;

	lockdep_assert_held(&src->lock);
	mutex_lock(&statchan_channels_lock);
	list_for_each_entry(ch, &channels, all)
		if (ch->src == src && ch->kind == STATCHAN_CHANNEL_LIVE)
			ch->transport->end(ch);
	mutex_unlock(&statchan_channels_lock);
}

/* Take a channel off its source; what it accepted can be read to the end. Process
 * context, may sleep. One that has ended stays as it is.
 */
void statchan_channel_stop(struct statchan_channel *ch)
{
	statchan_source_stop(ch->src, ch);
}

/* Let a channel that follows another take its place: 0 or errno with a sentence.
 * Process context, may sleep.
 */
int statchan_channel_start(struct statchan_channel *ch,
			   struct statchan_err *err)
{
	return statchan_source_start(ch->src, ch, err);
}

/* Process context, may sleep. @ch is invalid afterwards. */
void statchan_channel_close(struct statchan_channel *ch)
{
	struct statchan_source *src = ch->src;

	if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		statchan_source_detach(src, ch);
	channel_silence(ch);
	channel_retract(ch);
	ch->transport->close(ch);
	if (ch->kind == STATCHAN_CHANNEL_SAMPLES)
		statchan_event(ch->net, STATCHAN_EVENT_CHANNEL_CLOSED, src->id,
			       ch->id, src->name, ch->transport->name);
	module_put(ch->owner);
	statchan_channel_put(ch);
}

/* ---- looking at channels ---- */

/* The channel after info->id: 0 or -ENOENT */
int statchan_channel_info(struct net *net, struct statchan_channel_info *info)
{
	struct statchan_channel *ch;
	int ret = -ENOENT;

	mutex_lock(&statchan_channels_lock);
	list_for_each_entry(ch, &channels, all) {
		if (ch->net != net || ch->id <= info->id)
			continue;
		*info = (struct statchan_channel_info){
			.size = sizeof(*info),
			.id = ch->id,
			.source = ch->src->id,
			.transport = ch->transport->id,
			.kind = ch->kind,
			.flags = READ_ONCE(ch->eos) ? STATCHAN_CHAN_EOS : 0,
			.pid = ch->pid,
			.want = ch->want,
			.got = ch->got,
		};
		if (ch->transport->subscribers)
			info->subscribers = ch->transport->subscribers(ch);
		ret = 0;
		break;
	}
	mutex_unlock(&statchan_channels_lock);
	return ret;
}

/* The ledger of a possible or other CPU below nr_cpu_ids. Return: STATCHAN_CHAN_* */
u32 statchan_ledger_of(struct statchan_channel *ch, u32 cpu,
		       struct statchan_ledger *out)
{
	statchan_ledger_fill(ch, cpu, out);
	return READ_ONCE(ch->eos) ? STATCHAN_CHAN_EOS : 0;
}

/* The same of channel @id: 0, -ENOENT, or -ERANGE past the CPUs */
int statchan_channel_ledger(struct net *net, u32 id, u32 cpu,
			    struct statchan_ledger *out, u32 *flags)
{
	struct statchan_channel *ch;
	int ret = -ENOENT;

	if (cpu >= nr_cpu_ids)
		return -ERANGE;
	mutex_lock(&statchan_channels_lock);
	list_for_each_entry(ch, &channels, all) {
		if (ch->net != net || ch->id != id)
			continue;
		*flags = statchan_ledger_of(ch, cpu, out);
		ret = 0;
		break;
	}
	mutex_unlock(&statchan_channels_lock);
	return ret;
}
