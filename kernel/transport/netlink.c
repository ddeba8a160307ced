// SPDX-License-Identifier: GPL-2.0
/*
 * Samples by generic netlink multicast: one message, any number of sockets.
 *
 * A record is written straight into the skb that will be sent. Each CPU has skbs
 * prepared, heads and all, since emit can't allocate:
 *
 *	ready --reserve--> cur --no room--> full --+
 *	  ^                 |                      |  worker: nl_collect()
 *	  |                 +--------------------->+
 *	nl_refill()                                v
 *	  ^                                     unsent --nl_send()--> sockets
 *	  +----- missing: collected, not replaced yet
 *
 * ready, cur and full belong to cc->lock; unsent, position and missing to the
 * worker, of which there is one per channel, so messages keep their order.
 * Announcing leaves cur in place: what the producer adds before the worker has
 * come goes with the same message.
 *
 * Until somebody has received the first message, nothing is thrown away: a reader
 * learns the group from the answer to the open, so it joins after records began to
 * flow. They wait, and when the skbs are used up the loss counts as RING_FULL.
 *
 * A channel has sockets that opened it, and they hold their network namespace:
 * ch->net is valid for as long as the channel is open.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/netlink.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "../genl.h"
#include "../fault.h"
#include "../record.h"

/* Memory of one message, with skb_shared_info. Powers of two, as kmalloc gives */
#define NL_SKB_MIN	1024
#define NL_SKB_MAX	65536
/* What small messages may grow to when there is much to send */
#define NL_SKB_BUSY	16384
/* per CPU, but for root of the machine */
#define NL_BUFFER_OF_NAMESPACE	(4U << 20)

/* So many messages that need half of their memory, and the next get half of it */
#define NL_SMALL_ROW	16

/* A message that takes longer is followed by a rest, see nl_rest(); the longest that counts */
#define NL_LONG_US	1000
#define NL_LONGEST_US	100000

/* Wait for a first listener, or for memory */
#define NL_RETRY	max(HZ / 100, 1)

#define NL_GFP		(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

/*
 * A SAMPLES message before the records: 72 bytes, so that a record is aligned if
 * the message is. COUNT goes before POSITION and an empty PAD before DATA for
 * just that.
 */
#define NL_HEAD		(NLMSG_HDRLEN + GENL_HDRLEN + 4 * 8 + 12 + 4 + 4)

/* in skb->cb until the message is sent */
struct nl_msg {
	void *hdr;
	struct nlattr *count;
	struct nlattr *position;
	struct nlattr *data;
	u32 records;
};

/**
 * struct nl_cpu - what a CPU fills
 * @cur:	being filled, or NULL
 * @ready:	prepared
 * @full:	to be sent, the oldest first
 * @last:	for the losses that the end tells: the worker may have all others
 * @starved:	a refill failed: to lack an skb is to lack memory
 * @position:	records in the messages finished so far (worker)
 * @missing:	bytes collected but not replaced (worker)
 * @skb_size:	memory of the messages to come, see nl_adapt() (worker)
 * @small:	messages in a row that needed half of it (worker)
 */
struct nl_cpu {
	struct sk_buff *cur;
	struct sk_buff_head ready;
	struct sk_buff_head full;
	struct sk_buff *last;
	bool starved;
	u64 position;
	s64 missing;
	u32 skb_size;
	u32 small;
};

/**
 * struct nl_channel - ch->priv
 * @ch:		the channel
 * @node:	in nl_channels
 * @group:	0 .. STATCHAN_GENL_N_SAMPLES - 1, unique in ch->net
 * @subscribers: sockets that opened it
 * @skb_min:	memory of a message, at least: a record fits
 * @skb_size:	in the beginning: a batch of full-sized records fits
 * @skb_max:	at most
 * @cpu:	see struct nl_cpu
 * @announced:	CPUs that have something for the worker
 * @unsent:	finished messages (worker)
 * @eos:	the last message, allocated at the open so that it always is sent
 * @joined:	somebody received a message (worker)
 * @ended:	no record follows
 * @closing:	nobody is there any more: what waits need not be sent
 * @work:	the worker
 */
