// SPDX-License-Identifier: GPL-2.0
/*
 * Source kind "netdev": a network interface, under its own name.
 *
 *	statctl source add netdev eth0
 *
 * Lifetime. A source ends with its interface: deleted, renamed, or moved to
 * another namespace. The notifier hears of it with rtnl held and must neither
 * wait for a snapshot, which may be waiting for rtnl, nor keep the device, since
 * its deletion waits for our reference. So there, at once, it takes the hooks
 * off, drops the reference and clears nd->dev: callbacks that come later find
 * no device. The source itself ends soon after, from nd_reap_work, which belongs
 * to the module and not to an interface, and thus is never freed under itself:
 * statchan_kind_gone() calls back nd_destroy(), as "source del" and the end of a
 * namespace do. Whoever comes first destroys; for the others it is gone.
 *
 * Locks, outermost first:
 *	the core's, for create, set and listen
 *	rtnl
 *	nd_lock, and in it netfilter's
 * The core is never called with rtnl or nd_lock held.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/statchan.h>
#include <net/net_namespace.h>

#include "netdev.h"

#define ND_TELL_AGAIN	(60 * HZ)	/* about one and the same trouble */

static DEFINE_MUTEX(nd_lock);		/* nd_list and the state of each nd */
static LIST_HEAD(nd_list);

/* ---- the end of an interface ---- */

/* Nothing but the source is left afterwards. A hook may still be running. */
static void nd_detach(struct nd *nd)
{
	struct net_device *dev = nd->dev;

	ASSERT_RTNL();
	lockdep_assert_held(&nd_lock);
	if (!dev)
		return;
	nd->dev = NULL;
	nd_tap_update(nd);
	netdev_put(dev, &nd->tracker);
}

/* Also for a source that was never registered: @src is NULL then. */
static void nd_destroy(struct statchan_source *src, void *priv)
{
	struct nd *nd = priv;

	rtnl_lock();
	mutex_lock(&nd_lock);
	/* from here on neither notifier nor reaper finds it */
	list_del(&nd->node);
	nd_detach(nd);
	mutex_unlock(&nd_lock);
	rtnl_unlock();

	/* hooks that still run emit from src. It may be one of thousands whose namespace
	 * ends: what has passed since they were taken off need not pass again
	 */
	if (nd->was_hooked)
		cond_synchronize_rcu(nd->unhooked);
	cancel_work_sync(&nd->end_work);
	if (src)
		statchan_source_unregister(src);
	nd_stats_destroy(&nd->stats);
	kfree(nd);
}

/* Return: its id, or 0 */
static u32 nd_next_gone(void)
{
	struct nd *nd;
	u32 id = 0;

	mutex_lock(&nd_lock);
	list_for_each_entry(nd, &nd_list, node) {
		/* no src yet: nd_create() sees that the device is gone */
		if (nd->dev || !nd->src || nd->reaped)
			continue;
		nd->reaped = true;
		id = statchan_source_id(nd->src);
		break;
	}
	mutex_unlock(&nd_lock);
	return id;
}

static void nd_reap(struct work_struct *work)
{
	u32 id;

	/* the core knows whether it has been destroyed in the meantime */
	while ((id = nd_next_gone()))
		statchan_kind_gone(id);
}

static DECLARE_WORK(nd_reap_work, nd_reap);

/* Cancelled before the source is unregistered */
static void nd_end_streams(struct work_struct *work)
{
	struct nd *nd = container_of(work, struct nd, end_work);

	statchan_source_end_streams(nd->src);
}

static int nd_notify(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	bool reap = false;
	struct nd *nd;

	if (event != NETDEV_UNREGISTER && event != NETDEV_CHANGENAME &&
	    event != NETDEV_DOWN)
		return NOTIFY_DONE;

	mutex_lock(&nd_lock);
	list_for_each_entry(nd, &nd_list, node) {
		if (nd->dev != dev)
			continue;
		if (event == NETDEV_DOWN) {
			/* none can listen as long as there is no src */
			if (nd->src)
				schedule_work(&nd->end_work);
			continue;
		}
		nd_detach(nd);
		reap = true;
	}
	mutex_unlock(&nd_lock);
	if (reap)
		schedule_work(&nd_reap_work);
	return NOTIFY_DONE;
}

