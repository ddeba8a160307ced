// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets that share a sample channel.
 *
 * Who asks for the same source with the same settings gets the same channel: one
 * record written, one message sent, however many listen. The channel is closed
 * when the last socket has closed it or was released.
 *
 * A socket is known by its struct sock, which we hold: a port is free for the next
 * socket before the release of the old one is notified. The held struct tells which
 * one is meant, because it is dead then. The port is where it is looked for.
 */
#include <linux/err.h>
#include <linux/hashtable.h>
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

/**
 * struct nl_shared - a channel and how many sockets have it; all nl_subs_lock
 * @node:	in nl_shared
 * @ch:		open while it is there
 * @subscribers: at least 1
 * @follows:	another channel: not to be shared
 */
struct nl_shared {
	struct list_head node;
	struct statchan_channel *ch;
	u32 subscribers;
	bool follows;
};

/* A socket's share of a channel. At most one for each pair of them. */
struct nl_sub {
	struct hlist_node node;
	struct sock *sk;		/* held; so its namespace is, too */
	u32 port;			/* of @sk */
	struct nl_shared *shared;
};

/* Outside of all locks of the core: channels open and close under it */
static DEFINE_MUTEX(nl_subs_lock);
static LIST_HEAD(nl_shared);		/* nl_subs_lock */
/* by port; both to change it, either to walk it */
static DEFINE_HASHTABLE(nl_subs, 8);
static DEFINE_SPINLOCK(nl_list_lock);

static void nl_set_subscribers(struct nl_shared *shared, u32 n)
{
	shared->subscribers = n;
	statchan_nl_set_subscribers(shared->ch, n);
}

static struct nl_sub *nl_sub_of(const struct sock *sk, u32 port, u32 id)
{
	struct nl_sub *sub;

	hash_for_each_possible(nl_subs, sub, node, port)
		if (sub->sk == sk && sub->shared->ch->id == id)
			return sub;
	return NULL;
}

/* The channel to share. One that has ended is not: its last message is gone. */
static struct nl_shared *nl_find(const struct net *net,
				 const struct statchan_channel_req *req)
{
	struct nl_shared *shared;

	/* begins where another ends: not where those are that share it */
	if (req->follows)
		return NULL;
	list_for_each_entry(shared, &nl_shared, node) {
		struct statchan_channel *ch = shared->ch;

		/* who follows has not joined yet, and must not miss the beginning */
		if (!shared->follows && ch->net == net &&
		    ch->src->id == req->source &&
		    !READ_ONCE(ch->eos) &&
		    !memcmp(&ch->want, &req->want, sizeof(ch->want)))
			return shared;
	}
	return NULL;
}

static void nl_drop(struct nl_sub *sub)
{
	struct nl_shared *shared = sub->shared;

	if (shared->subscribers > 1) {
		nl_set_subscribers(shared, shared->subscribers - 1);
	} else {
		statchan_channel_close(shared->ch);
		list_del(&shared->node);
		kfree(shared);
	}
	/* now: another release that finds it waits for the close */
	spin_lock(&nl_list_lock);
	hash_del(&sub->node);
	spin_unlock(&nl_list_lock);
	/* last: it holds the namespace, to which the worker may be sending */
	sock_put(sub->sk);
	kfree(sub);
}

/* A channel that nobody has yet */
static struct nl_shared *nl_open_shared(struct net *net, u32 pid,
					struct statchan_channel_req *req,
					struct statchan_err *err)
{
	struct nl_shared *shared = kzalloc(sizeof(*shared), GFP_KERNEL_ACCOUNT);
	struct statchan_channel *ch;

	if (!shared) {
		statchan_err(err, -ENOMEM, "no memory for a channel");
		return ERR_PTR(-ENOMEM);
	}
	ch = statchan_channel_open(net, req, pid, err);
	if (IS_ERR(ch)) {
		kfree(shared);
		return ERR_CAST(ch);
	}
	shared->ch = ch;
	shared->follows = req->follows;
	list_add_tail(&shared->node, &nl_shared);
	return shared;
}

/* Takes a share of the channel for @sub. Return: 0 or errno with a sentence. */
static int nl_join(struct nl_sub *sub, struct net *net, u32 pid,
		   struct statchan_channel_req *req, struct statchan_err *err)
{
	struct nl_shared *shared = nl_find(net, req);
	bool others = shared;

