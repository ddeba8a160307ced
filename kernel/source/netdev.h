/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _STATCHAN_NETDEV_H
#define _STATCHAN_NETDEV_H

#include <linux/ethtool.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <statchan/source.h>

enum nd_direction {
	ND_BOTH,
	ND_INGRESS_ONLY,
	ND_EGRESS_ONLY,
};

/* Taps of a device: one netfilter hook each */
enum {
	ND_INGRESS,
	ND_EGRESS,
	ND_N_TAPS,
};

/**
 * struct nd_stats - layout of the counters, fixed when the source is added
 * @n_queues:	instances of group tx_queue
 * @n_ethtool:	fields of group ethtool, 0: no such group
 * @names:	of them, as the driver gave them; not always ended by 0
 * @scratch:	the names of now, to be compared with @names; under rtnl
 */
struct nd_stats {
	u32 n_queues;
	u32 n_ethtool;
	u8 (*names)[ETH_GSTRING_LEN];
	u8 (*scratch)[ETH_GSTRING_LEN];
};

/**
 * struct nd - an interface that is a source
 * @node:	in the list of all; nd_lock
 * @dev:	counted; NULL once the interface is gone. Written with rtnl and
 *		nd_lock held, so either is enough to read it
 * @tracker:	of that reference
 * @net:	of @dev; valid while @dev is there
 * @src:	NULL until statchan_source_register() has returned; nd_lock
 * @direction:	enum nd_direction; nd_lock
 * @listening:	someone listens; nd_lock
 * @reaped:	given to statchan_kind_gone() once; nd_lock
 * @hooked:	bit i: @hook[i] is registered; nd_lock
 * @was_hooked:	at some time; nd_lock
 * @unhooked:	grace period after which the last hook taken off runs no more; nd_lock
 * @hook:	for enum ND_INGRESS, ND_EGRESS
 * @end_work:	ends the streams after the interface went down
 * @stats:	immutable but for the scratch
 * @told:	when a change of the ethtool group was last told, jiffies, or 0;
 *		snapshot callback only
 */
struct nd {
	struct list_head node;
	struct net_device *dev;
	netdevice_tracker tracker;
	struct net *net;
	struct statchan_source *src;
	u32 direction;
	bool listening;
	bool reaped;
	unsigned long hooked;
	bool was_hooked;
	unsigned long unhooked;
	struct nf_hook_ops hook[ND_N_TAPS];
	struct work_struct end_work;
	struct nd_stats stats;
	unsigned long told;
};

/* netdev_stats.c */
int nd_stats_init(struct nd_stats *st, struct net_device *dev,
		  struct statchan_err *err);
void nd_stats_destroy(struct nd_stats *st);
struct statchan_source *nd_stats_register(struct nd *nd, struct net *net,
					  const char *name,
					  const struct statchan_source_ops *ops);
int nd_stats_read(struct nd_stats *st, struct net_device *dev, u64 *values);

/* netdev_tap.c */
int nd_tap_update(struct nd *nd);

#endif /* _STATCHAN_NETDEV_H */
