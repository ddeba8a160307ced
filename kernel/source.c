// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of sources: what drivers call, and how the rest finds them.
 *
 * A source is counted. The driver's reference ends in
 * statchan_source_unregister(); what remains then is memory without callbacks,
 * so that channels can be closed after their source.
 */
#include <linux/cpu.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "core.h"
#include "fault.h"

/* the list of sources and their ids */
DEFINE_MUTEX(statchan_registry_lock);
static LIST_HEAD(sources);		/* by id; statchan_registry_lock */
static u32 last_id;			/* statchan_registry_lock */

DEFINE_STATIC_KEY_FALSE(statchan_listening);
EXPORT_SYMBOL_GPL(statchan_listening);

int statchan_err(struct statchan_err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (err) {
		va_start(args, fmt);
		vsnprintf(err->text, sizeof(err->text), fmt, args);
		va_end(args);
	}
	return code;
}
EXPORT_SYMBOL_GPL(statchan_err);

/* What a callback returned, made sure that it is 0 or an errno: else it would become a pointer */
int statchan_driver_said(const struct statchan_source *src, const char *callback,
			 int ret)
{
	if (likely(ret <= 0 && ret >= -MAX_ERRNO))
		return ret;
	pr_err_ratelimited("statchan: source '%s': %s() of its driver returned %d, which is neither 0 nor an errno\n",
			   src->name, callback, ret);
	return -EIO;
}

static void source_free(struct kref *ref)
{
	struct statchan_source *src = container_of(ref, struct statchan_source,
						   ref);

	statchan_snap_pool_destroy(src);
	free_percpu(src->cpu);
	kvfree(src->schema);
	kfree(src);
}

void statchan_source_put(struct statchan_source *src)
{
	kref_put(&src->ref, source_free);
}