struct nl_channel {
	struct statchan_channel *ch;
	struct list_head node;
	u32 group;
	u32 subscribers;
	u32 skb_min;
	u32 skb_size;
	u32 skb_max;
	bool joined;
	bool ended;
	bool closing;
	struct nl_cpu __percpu *cpu;
	cpumask_var_t announced;
	struct sk_buff_head unsent;
	struct sk_buff *eos;
	struct delayed_work work;
};

struct workqueue_struct *statchan_nl_wq;

static DEFINE_MUTEX(nl_channels_lock);	/* leaf */
static LIST_HEAD(nl_channels);

static struct nl_msg *nl_msg(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct nl_msg) > sizeof(skb->cb));
	return (struct nl_msg *)skb->cb;
}

/* ---- messages ---- */

static struct sk_buff *nl_msg_alloc(struct nl_channel *nl, u32 cpu, u32 size)
{
	struct sk_buff *skb;
	struct nl_msg *msg;

	if (statchan_fault(STATCHAN_FAULT_NETLINK_SKB))
		return NULL;
	skb = __alloc_skb(SKB_WITH_OVERHEAD(size), NL_GFP, 0, cpu_to_node(cpu));
	if (!skb)
		return NULL;
	msg = nl_msg(skb);
	msg->hdr = genlmsg_put(skb, 0, 0, &statchan_genl_family, 0,
			       STATCHAN_CMD_SAMPLES);
	/* can't fail: there are NL_SKB_MIN bytes at least */
	nla_put_u32(skb, STATCHAN_A_CHANNEL, nl->ch->id);
	nla_put_u32(skb, STATCHAN_A_SOURCE, nl->ch->src->id);
	nla_put_u32(skb, STATCHAN_A_CPU, cpu);
	msg->count = nla_reserve(skb, STATCHAN_A_COUNT, sizeof(u32));
	msg->position = nla_reserve(skb, STATCHAN_A_POSITION, sizeof(u64));
	nla_reserve(skb, STATCHAN_A_PAD, 0);
	msg->data = nla_reserve(skb, STATCHAN_A_DATA, 0);
	msg->records = 0;
	WARN_ON_ONCE(skb->len != NL_HEAD);
	return skb;
}

/* Bytes of records for which a message of so much memory has room */
static u32 nl_capacity(u32 skb_size)
{
	return SKB_WITH_OVERHEAD(skb_size) - NL_HEAD;
}

static bool nl_msg_empty(const struct sk_buff *skb)
{
	return skb->len == NL_HEAD;
}

static void nl_msg_finish(struct nl_cpu *nc, struct sk_buff *skb)
{
	struct nl_msg *msg = nl_msg(skb);

	memcpy(nla_data(msg->count), &msg->records, sizeof(u32));
	memcpy(nla_data(msg->position), &nc->position, sizeof(u64));
	msg->data->nla_len = nla_attr_size(skb->len - NL_HEAD);
	genlmsg_end(skb, msg->hdr);
	nc->position += msg->records;
	/* netlink's now */
	memset(skb->cb, 0, sizeof(skb->cb));
}

static struct sk_buff *nl_eos_alloc(struct nl_channel *nl)
{
	struct sk_buff *skb = genlmsg_new(3 * nla_total_size(sizeof(u32)),
					  GFP_KERNEL);
	void *hdr;

	if (!skb)
		return NULL;
	hdr = genlmsg_put(skb, 0, 0, &statchan_genl_family, 0,
			  STATCHAN_CMD_SAMPLES);
	nla_put_u32(skb, STATCHAN_A_CHANNEL, nl->ch->id);
	nla_put_u32(skb, STATCHAN_A_SOURCE, nl->ch->src->id);
	nla_put_u32(skb, STATCHAN_A_FLAGS, STATCHAN_CHAN_EOS);
	genlmsg_end(skb, hdr);
	return skb;
}

/* ---- worker ---- */

