// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps of the generic netlink family. Netlink calls start once, then dump for
 * each skb it sends, then done; all under the lock of the socket, also when the
 * socket closes half way. done is not called if start failed.
 *
 * In 6.1 start has no extack. So it notes what is wrong and returns 0, and the
 * first dump fails with errno and sentence: they arrive in NLMSG_DONE.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "genl.h"

/* A piece of a snapshot or schema: 16 bits of length, whole values */
#define PIECE_MAX	round_down(U16_MAX - NLA_HDRLEN, STATCHAN_ALIGN)
/* The largest skb a reader may ask for: 64 KiB of memory, not more */
#define DUMP_SKB_MAX	SKB_WITH_OVERHEAD(65536)

/**
 * struct dump_state - in cb->ctx between start and done
 * @src:	counted
 * @snap:	counted; that a dump can't tear is because it holds this
 * @err:	sentence, too large for cb->ctx. Freed by done, which runs after the
 *		message with the sentence was built. NULL in dumps without start
 * @offset:	next byte, or next CPU
 * @code:	errno of start, 0 if all is well
 * @id:		of the channel, or of the last entry shown
 * @limit:	bytes the reader receives at once, 0 if it did not say
 * @counted:	in src->dumps
 */
struct dump_state {
	struct statchan_source *src;
	struct statchan_snap *snap;
	struct statchan_err *err;
	u64 offset;
	int code;
	u32 id;
	u32 limit;
	bool counted;
};

static struct dump_state *dump_state(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct dump_state) > sizeof(cb->ctx));
	return (struct dump_state *)cb->ctx;
}

static struct net *dump_net(struct netlink_callback *cb)
{
	return sock_net(cb->skb->sk);
}

static void *dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &statchan_genl_family, NLM_F_MULTI, cmd);
}

static int dump_err(struct netlink_callback *cb, int code, const char *text)
{
	if (cb->extack)
		cb->extack->_msg = text;
	return code;
}

/* The message does not fit. In an empty skb it never will: no endless loop. */
static int dump_full(struct sk_buff *skb, struct netlink_callback *cb)
{
	if (skb->len)
		return skb->len;
	return dump_err(cb, -EMSGSIZE,
			"not even one entry fits into a message of this size");
}

/* ---- state ---- */

/* Set once, by the last step of loading */
static bool dumps_allowed;

void statchan_genl_allow_dumps(void)
{
	WRITE_ONCE(dumps_allowed, true);
}

/*
 * The socket of a dump holds the module as long as the dump is not over, even where
 * loading the module fails in the end, which frees it whoever holds it.
 */
int statchan_genl_dump_start(struct netlink_callback *cb)
{
	return READ_ONCE(dumps_allowed) ? 0 : -EAGAIN;
}

static int start_state(struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	int ret = statchan_genl_dump_start(cb);

	if (ret)
		return ret;
	st->err = kzalloc(sizeof(*st->err), GFP_KERNEL);
	return st->err ? 0 : -ENOMEM;
}

int statchan_genl_dump_done(struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);

	if (st->snap)
		statchan_snap_put(st->snap);
	if (st->counted)
		atomic_dec(&st->src->dumps);
	if (st->src)
		statchan_source_put(st->src);
	kfree(st->err);
	return 0;
}

/* ---- pieces of snapshots and schemas ---- */

/*
 * A reader that says how much it receives at once gets as much, and not more;
 * netlink alone stops at 32 KiB. One that says nothing gets the most that its
 * calls of recvmsg() have shown so far.
 */
static void piece_limit(struct netlink_callback *cb)
{
	struct nlattr *length = genl_dumpit_info(cb)->attrs[STATCHAN_A_LENGTH];
	struct dump_state *st = dump_state(cb);

	if (!length)
		return;
	st->limit = clamp_t(u64, nla_get_u64(length), 1, DUMP_SKB_MAX);
	cb->min_dump_alloc = st->limit;
}

/* Bytes of DATA that fit behind what is in @skb, and NLMSG_DONE behind them */
static u32 piece_room(const struct sk_buff *skb, const struct dump_state *st)
{
	int room = skb_tailroom(skb);

	if (st->limit)
		room = min_t(int, room, st->limit - skb->len -
			     nlmsg_total_size(sizeof(int)));
	room -= NLA_HDRLEN;
	return room < 0 ? 0 : min_t(u32, round_down(room, STATCHAN_ALIGN),
				    PIECE_MAX);
}

static int piece_source(struct netlink_callback *cb, struct dump_state *st)
{
	struct nlattr *source;
	int ret;

	source = genl_dumpit_info(cb)->attrs[STATCHAN_A_SOURCE];
	if (!source)
		return statchan_err(st->err, -EINVAL,
				    "attribute STATCHAN_A_SOURCE is missing");
	st->src = statchan_source_find(dump_net(cb), nla_get_u32(source), "",
				       st->err);
	ret = PTR_ERR_OR_ZERO(st->src);
	if (ret)
		st->src = NULL;
	return ret;
}

