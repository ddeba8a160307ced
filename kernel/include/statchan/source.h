/* SPDX-License-Identifier: GPL-2.0 */
/*
 * statchan in-kernel API: how a driver exports its statistics and samples.
 *
 *	static const struct statchan_source_ops ops = {
 *		.owner    = THIS_MODULE,
 *		.snapshot = my_read_counters,
 *	};
 *	src = statchan_source_register(&init_net, "sw0", &ops, &schema, priv);
 *	...
 *	statchan_emit(src, &sample);		any context but NMI
 *	...
 *	statchan_source_unregister(src);	no emit may follow
 *
 * With that the driver has every transport.
 */
#ifndef _STATCHAN_SOURCE_H
#define _STATCHAN_SOURCE_H

#include <linux/jump_label.h>
#include <linux/types.h>

struct module;
struct net;
struct statchan_err;
struct sk_buff;
struct statchan_source;

/* ---- schema ---- */

/**
 * struct statchan_field_desc - one counter of a group
 * @name:	at most STATCHAN_NAME_MAX - 1 bytes; copied
 * @type:	enum statchan_field_type
 * @unit:	enum statchan_unit
 */
struct statchan_field_desc {
	const char *name;
	u16 type;
	u16 unit;
};

/**
 * struct statchan_group_desc - fields that all instances of a thing have
 * @name:	e.g. "port", not empty; copied
 * @instances:	how many of them, at least 1
 * @n_fields:	at least 1
 * @fields:	array of @n_fields; copied
 */
struct statchan_group_desc {
	const char *name;
	u32 instances;
	u32 n_fields;
	const struct statchan_field_desc *fields;
};

/**
 * struct statchan_schema_desc - all counters of a source
 * @n_groups:	1 to 1024
 * @groups:	array of @n_groups; copied
 *
 * A snapshot's values are in the order of the groups, in a group by instance,
 * in an instance by field. STATCHAN_COUNTERS_MAX values at most.
 */
struct statchan_schema_desc {
	u32 n_groups;
	const struct statchan_group_desc *groups;
};

/* ---- errors for people ---- */

/**
 * struct statchan_err - the sentence that goes with an errno
 * @text:	what, of which object, and the way out; "" if there is none
 */
struct statchan_err {
	char text[200];
};

/**
 * statchan_err() - set the sentence and hand back the errno
 * @err:	where to; NULL: nowhere
 * @code:	negative errno
 * @fmt:	as printk
 *
 * Return: @code.
 */
__printf(3, 4)
int statchan_err(struct statchan_err *err, int code, const char *fmt, ...);

/* ---- sources ---- */

/**
 * struct statchan_source_ops - what a source does for the core
 * @owner:	module; an open channel holds a reference to it
 * @snapshot:	mandatory. Write all values. Process context, may sleep; never
 *		called twice at a time for one source, nor after unregister.
 *		May or in STATCHAN_SNAP_ATOMIC or STATCHAN_SNAP_TORN. 0 or errno;
 *		-ESTALE says that the schema does not fit any more.
 * @listen:	optional. Called with true when the first sample channel opens,
 *		which then sees all that is emitted, and with false when none
 *		listens any more: the last was closed or stopped, or the source
 *		ended its streams or is unregistered. Process context, may sleep,
 *		serialised. An errno, with a sentence, refuses the channel;
 *		false can't fail.
 * @rate:	optional. The sampling rate is now 1 in @rate; or errno, with
 *		a sentence. Process context, may sleep, serialised. Without it
 *		only rate 1 is accepted. Who has no sampler in hardware returns
 *		0 and asks statchan_sampled() for each packet.
 *
 * Callbacks run under locks of the source, for which unregister, end_streams and
 * kind_gone wait: who calls those holds no lock that a callback takes. They may call
 * statchan_source_event(), and may come before statchan_source_register() has
 * returned, even if that fails: it waits for them then, so it is called without such
 * locks, too. Any callback may run with the lock of generic netlink held: it loads no module
 * and registers no family. What is neither 0 nor an errno is taken for -EIO.
 *
 * Readers hold @owner from the moment that the source is registered, and a module whose
 * init fails is freed all the same: so after the first source nothing there may fail.
 */