/*
 * netlink_trim() copies a message that leaves half of its memory unused. So follow
 * what is needed: a message that was full asks for more, at once; a row of small
 * ones for less. Two sizes on the way do no harm.
 */
static void nl_adapt(struct nl_channel *nl, struct nl_cpu *nc, u32 len, bool full)
{
	u32 need = len + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));

	if (full) {
		nc->skb_size = min(nc->skb_size * 2, nl->skb_max);
		nc->small = 0;
	} else if (need > nc->skb_size / 2) {
		nc->small = 0;
	} else if (++nc->small == NL_SMALL_ROW) {
		nc->skb_size = max(nc->skb_size / 2, nl->skb_min);
		nc->small = 0;
	}
}

static void nl_collect(struct nl_channel *nl, u32 cpu)
{
	struct statchan_channel_cpu *cc = per_cpu_ptr(nl->ch->cpu, cpu);
	struct nl_cpu *nc = cc->priv;
	struct sk_buff_head list;
	struct sk_buff *skb;
	unsigned long flags;
	u32 full;

	__skb_queue_head_init(&list);
	raw_spin_lock_irqsave(&cc->lock, flags);
	full = skb_queue_len(&nc->full);
	skb_queue_splice_tail_init(&nc->full, &list);
	if (nc->cur && !nl_msg_empty(nc->cur)) {
		__skb_queue_tail(&list, nc->cur);
		nc->cur = NULL;
	}
	raw_spin_unlock_irqrestore(&cc->lock, flags);

	while ((skb = __skb_dequeue(&list))) {
		cond_resched();
		nc->missing += skb->len - NL_HEAD + skb_tailroom(skb);
		nl_adapt(nl, nc, skb->len, full);
		full -= !!full;
		nl_msg_finish(nc, skb);
		__skb_queue_tail(&nl->unsent, skb);
	}
}

/* Return: false if nobody ever listened; @skb is still ours then */
static bool nl_send_one(struct nl_channel *nl, struct sk_buff *skb)
{
	bool first = !nl->joined;
	int ret;

	if (first)
		skb_get(skb);
	ret = genlmsg_multicast_netns(&statchan_genl_family, nl->ch->net, skb,
				      0, STATCHAN_GROUP_SAMPLES + nl->group,
				      GFP_KERNEL);
	if (!first)
		return true;
	if (ret == -ESRCH)
		return false;
	nl->joined = true;
	consume_skb(skb);
	return true;
}

/*
 * A message takes as long as its receivers are many, and their filters long. Who opens or
 * closes a netlink socket, of whatever family, waits until none is on its way: without a
 * rest between two of them he may never see that. A machine that was stopped meanwhile does
 * not make it longer: nl_close() waits for the rest.
 */
static void nl_rest(u64 took_us)
{
	if (took_us <= NL_LONG_US) {
		cond_resched();
		return;
	}
	took_us = min_t(u64, took_us, NL_LONGEST_US);
	usleep_range(took_us / 8, took_us / 4);
}

static bool nl_send(struct nl_channel *nl)
{
	struct sk_buff *skb;

	while (!READ_ONCE(nl->closing) && (skb = __skb_dequeue(&nl->unsent))) {
		ktime_t began = ktime_get();

		if (!nl_send_one(nl, skb)) {
			__skb_queue_head(&nl->unsent, skb);
			return false;
		}
		nl_rest(ktime_us_delta(ktime_get(), began));
	}
	return true;
}

static bool nl_refill_cpu(struct nl_channel *nl, u32 cpu)
{
	struct statchan_channel_cpu *cc = per_cpu_ptr(nl->ch->cpu, cpu);
	struct nl_cpu *nc = per_cpu_ptr(nl->cpu, cpu);
	struct sk_buff_head list;
	unsigned long flags;

	__skb_queue_head_init(&list);
	/* at the open for who may have been killed meanwhile */
	while (nc->missing > 0 && !fatal_signal_pending(current) &&
	       !READ_ONCE(nl->closing)) {
		struct sk_buff *skb = nl_msg_alloc(nl, cpu, nc->skb_size);

		if (!skb)
			break;
		nc->missing -= skb_tailroom(skb);
		__skb_queue_tail(&list, skb);
	}
	raw_spin_lock_irqsave(&cc->lock, flags);
	/* in front: of the right size by now, and warm */
	skb_queue_splice_init(&list, &nc->ready);
	nc->starved = nc->missing > 0;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
	return nc->missing <= 0;
}

