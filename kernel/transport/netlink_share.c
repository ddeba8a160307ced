// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets that share a sample channel.
 *
 * Who asks for the same source with the same settings gets the same channel: one
 * record written, one message sent, however many listen. The channel is closed
 * when the last socket has closed it or was released.
 *
 * A socket is known by its struct sock, which we hold, and not by its portid: a
 * port is free for the next socket before the release of the old one is notified.
 * The held struct tells which one is meant, because it is dead then.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "../fault.h"
#include "../genl.h"

/* A socket's share of a channel. At most one for each pair of them. */
struct nl_sub {
	struct list_head node;
	struct sock *sk;		/* held; so its namespace is, too */
	struct statchan_channel *ch;	/* open while any nl_sub names it */
	bool follows;			/* another channel: not to be shared */
};

/* Outside of all locks of the core: channels open and close under it */
static DEFINE_MUTEX(nl_subs_lock);
/* both to change it, either to walk it */
static LIST_HEAD(nl_subs);
static DEFINE_SPINLOCK(nl_list_lock);

static u32 nl_count(const struct statchan_channel *ch)
{
	struct nl_sub *sub;
	u32 n = 0;

	list_for_each_entry(sub, &nl_subs, node)
		n += sub->ch == ch;
	return n;
}

static struct nl_sub *nl_sub_of(const struct sock *sk, u32 id)
{
	struct nl_sub *sub;

	list_for_each_entry(sub, &nl_subs, node)
		if (sub->sk == sk && sub->ch->id == id)
			return sub;
	return NULL;
}

/* The channel to share. One that has ended is not: its last message is gone. */
static struct statchan_channel *
nl_find(const struct net *net, const struct statchan_channel_req *req)
{
	struct nl_sub *sub;

	/* begins where another ends: not where those are that share it */
	if (req->follows)
		return NULL;
	list_for_each_entry(sub, &nl_subs, node) {
		struct statchan_channel *ch = sub->ch;

		/* who follows has not joined yet, and must not miss the beginning */
		if (!sub->follows && ch->net == net &&
		    ch->src->id == req->source &&
		    !READ_ONCE(ch->eos) &&
		    !memcmp(&ch->want, &req->want, sizeof(ch->want)))
			return ch;
	}
	return NULL;
}

static void nl_drop(struct nl_sub *sub)
{
	struct statchan_channel *ch = sub->ch;
	u32 left = nl_count(ch) - 1;

	if (left)
		statchan_nl_set_subscribers(ch, left);
	else
		statchan_channel_close(ch);
	/* now: another release that finds it waits for the close */
	spin_lock(&nl_list_lock);
	list_del(&sub->node);
	spin_unlock(&nl_list_lock);
	/* last: it holds the namespace, to which the worker may be sending */
	sock_put(sub->sk);
	kfree(sub);
}

/* Takes a share of the channel for @sub. Return: 0 or errno with a sentence. */
static int nl_join(struct nl_sub *sub, struct net *net, u32 pid,
		   struct statchan_channel_req *req, struct statchan_err *err)
{
	struct statchan_channel *ch = nl_find(net, req);
	bool shared = ch;

	if (ch && nl_sub_of(sub->sk, ch->id))
		return statchan_err(err, -EALREADY,
				    "this socket has channel %u with these settings open: use another socket for another reader",
				    ch->id);
	if (!ch) {
		ch = statchan_channel_open(net, req, pid, err);
		if (IS_ERR(ch))
			return PTR_ERR(ch);
	}
	sub->ch = ch;
	sub->follows = req->follows;
	spin_lock(&nl_list_lock);
	list_add_tail(&sub->node, &nl_subs);
	spin_unlock(&nl_list_lock);
	statchan_nl_set_subscribers(ch, nl_count(ch));
	req->id = ch->id;
	req->got = ch->got;
	req->step = ch->decimate;
	req->flags = shared ? STATCHAN_CHAN_SHARED : 0;
	snprintf(req->path, sizeof(req->path), STATCHAN_GENL_SAMPLES "%u",
		 statchan_nl_group(ch));
	return 0;
}

/**
 * statchan_nl_open() - open a sample channel for a socket, or share one
 * @sk:		that asks, and will join the group
 * @net:	of @sk
 * @pid:	to show to people
 * @req:	in: source, want; out: id, got, and the group's name in path
 * @err:	where the sentence goes
 *
 * Process context, may sleep.
 *
 * Return: 0, then @sk has the channel until statchan_nl_close() or its release; or
 * errno with a sentence.
 */