static bool name_legal(const char *name)
{
	size_t i, len = strnlen(name, STATCHAN_NAME_MAX);

	if (!len || len == STATCHAN_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (!(isascii(name[i]) && isalnum(name[i])) &&
		    !strchr("_.:@-", name[i]))
			return false;
	/* it names a folder, too */
	return strcmp(name, ".") && strcmp(name, "..");
}

static struct statchan_source *source_lookup(struct net *net, u32 id,
					     const char *name)
{
	struct statchan_source *src;

	lockdep_assert_held(&statchan_registry_lock);
	list_for_each_entry(src, &sources, node) {
		if (src->net != net)
			continue;
		if (id ? src->id == id : !strcmp(src->name, name))
			return src;
	}
	return NULL;
}

/* Return: a counted source by @id, or by @name if @id is 0, or ERR_PTR. */
struct statchan_source *statchan_source_find(struct net *net, u32 id,
					     const char *name,
					     struct statchan_err *err)
{
	struct statchan_source *src;

	mutex_lock(&statchan_registry_lock);
	src = source_lookup(net, id, name);
	if (src)
		kref_get(&src->ref);
	mutex_unlock(&statchan_registry_lock);
	if (src)
		return src;
	if (id)
		statchan_err(err, -ENOENT, "no source with id %u in this network namespace: see statctl sources",
			     id);
	else
		statchan_err(err, -ENOENT, "no source '%.31s' in this network namespace: see statctl sources, or add it with statctl source add",
			     name);
	return ERR_PTR(-ENOENT);
}

/* Return: the counted source with the smallest id greater than @id, or NULL. */
struct statchan_source *statchan_source_after(struct net *net, u32 id)
{
	struct statchan_source *src, *found = NULL;

	mutex_lock(&statchan_registry_lock);
	list_for_each_entry(src, &sources, node) {
		if (src->net == net && src->id > id) {
			found = src;
			kref_get(&found->ref);
			break;
		}
	}
	mutex_unlock(&statchan_registry_lock);
	return found;
}

/* The next number that no source has; not 0, which says that a name is given */
static u32 source_new_id(void)
{
	struct statchan_source *src;
	u32 id;

	lockdep_assert_held(&statchan_registry_lock);
	do {
		last_id = last_id + 1 ?: 1;
		id = last_id;
		list_for_each_entry(src, &sources, node)
			if (src->id == id)
				id = 0;
	} while (!id);
	return id;
}

static struct statchan_source *source_alloc(const struct statchan_schema_desc *desc)
{
	struct statchan_source *src;
	int cpu;

	if (statchan_fault(STATCHAN_FAULT_SOURCE))
		return ERR_PTR(-ENOMEM);
	src = kzalloc(sizeof(*src), GFP_KERNEL_ACCOUNT);
	if (!src)
		return ERR_PTR(-ENOMEM);
	src->schema = statchan_schema_build(desc);
	if (IS_ERR(src->schema)) {
		long ret = PTR_ERR(src->schema);

		kfree(src);
		return ERR_PTR(ret);
	}
	src->cpu = alloc_percpu_gfp(struct statchan_source_cpu,
				    GFP_KERNEL_ACCOUNT);
	if (!src->cpu) {
		kvfree(src->schema);
		kfree(src);
		return ERR_PTR(-ENOMEM);
	}
	for_each_possible_cpu(cpu)
		prandom_seed_state(&per_cpu_ptr(src->cpu, cpu)->rnd,
				   get_random_u64());
	kref_init(&src->ref);
	mutex_init(&src->lock);
	mutex_init(&src->set_lock);
	INIT_LIST_HEAD(&src->channels);
	src->rate = 1;
	statchan_snap_pool_init(src);
	return src;
}

/* A snapshot that runs ends, none begins: who waits for his turn is told at once */
static void source_gone(struct statchan_source *src)
{
	WRITE_ONCE(src->gone, true);
	mutex_lock(&src->snap.lock);
	mutex_unlock(&src->snap.lock);
}

/* In the order of ids, which wrap */
static void source_list(struct statchan_source *src)
{
	struct statchan_source *before;

	lockdep_assert_held(&statchan_registry_lock);
	list_for_each_entry_reverse(before, &sources, node)
		if (before->id < src->id)
			break;
	list_add(&src->node, &before->node);
}

struct statchan_source *
statchan_source_register(struct net *net, const char *name,
			 const struct statchan_source_ops *ops,
			 const struct statchan_schema_desc *schema, void *priv)
{
	struct statchan_source *src;
	int ret = 0;

	if (!name_legal(name) || WARN_ON(!ops->snapshot))
		return ERR_PTR(-EINVAL);
	src = source_alloc(schema);
	if (IS_ERR(src))
		return src;
	strscpy(src->name, name, sizeof(src->name));
	src->net = net;
	src->ops = ops;
	src->priv = priv;

	mutex_lock(&statchan_registry_lock);
	if (source_lookup(net, 0, name)) {
		ret = -EEXIST;
	} else {
		/* its file can be read at once */
		src->id = source_new_id();
		ret = statchan_proc_add(src);
	}
	if (!ret)
		source_list(src);
	mutex_unlock(&statchan_registry_lock);
	if (ret) {
		statchan_proc_remove(src);
		/* one of two files may have been there, and opened: @priv ends */
		source_gone(src);
		statchan_source_put(src);
		return ERR_PTR(ret);
	}
	statchan_event(net, STATCHAN_EVENT_SOURCE_ADDED, src->id, 0, src->name,
		       "source added");
	return src;
}
EXPORT_SYMBOL_GPL(statchan_source_register);

static void source_last_left(struct statchan_source *src)
{
	if (src->ops->listen)
		src->ops->listen(src->priv, false, NULL);
	static_branch_dec(&statchan_listening);
}

/* Take all channels off the emit path and end their streams. src->lock held. */
static void source_end_channels(struct statchan_source *src)
{
	struct statchan_channel *ch, *next;
	LIST_HEAD(ended);

	lockdep_assert_held(&src->lock);
	if (list_empty(&src->channels))
		return;
	WRITE_ONCE(src->listeners, 0);
	list_for_each_entry(ch, &src->channels, node)
		ch->attached = false;
	/*
	 * An emit on another CPU may stand on any element: none may be moved
	 * to another list before all emits are over.
	 */
	list_splice_init_rcu(&src->channels, &ended, synchronize_rcu);
	list_for_each_entry_safe(ch, next, &ended, node) {
		list_del_init(&ch->node);
		statchan_channel_end(ch);
	}
	source_last_left(src);
}

void statchan_source_end_streams(struct statchan_source *src)
{
	mutex_lock(&src->lock);
	source_end_channels(src);
	mutex_unlock(&src->lock);
}
EXPORT_SYMBOL_GPL(statchan_source_end_streams);

void statchan_source_unregister(struct statchan_source *src)
{
	/* so that neither what follows nor who holds locks it needs waits for a queue */
	WRITE_ONCE(src->gone, true);
	/* while the name is still taken; waits for readers of the files */
	statchan_proc_remove(src);
	mutex_lock(&statchan_registry_lock);
	list_del(&src->node);
	mutex_unlock(&statchan_registry_lock);

	mutex_lock(&src->lock);
	source_end_channels(src);
	source_gone(src);
	statchan_channels_end_live(src);
	mutex_unlock(&src->lock);
	statchan_event(src->net, STATCHAN_EVENT_SOURCE_GONE, src->id, 0,
		       src->name, "source gone");
	statchan_source_put(src);
}
EXPORT_SYMBOL_GPL(statchan_source_unregister);

const char *statchan_source_name(const struct statchan_source *src)
{
	return src->name;
}
EXPORT_SYMBOL_GPL(statchan_source_name);

u32 statchan_source_id(const struct statchan_source *src)
{
	return src->id;
}
EXPORT_SYMBOL_GPL(statchan_source_id);

void statchan_source_event(struct statchan_source *src, u32 event,
			   const char *text)
{
	statchan_event(src->net, event, src->id, 0, src->name, text);
}
EXPORT_SYMBOL_GPL(statchan_source_event);

/* On return no emit uses the channel. src->lock held. */
static void source_remove(struct statchan_source *src,
			  struct statchan_channel *ch)
{
	ch->attached = false;
	list_del_rcu(&ch->node);
	WRITE_ONCE(src->listeners, src->listeners - 1);
	synchronize_rcu();
}

/* The channel that @ch is to follow, or NULL with a sentence and its errno */
static struct statchan_channel *source_followed(struct statchan_source *src,
						struct statchan_channel *ch,
						int *ret,
						struct statchan_err *err)
{
	struct statchan_channel *at, *old = NULL;

	lockdep_assert_held(&src->lock);
	list_for_each_entry(at, &src->channels, node)
		if (at->id == ch->follows && at->net == ch->net && at != ch)
			old = at;
	if (!old || old->follows) {
		*ret = statchan_err(err, -ENOENT, "channel %u can't be followed: source '%s' has no such channel, or it has ended or not begun",
				    ch->follows, src->name);
		return NULL;
	}
	if (old->transport->subscribers && old->transport->subscribers(old) > 1) {
		*ret = statchan_err(err, -EBUSY, "channel %u can't be followed: other sockets share it",
				    ch->follows);
		return NULL;
	}
	return old;
}

/* Whether records of the CPU are offered to the channel */
static void source_offer(struct statchan_channel *ch, int cpu, bool offer)
{
	struct statchan_channel_cpu *cc = per_cpu_ptr(ch->cpu, cpu);
	unsigned long flags;

	raw_spin_lock_irqsave(&cc->lock, flags);
	if (offer)
		cc->special &= ~STATCHAN_CC_STOPPED;
	else
		cc->special |= STATCHAN_CC_STOPPED;
	raw_spin_unlock_irqrestore(&cc->lock, flags);
}

/* Put a channel that follows another on the emit path; it gets nothing yet */
static int source_attach_follower(struct statchan_source *src,
				  struct statchan_channel *ch,
				  struct statchan_err *err)
{
	int cpu, ret = 0;

	if (!source_followed(src, ch, &ret, err))
		return ret;
	for_each_possible_cpu(cpu)
		source_offer(ch, cpu, false);
	return 0;
}

/* Put a channel on the emit path. The channel holds the module of the source. */
int statchan_source_attach(struct statchan_source *src,
			   struct statchan_channel *ch, struct statchan_err *err)
{
	bool first = list_empty(&src->channels);
	int ret = 0;

	lockdep_assert_held(&src->lock);
	if (READ_ONCE(src->gone))
		return statchan_err(err, -ENODEV, "source '%s' is gone",
				    src->name);
	/* each is served in turn with interrupts off */
	if (src->listeners >= STATCHAN_CHANNELS_MAX)
		return statchan_err(err, -EBUSY, "source '%s' has %u channels of samples already: close one (statctl ledger)",
				    src->name, STATCHAN_CHANNELS_MAX);
	if (ch->follows)
		ret = source_attach_follower(src, ch, err);
	if (ret)
		return ret;
	if (first)
		static_branch_inc(&statchan_listening);
	ch->attached = true;
	list_add_tail_rcu(&ch->node, &src->channels);
	WRITE_ONCE(src->listeners, src->listeners + 1);
	/* last, so that the channel sees the first packet of a generator */
	if (!first || !src->ops->listen)
		return 0;
	statchan_err(err, 0, "source '%s' can't start to sample", src->name);
	ret = statchan_driver_said(src, "listen",
				   src->ops->listen(src->priv, true, err));
	if (ret) {
		source_remove(src, ch);
		static_branch_dec(&statchan_listening);
	} else if (err) {
		err->text[0] = 0;	/* it was for a refusal */
	}
	return ret;
}

/* src->lock held. Return: whether it was on the emit path. */
static bool source_detach(struct statchan_source *src,
			  struct statchan_channel *ch)
{
	if (!ch->attached)
		return false;
	source_remove(src, ch);
	if (list_empty(&src->channels))
		source_last_left(src);
	return true;
}

/* Take a channel off the emit path. On return no emit uses it. */
void statchan_source_detach(struct statchan_source *src,
			    struct statchan_channel *ch)
{
	mutex_lock(&src->lock);
	source_detach(src, ch);
	mutex_unlock(&src->lock);
}

/* src->lock held */
int statchan_source_set_rate(struct statchan_source *src, u32 rate,
			     struct statchan_err *err)
{
	int ret;

	lockdep_assert_held(&src->lock);
	if (READ_ONCE(src->gone))
		return statchan_err(err, -ENODEV, "source '%s' is gone",
				    src->name);
	if (!rate || rate > STATCHAN_RATE_MAX)
		return statchan_err(err, -EINVAL, "rate %u of source '%s': must be 1 to %u",
				    rate, src->name, STATCHAN_RATE_MAX);
	if (rate == src->rate)
		return 0;
	if (!src->ops->rate)
		return statchan_err(err, -EOPNOTSUPP, "source '%s' does not sample packets: its rate is always 1",
				    src->name);
	ret = statchan_driver_said(src, "rate",
				   src->ops->rate(src->priv, rate, err));
	if (!ret)
		WRITE_ONCE(src->rate, rate);
	return ret;
}

/* No record follows on the channel. On return no emit uses it. */
void statchan_source_stop(struct statchan_source *src,
			  struct statchan_channel *ch)
{
	mutex_lock(&src->lock);
	if (source_detach(src, ch))
		statchan_channel_end(ch);
	mutex_unlock(&src->lock);
}

struct handover {
	struct statchan_channel *from;
	struct statchan_channel *to;
};

/*
 * IRQs off on the CPU itself, so no emit is under way there: the record before was
 * offered to the one channel, the next will be to the other.
 */
static void source_hand_over_cpu(const struct handover *h, int cpu)
{
	source_offer(h->from, cpu, false);
	source_offer(h->to, cpu, true);
}

static void source_hand_over_here(void *arg)
{
	source_hand_over_cpu(arg, smp_processor_id());
}

static void source_hand_over(struct statchan_channel *from,
			     struct statchan_channel *to)
{
	struct handover h = { .from = from, .to = to };
	int cpu;

	cpus_read_lock();
	on_each_cpu(source_hand_over_here, &h, 1);
	/* nothing runs on the others, and none comes online now */
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			source_hand_over_cpu(&h, cpu);
	cpus_read_unlock();
}

/**
 * statchan_source_start() - let a channel take the place of the one it follows
 * @src:	of both
 * @ch:		begins on each CPU with the record after the last of the other
 * @err:	gets the sentence
 *
 * Process context, may sleep.
 *
 * Return: 0 or negative errno; then nothing has changed.
 */
int statchan_source_start(struct statchan_source *src,
			  struct statchan_channel *ch, struct statchan_err *err)
{
	struct statchan_channel *old;
	int ret = 0;

	mutex_lock(&src->lock);
	if (!ch->follows) {
		ret = statchan_err(err, -EALREADY, "channel %u has begun: only one that follows another is started",
				   ch->id);
	} else if (!ch->attached) {
		ret = statchan_err(err, -ENODEV, "source '%s' is gone, or its streams have ended",
				   src->name);
	} else {
		old = source_followed(src, ch, &ret, err);
		if (old) {
			ch->follows = 0;
			source_hand_over(old, ch);
			source_remove(src, old);
			statchan_channel_end(old);
		}
	}
	mutex_unlock(&src->lock);
	return ret;
}

/* 64-bit counters of other CPUs are read while they run: each is exact for
 * some moment during the call
 */
void statchan_source_counts(struct statchan_source *src, u64 *observed,
			    u64 *emitted)
{
	int cpu;

	*observed = 0;
	*emitted = 0;
	for_each_possible_cpu(cpu) {
		struct statchan_source_cpu *sc = per_cpu_ptr(src->cpu, cpu);

		*observed += READ_ONCE(sc->observed);
		*emitted += READ_ONCE(sc->seq);
	}
}