static struct notifier_block nd_notifier = {
	.notifier_call = nd_notify,
};

/* ---- what a source does for the core ---- */

/* Not more than once a minute: a monitor asks again and again. */
static void nd_tell_stale(struct nd *nd)
{
	struct statchan_source *src;

	if (nd->told && time_before(jiffies, nd->told + ND_TELL_AGAIN))
		return;
	nd->told = jiffies ?: 1;
	mutex_lock(&nd_lock);
	src = nd->src;
	mutex_unlock(&nd_lock);
	/* stays: unregister waits for this callback */
	if (src)
		statchan_source_event(src, STATCHAN_EVENT_SOURCE_CHANGED,
				      "the driver now offers other ethtool statistics: delete the source and add it anew");
}

/* One value after the other is read from a running device: never ATOMIC. */
static int nd_snapshot(void *priv, u64 *values, u32 *flags)
{
	struct nd *nd = priv;
	int ret;

	/* ethtool operations need it; it also keeps nd->dev as it is */
	ret = rtnl_lock_killable();
	if (ret)
		return ret;
	ret = nd->dev ? nd_stats_read(&nd->stats, nd->dev, values) : -ENODEV;
	rtnl_unlock();
	if (ret == -ESTALE)
		nd_tell_stale(nd);
	return ret;
}

static int nd_listen(void *priv, bool on, struct statchan_err *err)
{
	struct nd *nd = priv;
	int ret;

	mutex_lock(&nd_lock);
	nd->listening = on;
	ret = on && !nd->dev ? -ENODEV : nd_tap_update(nd);
	if (ret) {
		nd->listening = false;
		statchan_err(err, ret, "can't hook the packets of the interface: error %d; has the kernel CONFIG_NETFILTER_INGRESS and _EGRESS?",
			     -ret);
	}
	mutex_unlock(&nd_lock);
	return ret;
}

static int nd_rate(void *priv, u32 rate, struct statchan_err *err)
{
	/* all packets pass statchan_sampled() */
	return 0;
}

static const struct statchan_source_ops nd_ops = {
	.owner = THIS_MODULE,
	.snapshot = nd_snapshot,
	.listen = nd_listen,
	.rate = nd_rate,
};

/* ---- kind ---- */

enum {
	ND_P_DIRECTION,
};

static const char *const nd_directions[] = {
	[ND_BOTH] = "both",
	[ND_INGRESS_ONLY] = "ingress",
	[ND_EGRESS_ONLY] = "egress",
	NULL
};

static const struct statchan_param nd_params[] = {
	[ND_P_DIRECTION] = {
		.key = "direction", .def = ND_BOTH, .choices = nd_directions,
		.max = ARRAY_SIZE(nd_directions) - 2,
		.runtime = true,
		.help = "which packets are sampled",
	},
};

/* An interface of the same name may be there again before the reaper has come */
static bool nd_lost(void *priv)
{
	struct nd *nd = priv;
	bool lost;

	mutex_lock(&nd_lock);
	lost = !nd->dev;
	mutex_unlock(&nd_lock);
	return lost;
}

static int nd_set(void *priv, u32 param, u64 value, struct statchan_err *err)
{
	struct nd *nd = priv;
	u32 old;
	int ret;

	mutex_lock(&nd_lock);
	old = nd->direction;
	nd->direction = value;
	ret = nd_tap_update(nd);
	if (ret) {
		nd->direction = old;
		/* what was hooked before can be hooked again, or is not */
		nd_tap_update(nd);
		statchan_err(err, ret, "can't hook %s packets: error %d",
			     nd_directions[value], -ret);
	}
	mutex_unlock(&nd_lock);
	return ret;
}