int statchan_nl_open(struct sock *sk, struct net *net, u32 pid,
		     struct statchan_channel_req *req, struct statchan_err *err)
{
	struct nl_sub *sub = NULL;
	int ret;

	if (!statchan_fault(STATCHAN_FAULT_NETLINK_SOCKET))
		sub = kzalloc(sizeof(*sub), GFP_KERNEL);
	if (!sub)
		return statchan_err(err, -ENOMEM, "no memory for a subscriber");
	sock_hold(sk);
	sub->sk = sk;
	mutex_lock(&nl_subs_lock);
	ret = nl_join(sub, net, pid, req, err);
	mutex_unlock(&nl_subs_lock);
	if (ret) {
		sock_put(sk);
		kfree(sub);
	}
	return ret;
}

int statchan_nl_close(struct sock *sk, u32 id, struct statchan_err *err)
{
	struct nl_sub *sub;
	int ret = 0;

	mutex_lock(&nl_subs_lock);
	sub = nl_sub_of(sk, id);
	if (sub)
		nl_drop(sub);
	else
		ret = statchan_err(err, -ENOENT, "this socket has no channel %u open",
				   id);
	mutex_unlock(&nl_subs_lock);
	return ret;
}

static struct statchan_channel *nl_channel_of(const struct net *net, u32 id)
{
	struct nl_sub *sub;

	list_for_each_entry(sub, &nl_subs, node)
		if (sub->ch->id == id && sub->ch->net == net)
			return sub->ch;
	return NULL;
}

/**
 * statchan_nl_run() - start or stop a channel
 * @net:	of the channel
 * @id:		of it
 * @start:	or stop
 * @err:	where the sentence goes
 *
 * For any socket: the one that has the channel is busy receiving.
 */
int statchan_nl_run(const struct net *net, u32 id, bool start,
		    struct statchan_err *err)
{
	struct statchan_channel *ch;
	int ret = 0;

	mutex_lock(&nl_subs_lock);
	ch = nl_channel_of(net, id);
	if (!ch)
		ret = statchan_err(err, -ENOENT, "no netlink channel %u in this network namespace",
				   id);
	else if (start)
		ret = statchan_channel_start(ch, err);
	else if (nl_count(ch) > 1)
		ret = statchan_err(err, -EBUSY, "channel %u can't be stopped: %u sockets share it",
				   id, nl_count(ch));
	else
		statchan_channel_stop(ch);
	mutex_unlock(&nl_subs_lock);
	return ret;
}

/* Without the mutex, under which others open and close channels */
static bool nl_any_dead(void)
{
	struct nl_sub *sub;
	bool dead = false;

	spin_lock(&nl_list_lock);
	list_for_each_entry(sub, &nl_subs, node)
		dead |= sock_flag(sub->sk, SOCK_DEAD);
	spin_unlock(&nl_list_lock);
	return dead;
}

/*
 * A netlink socket was released: by close(), or because its process was killed.
 * The chain is a blocking one. The socket is marked dead already and not freed
 * before we return.
 */
static int nl_released(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct netlink_notify *notify = ptr;
	struct nl_sub *sub, *next;

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	/* what this socket added it added before its release */
	if (!nl_any_dead())
		return NOTIFY_DONE;
	mutex_lock(&nl_subs_lock);
	list_for_each_entry_safe(sub, next, &nl_subs, node)
		if (sock_flag(sub->sk, SOCK_DEAD))
			nl_drop(sub);
	mutex_unlock(&nl_subs_lock);
	return NOTIFY_DONE;
}

static struct notifier_block nl_notifier = {
	.notifier_call = nl_released,
};

int statchan_nl_init(void)
{
	int ret;

	statchan_nl_wq = alloc_workqueue("statchan_netlink", WQ_UNBOUND, 0);
	if (!statchan_nl_wq)
		return -ENOMEM;
	ret = netlink_register_notifier(&nl_notifier);
	if (ret)
		destroy_workqueue(statchan_nl_wq);
	return ret;
}

/* No channel is open: each holds the module of its source, which needs us. */
void statchan_nl_exit(void)
{
	netlink_unregister_notifier(&nl_notifier);
	destroy_workqueue(statchan_nl_wq);
}