struct statchan_source_ops {
	struct module *owner;
	int (*snapshot)(void *priv, u64 *values, u32 *flags);
	int (*listen)(void *priv, bool on, struct statchan_err *err);
	int (*rate)(void *priv, u32 rate, struct statchan_err *err);
};

/**
 * statchan_source_register() - make a source known
 * @net:	namespace in which it is visible; &init_net for hardware. Another one
 *		must outlive the source: unregister in a pernet exit of your own
 * @name:	at most STATCHAN_NAME_MAX - 1 of [A-Za-z0-9_.:@-], not "." or "..";
 *		unique in @net
 * @ops:	kept, not copied
 * @schema:	copied
 * @priv:	handed to the callbacks
 *
 * Process context, may sleep.
 *
 * Return: the source, owned by the caller until statchan_source_unregister(),
 * or ERR_PTR: -EEXIST name taken, -EINVAL bad name or schema, -ENOMEM.
 */
struct statchan_source *
statchan_source_register(struct net *net, const char *name,
			 const struct statchan_source_ops *ops,
			 const struct statchan_schema_desc *schema, void *priv);

/**
 * statchan_source_unregister() - end of the source
 * @src:	as returned by statchan_source_register(); invalid afterwards
 *
 * Channels see the records accepted so far and then the end of stream. When it
 * returns no callback runs or will run. Process context, may sleep; the caller
 * guarantees that no emit of this source runs or follows. Must not be called
 * from a callback of the source.
 */
void statchan_source_unregister(struct statchan_source *src);

/**
 * statchan_source_end_streams() - end of stream for the channels open now
 * @src:	stays registered; snapshots go on, new channels may open
 *
 * For an interface that goes down. Process context, may sleep; must not be
 * called from a callback of the source.
 */
void statchan_source_end_streams(struct statchan_source *src);

/**
 * statchan_source_name() - the name, as long as the source is registered
 */
const char *statchan_source_name(const struct statchan_source *src);

/**
 * statchan_source_id() - the id that user space sees
 */
u32 statchan_source_id(const struct statchan_source *src);

/**
 * statchan_source_event() - tell the subscribers of events
 * @src:	about which
 * @event:	enum statchan_event
 * @text:	for people
 *
 * Process context, may sleep.
 */
void statchan_source_event(struct statchan_source *src, u32 event,
			   const char *text);

/* ---- samples ---- */

/**
 * struct statchan_sample - a packet, or anything else, about to be recorded
 * @skb:	the packet, linear or not; NULL: @data
 * @data:	flat bytes, if @skb is NULL; NULL: @fill
 * @fill:	if both are NULL: makes the payload in place, in the transport's
 *		memory. @dst is aligned to STATCHAN_ALIGN, @len is what the
 *		channel captures, (@cpu, @seq) is the record. Must write all
 *		@len bytes. Called once per channel that takes the record, with
 *		interrupts off, so: short, no lock, no sleep
 * @offset:	@skb: where the capture starts, from skb->data; may be negative
 *		back to the link-layer header in the headroom
 * @len:	bytes there are to capture
 * @orig_len:	bytes of the packet; 0: @len
 * @time_ns:	CLOCK_MONOTONIC; 0: now
 * @ifindex, @flags, @protocol, @vlan_tci, @vlan_proto, @queue: as in struct
 *		statchan_record; only INGRESS, EGRESS and VLAN in @flags
 *
 * Read during statchan_emit() only; nothing is kept, nothing is changed.
 */
struct statchan_sample {
	const struct sk_buff *skb;
	const void *data;
	void (*fill)(void *dst, u32 len, u32 cpu, u64 seq);
	int offset;
	u32 len;
	u32 orig_len;
	u32 ifindex;
	u64 time_ns;
	u16 flags;
	u16 protocol;
	u16 vlan_tci;
	u16 vlan_proto;
	u32 queue;
};

DECLARE_STATIC_KEY_FALSE(statchan_listening);

void __statchan_emit(struct statchan_source *src,
		     const struct statchan_sample *sample);
bool __statchan_sampled(struct statchan_source *src);

/**
 * statchan_listened() - does any channel of any source listen?
 *
 * Return: a static branch; false costs a no-op.
 */
static inline bool statchan_listened(void)
{
	return static_branch_unlikely(&statchan_listening);
}