static bool nl_refill(struct nl_channel *nl)
{
	bool all = true;
	u32 cpu;

	for_each_possible_cpu(cpu)
		if (per_cpu_ptr(nl->cpu, cpu)->missing > 0)
			all &= nl_refill_cpu(nl, cpu);
	return all;
}

static void nl_work(struct work_struct *work)
{
	struct nl_channel *nl = container_of(to_delayed_work(work),
					     struct nl_channel, work);
	/* pairs with nl_end(): then all CPUs are announced */
	bool ended = smp_load_acquire(&nl->ended);
	u32 cpu;

	for_each_cpu(cpu, nl->announced)
		if (cpumask_test_and_clear_cpu(cpu, nl->announced))
			nl_collect(nl, cpu);
	if (ended && nl->eos) {
		__skb_queue_tail(&nl->unsent, nl->eos);
		nl->eos = NULL;
	}
	/* a retry of our own never hides a notification: that one is at once */
	if (!nl_send(nl) || (!ended && !nl_refill(nl)))
		queue_delayed_work(statchan_nl_wq, &nl->work, NL_RETRY);
}

/* ---- producer: under cc->lock, IRQs off ---- */

static void *nl_reserve(struct statchan_channel_cpu *cc, u32 room, u32 *reason)
{
	struct nl_cpu *nc = cc->priv;
	struct sk_buff *next;

	if (likely(nc->cur && room <= skb_tailroom(nc->cur)))
		return skb_tail_pointer(nc->cur);
	next = __skb_dequeue(&nc->ready);
	if (unlikely(!next && !cc->spare))
		swap(next, nc->last);	/* the end tells its losses */
	if (unlikely(!next)) {
		*reason = nc->starved ? STATCHAN_LOST_NO_MEMORY :
					STATCHAN_LOST_RING_FULL;
		return NULL;
	}
	if (nc->cur)
		__skb_queue_tail(&nc->full, nc->cur);
	nc->cur = next;
	return skb_tail_pointer(next);
}

static bool nl_commit(struct statchan_channel_cpu *cc, u32 room, u32 *reason)
{
	struct nl_cpu *nc = cc->priv;
	const struct statchan_record *rec;

	/* reserve saw to the room */
	rec = __skb_put(nc->cur, room);

	if (likely(rec->type == STATCHAN_RECORD_SAMPLE))
		nl_msg(nc->cur)->records++;
	return true;
}

static bool nl_announce(struct statchan_channel_cpu *cc)
{
	struct nl_channel *nl = cc->ch->priv;
	struct nl_cpu *nc = cc->priv;

	if (skb_queue_empty(&nc->full) && (!nc->cur || nl_msg_empty(nc->cur)))
		return false;
	cpumask_set_cpu(cc->cpu, nl->announced);
	return true;
}

/* irq_work: sending sleeps, so this is only a step on the way */
static void nl_notify(struct statchan_channel_cpu *cc)
{
	struct nl_channel *nl = cc->ch->priv;

	mod_delayed_work(statchan_nl_wq, &nl->work, 0);
}

/* ---- open and close ---- */

/* Memory of a message that has room for @bytes of records */
static u32 nl_skb_size(u64 bytes)
{
	bytes += NL_HEAD + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	return roundup_pow_of_two(clamp_t(u64, bytes, NL_SKB_MIN, NL_SKB_MAX));
}

/*
 * Begin with messages for a batch of full-sized records; from there nl_adapt()
 * finds its way, down to one record and up to what a slow worker makes of it.
 */