/* No padding attribute where an architecture wants one: pieces look the same. */
static int piece_put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put(skb, type, sizeof(value), &value);
}

static int piece_put_head(struct sk_buff *skb, struct dump_state *st, u64 len,
			  bool digest)
{
	if (st->snap && piece_put_u64(skb, STATCHAN_A_GENERATION,
				      st->snap->image->generation))
		return -EMSGSIZE;
	if (nla_put_u32(skb, STATCHAN_A_SOURCE, st->src->id))
		return -EMSGSIZE;
	if (!st->offset && piece_put_u64(skb, STATCHAN_A_LENGTH, len))
		return -EMSGSIZE;
	if (!st->offset && digest &&
	    piece_put_u64(skb, STATCHAN_A_DIGEST,
			  statchan_snap_digest(st->snap)))
		return -EMSGSIZE;
	/* so that DATA is a multiple of 8 from the start of the message */
	if (!IS_ALIGNED(skb->len + nla_total_size(sizeof(u64)) + NLA_HDRLEN,
			STATCHAN_ALIGN) &&
	    nla_put(skb, STATCHAN_A_PAD, 0, NULL))
		return -EMSGSIZE;
	return piece_put_u64(skb, STATCHAN_A_OFFSET, st->offset);
}

/* One message per skb, as large as the skb */
static int piece_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		      const void *image, u64 len, bool digest)
{
	struct dump_state *st = dump_state(cb);
	u64 left = len - st->offset;
	void *hdr;
	u32 n;

	hdr = dump_put(skb, cb, cmd);
	if (!hdr || piece_put_head(skb, st, len, digest))
		goto too_small;
	n = min_t(u64, left, piece_room(skb, st));
	if (!n || nla_put(skb, STATCHAN_A_DATA, n, image + st->offset))
		goto too_small;
	genlmsg_end(skb, hdr);
	st->offset += n;
	return st->offset < len ? skb->len : 0;

too_small:
	genlmsg_cancel(skb, hdr);
	return dump_full(skb, cb);
}

int statchan_genl_schema_start(struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	int ret;

	ret = start_state(cb);
	if (ret)
		return ret;
	st->code = piece_source(cb, st);
	piece_limit(cb);
	return 0;
}

int statchan_genl_schema_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);

	if (st->code)
		return dump_err(cb, st->code, st->err->text);
	return piece_dump(skb, cb, STATCHAN_CMD_SCHEMA_GET, st->src->schema,
			  st->src->schema->len, false);
}

static int snapshot_count(struct netlink_callback *cb, struct dump_state *st)
{
	if (netlink_ns_capable(cb->skb, dump_net(cb)->user_ns, CAP_NET_ADMIN))
		return 0;
	st->counted = true;
	if (atomic_inc_return(&st->src->dumps) <= STATCHAN_DUMPS_UNPRIVILEGED)
		return 0;
	return statchan_err(st->err, -EBUSY,
			    "source '%s': %u readers without CAP_NET_ADMIN are at it: try again when one has finished",
			    st->src->name, STATCHAN_DUMPS_UNPRIVILEGED);
}

static int snapshot_take(struct netlink_callback *cb, struct dump_state *st)
{
	struct nlattr **attrs = genl_dumpit_info(cb)->attrs;
	struct nlattr *max_age = attrs[STATCHAN_A_MAX_AGE];
	struct nlattr *generation = attrs[STATCHAN_A_GENERATION];
	int ret;

	ret = piece_source(cb, st);
	if (!ret)
		ret = snapshot_count(cb, st);
	if (ret)
		return ret;
	st->snap = statchan_snap_get(st->src,
				     max_age ? nla_get_u64(max_age) : 0,
				     generation ? nla_get_u64(generation) : 0,
				     st->counted ? NULL : dump_net(cb)->user_ns,
				     st->err);
	ret = PTR_ERR_OR_ZERO(st->snap);
	if (ret)
		st->snap = NULL;
	return ret;
}

int statchan_genl_snapshot_start(struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	int ret;

	ret = start_state(cb);
	if (ret)
		return ret;
	st->code = snapshot_take(cb, st);
	piece_limit(cb);
	return 0;
}

int statchan_genl_snapshot_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr *flags = genl_dumpit_info(cb)->attrs[STATCHAN_A_FLAGS];
	struct dump_state *st = dump_state(cb);

	if (st->code)
		return dump_err(cb, st->code, st->err->text);
	return piece_dump(skb, cb, STATCHAN_CMD_SNAPSHOT_GET, st->snap->image,
			  st->snap->len,
			  flags && nla_get_u32(flags) & STATCHAN_GET_DIGEST);
}