/**
 * statchan_sampled() - is this packet one of the 1 in N?
 * @src:	that sees the packet
 *
 * Counts the packet as observed and draws the next skip at random, uniform over
 * 1 .. 2N-1, as sFlow version 5, section 3.1, allows. Any context but NMI.
 */
static inline bool statchan_sampled(struct statchan_source *src)
{
	return statchan_listened() && __statchan_sampled(src);
}

/**
 * statchan_emit() - hand a sample to all channels that listen
 * @src:	that it comes from
 * @sample:	what to record
 *
 * Takes the next sequence number of this CPU and writes the record once per
 * channel; what can't be written is counted in the channel's ledger. Never
 * sleeps, never waits for a consumer. Samples nothing itself: see
 * statchan_sampled(). Any context but NMI.
 */
static inline void statchan_emit(struct statchan_source *src,
				 const struct statchan_sample *sample)
{
	if (statchan_listened())
		__statchan_emit(src, sample);
}

/* ---- kinds: sources that "statctl source add KIND NAME" makes ---- */

/**
 * struct statchan_param - one key of a kind
 * @key:	as the user writes it
 * @help:	one line, with the unit
 * @min, @max:	legal values (type u64; the value is a decimal number)
 * @def:	if the user says nothing
 * @runtime:	may be set while the source exists
 * @waits:	to set it takes seconds. Not for root of a user namespace over netlink,
 *		where one message after the other would hold up everybody
 *
 * A string parameter has @choices: NULL-terminated; its value is the index.
 */
struct statchan_param {
	const char *key;
	const char *help;
	u64 min;
	u64 max;
	u64 def;
	const char *const *choices;
	bool runtime;
	bool waits;
};

/**
 * struct statchan_kind - a factory of sources
 * @name:	as the user writes it
 * @owner:	module
 * @user_namespaces: whether root of a user namespace may make sources, too, in its
 *		own networks: a parameter of that name, of the module. What serves them
 *		(messages, workers) is charged to nobody. NULL: never
 * @n_params, @params: the keys it takes; at most 24. "rate" is the core's
 * @create:	make and register a source. @values has @n_params entries, checked
 *		against min and max. Return the source or ERR_PTR with a sentence.
 *		Process context, may sleep; one at a time.
 * @destroy:	unregister and free. Process context, may sleep; no @set runs or
 *		follows on this source.
 * @set:	a runtime parameter got a new value. Optional if none is runtime.
 *		Process context, may sleep, one at a time for a source. It should not
 *		last for more than seconds: who asked over netlink holds a lock.
 * @cancel:	optional. @destroy is about to be called: a @set that goes on shall end.
 * @lost:	optional, for kinds that call statchan_kind_gone(): will it be, for this
 *		source? Then its name is free. Process context; waits for none of the
 *		other callbacks.
 */
struct statchan_kind {
	const char *name;
	struct module *owner;
	const bool *user_namespaces;
	u32 n_params;
	const struct statchan_param *params;
	struct statchan_source *(*create)(struct net *net, const char *name,
					  const u64 *values,
					  struct statchan_err *err);
	void (*destroy)(struct statchan_source *src, void *priv);
	int (*set)(void *priv, u32 param, u64 value, struct statchan_err *err);
	void (*cancel)(void *priv);
	bool (*lost)(void *priv);
};

/**
 * statchan_kind_register() - make a kind known
 *
 * Return: 0, -EEXIST, -EINVAL or -ENOMEM.
 */
int statchan_kind_register(const struct statchan_kind *kind);

/**
 * statchan_kind_unregister() - forget a kind and destroy all its sources
 *
 * For module exit: no channel can be open on them then, since each holds a
 * reference to @owner.
 */
void statchan_kind_unregister(const struct statchan_kind *kind);

/**
 * statchan_kind_gone() - a source that its kind made has lost what it is about
 * @id:		statchan_source_id() of it; no other source has it
 *
 * For a kind whose sources can vanish by themselves (an interface is deleted):
 * calls the kind's @destroy as "source del" would. Process context, may sleep.
 * No-op if the source is already being destroyed.
 */
void statchan_kind_gone(u32 id);

#endif /* _STATCHAN_SOURCE_H */