static void nl_choose_sizes(struct nl_channel *nl)
{
	struct statchan_channel_config *got = &nl->ch->got;
	u32 room = statchan_record_room(got->snaplen);
	u64 records = got->watermark_records ?: U32_MAX;	/* 0: not used */
	u64 bytes = got->watermark_bytes ?: U32_MAX;
	u64 skbs, limit;
	u32 capacity;

	BUILD_BUG_ON(SKB_WITH_OVERHEAD(NL_SKB_MAX) < NL_HEAD +
		     sizeof(struct statchan_record) + STATCHAN_SNAPLEN_MAX);
	nl->skb_min = nl_skb_size(max_t(u32, room, sizeof(struct statchan_lost)));
	nl->skb_size = max(nl_skb_size(min(records * room, bytes)), nl->skb_min);
	capacity = nl_capacity(nl->skb_size);
	skbs = max_t(u64, DIV_ROUND_UP_ULL(got->buffer_size, capacity), 2);
	got->buffer_size = skbs * capacity;
	nl->skb_max = max_t(u32, nl->skb_size, NL_SKB_BUSY);
	while (nl->skb_max > nl->skb_size &&
	       4 * nl_capacity(nl->skb_max) > got->buffer_size)
		nl->skb_max /= 2;

	/* announced at half at the latest, while there is room to go on */
	limit = max_t(u64, skbs * (capacity / room) / 2, 1);
	got->watermark_records = min(records, limit);
	if (got->watermark_bytes)
		got->watermark_bytes = min(bytes, got->buffer_size / 2);
}

static void nl_purge(struct sk_buff_head *list)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(list))) {
		kfree_skb(skb);
		cond_resched();
	}
}

static void nl_free(struct nl_channel *nl)
{
	u32 cpu;

	if (nl->cpu) {
		for_each_possible_cpu(cpu) {
			struct nl_cpu *nc = per_cpu_ptr(nl->cpu, cpu);

			nl_purge(&nc->ready);
			nl_purge(&nc->full);
			kfree_skb(nc->cur);
			kfree_skb(nc->last);
		}
		free_percpu(nl->cpu);
	}
	nl_purge(&nl->unsent);
	kfree_skb(nl->eos);
	free_cpumask_var(nl->announced);
	kfree(nl);
}

static int nl_alloc_cpus(struct nl_channel *nl)
{
	u32 cpu;

	nl->cpu = alloc_percpu(struct nl_cpu);
	if (!nl->cpu)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct nl_cpu *nc = per_cpu_ptr(nl->cpu, cpu);

		__skb_queue_head_init(&nc->ready);
		__skb_queue_head_init(&nc->full);
		nc->skb_size = nl->skb_size;
		nc->missing = nl->ch->got.buffer_size;
		per_cpu_ptr(nl->ch->cpu, cpu)->priv = nc;
	}
	for_each_possible_cpu(cpu) {
		struct nl_cpu *nc = per_cpu_ptr(nl->cpu, cpu);

		nc->last = nl_msg_alloc(nl, cpu, nl_skb_size(STATCHAN_GAP_SPARE));
		if (!nc->last)
			return -ENOMEM;
	}
	return nl_refill(nl) ? 0 : -ENOMEM;
}

static struct nl_channel *nl_alloc(struct statchan_channel *ch)
{
	struct nl_channel *nl;

	if (statchan_fault(STATCHAN_FAULT_NETLINK))
		return NULL;
	nl = kzalloc(sizeof(*nl), GFP_KERNEL);
	if (!nl)
		return NULL;
	nl->ch = ch;
	INIT_LIST_HEAD(&nl->node);
	__skb_queue_head_init(&nl->unsent);
	INIT_DELAYED_WORK(&nl->work, nl_work);
	nl_choose_sizes(nl);
	if (!zalloc_cpumask_var(&nl->announced, GFP_KERNEL))
		goto fail;
	nl->eos = nl_eos_alloc(nl);
	if (nl->eos && !nl_alloc_cpus(nl))
		return nl;
fail:
	nl_free(nl);
	return NULL;
}