/* Find the interface and take a reference on it. rtnl held. */
static int nd_attach(struct nd *nd, struct net *net, const char *name,
		     struct statchan_err *err)
{
	struct net_device *dev = __dev_get_by_name(net, name);
	int ret;

	if (!dev)
		return statchan_err(err, -ENODEV, "no interface '%s' in this network namespace",
				    name);
	/* another name would not be told of by NETDEV_CHANGENAME */
	if (strcmp(dev->name, name))
		return statchan_err(err, -EINVAL, "'%s' is an alternative name: add '%s'",
				    name, dev->name);
	ret = nd_stats_init(&nd->stats, dev, err);
	if (ret)
		return ret;
	netdev_hold(dev, &nd->tracker, GFP_KERNEL);
	mutex_lock(&nd_lock);
	nd->dev = dev;
	nd->net = net;
	list_add_tail(&nd->node, &nd_list);
	mutex_unlock(&nd_lock);
	return 0;
}

/* The source is registered: events and listeners may have come before us. */
static int nd_publish(struct nd *nd, struct statchan_source *src,
		      const char *name, struct statchan_err *err)
{
	int ret = 0;

	mutex_lock(&nd_lock);
	nd->src = src;
	if (!nd->dev)
		ret = statchan_err(err, -ENODEV, "interface '%s' has just gone",
				   name);
	else if (nd_tap_update(nd))
		ret = statchan_err(err, -EOPNOTSUPP, "interface '%s': can't hook its packets",
				   name);
	if (ret)
		nd->reaped = true;
	mutex_unlock(&nd_lock);
	return ret;
}

static struct statchan_source *nd_create(struct net *net, const char *name,
					 const u64 *values,
					 struct statchan_err *err)
{
	struct statchan_source *src;
	struct nd *nd;
	int ret;

	nd = kzalloc(sizeof(*nd), GFP_KERNEL_ACCOUNT);
	if (!nd)
		return ERR_PTR(-ENOMEM);
	INIT_WORK(&nd->end_work, nd_end_streams);
	nd->direction = values[ND_P_DIRECTION];

	rtnl_lock();
	ret = nd_attach(nd, net, name, err);
	rtnl_unlock();
	if (ret) {
		nd_stats_destroy(&nd->stats);
		kfree(nd);
		return ERR_PTR(ret);
	}
	src = nd_stats_register(nd, net, name, &nd_ops);
	if (IS_ERR(src)) {
		nd_destroy(NULL, nd);
		return src;
	}
	ret = nd_publish(nd, src, name, err);
	if (ret) {
		nd_destroy(src, nd);
		return ERR_PTR(ret);
	}
	return src;
}

static bool user_namespaces;
module_param(user_namespaces, bool, 0644);
MODULE_PARM_DESC(user_namespaces,
		 "root of a user namespace may make sources, too: nobody is charged for what serves them");

static const struct statchan_kind nd_kind = {
	.name = "netdev",
	.owner = THIS_MODULE,
	.user_namespaces = &user_namespaces,
	.n_params = ARRAY_SIZE(nd_params),
	.params = nd_params,
	.create = nd_create,
	.destroy = nd_destroy,
	.set = nd_set,
	.lost = nd_lost,
};

static int __init nd_init(void)
{
	int ret;

	ret = register_netdevice_notifier(&nd_notifier);
	if (ret)
		return ret;
	ret = statchan_kind_register(&nd_kind);
	if (ret)
		unregister_netdevice_notifier(&nd_notifier);
	return ret;
}

static void __exit nd_exit(void)
{
	/* destroys all sources; after it the notifier finds none to reap */
	statchan_kind_unregister(&nd_kind);
	unregister_netdevice_notifier(&nd_notifier);
	cancel_work_sync(&nd_reap_work);
}

module_init(nd_init);
module_exit(nd_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("statchan source: a network interface");
MODULE_ALIAS("statchan-kind-netdev");