/* ---- lists ---- */

int statchan_genl_dump_transports(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	const struct statchan_transport *t;

	for (; (t = statchan_transport_by_index(st->offset)); st->offset++) {
		void *hdr = dump_put(skb, cb, STATCHAN_CMD_TRANSPORT_GET);

		if (!hdr || nla_put_u32(skb, STATCHAN_A_TRANSPORT, t->id) ||
		    nla_put_string(skb, STATCHAN_A_NAME, t->name) ||
		    nla_put_u32(skb, STATCHAN_A_CAPS, t->caps)) {
			genlmsg_cancel(skb, hdr);
			return dump_full(skb, cb);
		}
		genlmsg_end(skb, hdr);
	}
	return 0;
}

/* By id, so that sources which come and go neither repeat nor hide others */
int statchan_genl_dump_sources(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nlattr **attrs = genl_dumpit_info(cb)->attrs;
	struct dump_state *st = dump_state(cb);
	struct statchan_source *src;

	if (attrs[STATCHAN_A_SOURCE] || attrs[STATCHAN_A_NAME])
		return dump_err(cb, -EINVAL,
				"a dump shows all sources: ask for one without NLM_F_DUMP");
	while ((src = statchan_source_after(dump_net(cb), st->id))) {
		void *hdr = dump_put(skb, cb, STATCHAN_CMD_SOURCE_GET);
		u32 id = src->id;
		int ret = -EMSGSIZE;

		if (hdr)
			ret = statchan_genl_put_source(skb, src);
		statchan_source_put(src);
		if (ret) {
			genlmsg_cancel(skb, hdr);
			return ret == -EMSGSIZE ? dump_full(skb, cb) : ret;
		}
		genlmsg_end(skb, hdr);
		st->id = id;
	}
	return 0;
}

int statchan_genl_dump_channels(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	struct statchan_channel_info info = { .id = st->id };

	while (!statchan_channel_info(dump_net(cb), &info)) {
		void *hdr = dump_put(skb, cb, STATCHAN_CMD_CHANNEL_GET);

		if (!hdr || nla_put_u32(skb, STATCHAN_A_CHANNEL, info.id) ||
		    nla_put_u32(skb, STATCHAN_A_SOURCE, info.source) ||
		    nla_put_u32(skb, STATCHAN_A_TRANSPORT, info.transport) ||
		    nla_put(skb, STATCHAN_A_CHANNEL_INFO, sizeof(info), &info)) {
			genlmsg_cancel(skb, hdr);
			return dump_full(skb, cb);
		}
		genlmsg_end(skb, hdr);
		st->id = info.id;
	}
	return 0;
}

/* ---- ledgers ---- */

static int ledger_find(struct netlink_callback *cb, struct dump_state *st)
{
	struct nlattr *channel;
	struct statchan_ledger ledger;
	u32 flags;

	channel = genl_dumpit_info(cb)->attrs[STATCHAN_A_CHANNEL];
	if (!channel)
		return statchan_err(st->err, -EINVAL,
				    "attribute STATCHAN_A_CHANNEL is missing");
	st->id = nla_get_u32(channel);
	if (!statchan_channel_ledger(dump_net(cb), st->id, 0, &ledger, &flags))
		return 0;
	return statchan_err(st->err, -ENOENT,
			    "no channel %u in this network namespace, or not any more: see statctl ledger",
			    st->id);
}

int statchan_genl_ledger_start(struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	int ret;

	ret = start_state(cb);
	if (ret)
		return ret;
	st->code = ledger_find(cb, st);
	return 0;
}

int statchan_genl_ledger_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_state *st = dump_state(cb);
	struct statchan_ledger ledger;
	u32 flags;
	int ret;

	if (st->code)
		return dump_err(cb, st->code, st->err->text);
	for (;; st->offset++) {
		void *hdr;

		ret = statchan_channel_ledger(dump_net(cb), st->id, st->offset,
					      &ledger, &flags);
		if (ret == -ERANGE)
			return 0;
		if (ret)
			return dump_err(cb, ret,
					"the channel was closed while its ledger was read");
		hdr = dump_put(skb, cb, STATCHAN_CMD_LEDGER_GET);
		if (!hdr || nla_put_u32(skb, STATCHAN_A_CHANNEL, st->id) ||
		    nla_put_u32(skb, STATCHAN_A_FLAGS, flags) ||
		    nla_put_u32(skb, STATCHAN_A_CPU, ledger.cpu) ||
		    nla_put(skb, STATCHAN_A_LEDGER, sizeof(ledger), &ledger)) {
			genlmsg_cancel(skb, hdr);
			return dump_full(skb, cb);
		}
		genlmsg_end(skb, hdr);
	}
}