/* Take the lowest group that is free in the namespace */
static int nl_take_group(struct nl_channel *nl, struct statchan_err *err)
{
	DECLARE_BITMAP(used, STATCHAN_GENL_N_SAMPLES);
	struct nl_channel *other;
	int ret = 0;

	bitmap_zero(used, STATCHAN_GENL_N_SAMPLES);
	mutex_lock(&nl_channels_lock);
	list_for_each_entry(other, &nl_channels, node)
		if (other->ch->net == nl->ch->net)
			__set_bit(other->group, used);
	nl->group = find_first_zero_bit(used, STATCHAN_GENL_N_SAMPLES);
	if (nl->group < STATCHAN_GENL_N_SAMPLES)
		list_add_tail(&nl->node, &nl_channels);
	else
		ret = statchan_err(err, -ENOSPC,
				   "all %u sample groups of this network namespace are taken: close a channel, or open with the source and settings of one to share it (statctl ledger)",
				   STATCHAN_GENL_N_SAMPLES);
	mutex_unlock(&nl_channels_lock);
	return ret;
}

/* To prepare messages holds up others, and nobody is charged for them */
static int nl_admit(const struct statchan_channel *ch, struct statchan_err *err)
{
	if (ch->got.buffer_size <= NL_BUFFER_OF_NAMESPACE ||
	    capable(CAP_NET_ADMIN))
		return 0;
	return statchan_err(err, -EPERM, "netlink: a buffer of more than %u bytes per CPU is for root of the machine: ask for a smaller one",
			    NL_BUFFER_OF_NAMESPACE);
}

static int nl_open(struct statchan_channel *ch,
		   struct statchan_channel_req *req, struct statchan_err *err)
{
	struct nl_channel *nl;
	int ret;

	ret = nl_admit(ch, err);
	if (ret)
		return ret;
	nl = nl_alloc(ch);
	if (!nl)
		return statchan_err(err, -ENOMEM,
				    "no memory for %llu bytes of messages on each of %u CPUs: ask for a smaller buffer",
				    ch->got.buffer_size, num_possible_cpus());
	ret = nl_take_group(nl, err);
	if (ret) {
		nl_free(nl);
		return ret;
	}
	ch->priv = nl;
	return 0;
}

static void nl_close(struct statchan_channel *ch)
{
	struct nl_channel *nl = ch->priv;

	WRITE_ONCE(nl->closing, true);
	cancel_delayed_work_sync(&nl->work);
	mutex_lock(&nl_channels_lock);
	list_del(&nl->node);
	mutex_unlock(&nl_channels_lock);
	nl_free(nl);
}

/*
 * Send all there is, then the end of stream. That is not waited for: who ends a channel
 * holds locks, and how long it takes is up to who receives.
 */
static void nl_end(struct statchan_channel *ch)
{
	struct nl_channel *nl = ch->priv;

	cpumask_copy(nl->announced, cpu_possible_mask);
	/* pairs with nl_work() */
	smp_store_release(&nl->ended, true);
	mod_delayed_work(statchan_nl_wq, &nl->work, 0);
}

static u32 nl_subscribers(struct statchan_channel *ch)
{
	struct nl_channel *nl = ch->priv;

	return READ_ONCE(nl->subscribers);
}

void statchan_nl_set_subscribers(struct statchan_channel *ch, u32 n)
{
	struct nl_channel *nl = ch->priv;

	WRITE_ONCE(nl->subscribers, n);
}

u32 statchan_nl_group(const struct statchan_channel *ch)
{
	struct nl_channel *nl = ch->priv;

	return nl->group;
}

const struct statchan_transport statchan_transport_netlink = {
	.name = "netlink",
	.id = STATCHAN_T_NETLINK,
	.caps = STATCHAN_CAP_SNAPSHOT | STATCHAN_CAP_SAMPLES |
		STATCHAN_CAP_EVENTS | STATCHAN_CAP_MULTICAST,
	.open = nl_open,
	.close = nl_close,
	.reserve = nl_reserve,
	.commit = nl_commit,
	.announce = nl_announce,
	.notify = nl_notify,
	.end = nl_end,
	.subscribers = nl_subscribers,
};