	if (shared && nl_sub_of(sub->sk, sub->port, shared->ch->id))
		return statchan_err(err, -EALREADY,
				    "this socket has channel %u with these settings open: use another socket for another reader",
				    shared->ch->id);
	if (shared && shared->subscribers >= STATCHAN_SUBSCRIBERS_MAX)
		return statchan_err(err, -EBUSY, "channel %u is shared by %u sockets already: ask for other settings",
				    shared->ch->id, shared->subscribers);
	if (!shared) {
		shared = nl_open_shared(net, pid, req, err);
		if (IS_ERR(shared))
			return PTR_ERR(shared);
	}
	sub->shared = shared;
	spin_lock(&nl_list_lock);
	hash_add(nl_subs, &sub->node, sub->port);
	spin_unlock(&nl_list_lock);
	nl_set_subscribers(shared, shared->subscribers + 1);
	req->id = shared->ch->id;
	req->got = shared->ch->got;
	req->step = shared->ch->decimate;
	req->flags = others ? STATCHAN_CHAN_SHARED : 0;
	snprintf(req->path, sizeof(req->path), STATCHAN_GENL_SAMPLES "%u",
		 statchan_nl_group(shared->ch));
	return 0;
}

/**
 * statchan_nl_open() - open a sample channel for a socket, or share one
 * @sk:		that asks, and will join the group
 * @port:	of @sk
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
int statchan_nl_open(struct sock *sk, u32 port, struct net *net, u32 pid,
		     struct statchan_channel_req *req, struct statchan_err *err)
{
	struct nl_sub *sub = NULL;
	int ret;

	if (!statchan_fault(STATCHAN_FAULT_NETLINK_SOCKET))
		sub = kzalloc(sizeof(*sub), GFP_KERNEL_ACCOUNT);
	if (!sub)
		return statchan_err(err, -ENOMEM, "no memory for a subscriber");
	sock_hold(sk);
	sub->sk = sk;
	sub->port = port;
	mutex_lock(&nl_subs_lock);
	ret = nl_join(sub, net, pid, req, err);
	mutex_unlock(&nl_subs_lock);
	if (ret) {
		sock_put(sk);
		kfree(sub);
	}
	return ret;
}

int statchan_nl_close(struct sock *sk, u32 port, u32 id, struct statchan_err *err)
{
	struct nl_sub *sub;
	int ret = 0;

	mutex_lock(&nl_subs_lock);
	sub = nl_sub_of(sk, port, id);
	if (sub)
		nl_drop(sub);
	else
		ret = statchan_err(err, -ENOENT, "this socket has no channel %u open",
				   id);
	mutex_unlock(&nl_subs_lock);
	return ret;
}

static struct nl_shared *nl_shared_of(const struct net *net, u32 id)
{
	struct nl_shared *shared;

	list_for_each_entry(shared, &nl_shared, node)
		if (shared->ch->id == id && shared->ch->net == net)
			return shared;
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
	struct nl_shared *shared;
	int ret = 0;

	mutex_lock(&nl_subs_lock);
	shared = nl_shared_of(net, id);
	if (!shared)
		ret = statchan_err(err, -ENOENT, "no netlink channel %u in this network namespace",
				   id);
	else if (start)
		ret = statchan_channel_start(shared->ch, err);
	else if (shared->subscribers > 1)
		ret = statchan_err(err, -EBUSY, "channel %u can't be stopped: %u sockets share it",
				   id, shared->subscribers);
	else
		statchan_channel_stop(shared->ch);
	mutex_unlock(&nl_subs_lock);
	return ret;
}

/* A share of the socket that is released. Another one may have its port already. */
static bool nl_is_of(const struct nl_sub *sub, const struct netlink_notify *notify)
{
	return sub->port == notify->portid && sock_net(sub->sk) == notify->net &&
	       sock_flag(sub->sk, SOCK_DEAD);
}

/* Without the mutex, under which others open and close channels */
static bool nl_has_any(const struct netlink_notify *notify)
{
	struct nl_sub *sub;
	bool any = false;

	spin_lock(&nl_list_lock);
	hash_for_each_possible(nl_subs, sub, node, notify->portid)
		any |= nl_is_of(sub, notify);
	spin_unlock(&nl_list_lock);
	return any;
}

/*
 * A netlink socket was released: by close(), or because its process was killed.
 * The chain is a blocking one. The socket is marked dead already and not freed
 * before we return.
 */
static int nl_released(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct netlink_notify *notify = ptr;
	struct hlist_node *next;
	struct nl_sub *sub;

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	/* what this socket added it added before its release */
	if (!nl_has_any(notify))
		return NOTIFY_DONE;
	mutex_lock(&nl_subs_lock);
	hash_for_each_possible_safe(nl_subs, sub, next, node, notify->portid)
		if (nl_is_of(sub, notify))
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
