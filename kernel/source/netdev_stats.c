// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of an interface, in groups:
 *	link		struct rtnl_link_stats64, as "ip -s -s link" shows
 *	tx_queue	what the stack knows of each transmit queue
 *	ethtool		what the driver offers to "ethtool -S", if anything
 *
 * Of a receive queue the stack itself counts nothing. The counters of a qdisc
 * are left out: they begin anew whenever it is replaced, and one that all queues
 * share belongs to none of them.
 */
#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/pm_runtime.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/statchan.h>
#include <linux/string.h>

#include "netdev.h"

/* ---- group link ---- */

#define ND_LINK(field, field_unit)					\
	[offsetof(struct rtnl_link_stats64, field) / sizeof(u64)] = {	\
		.name = #field, .type = STATCHAN_COUNTER,		\
		.unit = STATCHAN_UNIT_##field_unit,			\
	}

/* A field's place here is its place in struct rtnl_link_stats64. */
static const struct statchan_field_desc nd_link_fields[] = {
	ND_LINK(rx_packets, PACKETS),
	ND_LINK(tx_packets, PACKETS),
	ND_LINK(rx_bytes, BYTES),
	ND_LINK(tx_bytes, BYTES),
	ND_LINK(rx_errors, PACKETS),
	ND_LINK(tx_errors, PACKETS),
	ND_LINK(rx_dropped, PACKETS),
	ND_LINK(tx_dropped, PACKETS),
	ND_LINK(multicast, PACKETS),
	ND_LINK(collisions, EVENTS),
	ND_LINK(rx_length_errors, PACKETS),
	ND_LINK(rx_over_errors, PACKETS),
	ND_LINK(rx_crc_errors, PACKETS),
	ND_LINK(rx_frame_errors, PACKETS),
	ND_LINK(rx_fifo_errors, PACKETS),
	ND_LINK(rx_missed_errors, PACKETS),
	ND_LINK(tx_aborted_errors, PACKETS),
	ND_LINK(tx_carrier_errors, PACKETS),
	ND_LINK(tx_fifo_errors, PACKETS),
	ND_LINK(tx_heartbeat_errors, PACKETS),
	ND_LINK(tx_window_errors, PACKETS),
	ND_LINK(rx_compressed, PACKETS),
	ND_LINK(tx_compressed, PACKETS),
	ND_LINK(rx_nohandler, PACKETS),
	ND_LINK(rx_otherhost_dropped, PACKETS),
};

static_assert(sizeof(struct rtnl_link_stats64) >=
	      ARRAY_SIZE(nd_link_fields) * sizeof(u64));

static u64 *nd_read_link(struct net_device *dev, u64 *values)
{
	struct rtnl_link_stats64 stats;

	dev_get_stats(dev, &stats);
	memcpy(values, &stats, ARRAY_SIZE(nd_link_fields) * sizeof(u64));
	return values + ARRAY_SIZE(nd_link_fields);
}

/* ---- group tx_queue ---- */

static const struct statchan_field_desc nd_queue_fields[] = {
	{ "tx_timeouts", STATCHAN_COUNTER, STATCHAN_UNIT_EVENTS },
#ifdef CONFIG_BQL
	/* both 0 with a driver that does no byte queue limits */
	{ "bql_limit", STATCHAN_GAUGE, STATCHAN_UNIT_BYTES },
	{ "bql_inflight", STATCHAN_GAUGE, STATCHAN_UNIT_BYTES },
#endif
};

#ifdef CONFIG_BQL
/* 32-bit counters that wrap, and move meanwhile: so does their difference. */
static u32 nd_bql_inflight(const struct dql *dql)
{
	u32 completed = READ_ONCE(dql->num_completed);

	smp_rmb();	/* what is completed was queued before; dql_reset() apart */
	return max_t(s32, READ_ONCE(dql->num_queued) - completed, 0);
}
#endif

static u64 *nd_read_queues(struct net_device *dev, u32 n, u64 *values)
{
	u32 i;

	for (i = 0; i < n; i++) {
		const struct netdev_queue *txq = netdev_get_tx_queue(dev, i);

		*values++ = atomic_long_read(&txq->trans_timeout);
#ifdef CONFIG_BQL
		*values++ = READ_ONCE(txq->dql.limit);
		*values++ = nd_bql_inflight(&txq->dql);
#endif
	}
	return values;
}

/* ---- group ethtool ---- */

/* Wake the device for its ethtool operations, as "ethtool -S" would. */
static int nd_ethtool_begin(struct net_device *dev)
{
	const struct ethtool_ops *ops = dev->ethtool_ops;
	int ret = 0;

	if (dev->dev.parent)
		pm_runtime_get_sync(dev->dev.parent);
	if (!netif_device_present(dev))
		ret = -ENODEV;
	else if (ops->begin)
		ret = ops->begin(dev);
	if (ret < 0 && dev->dev.parent)
		pm_runtime_put(dev->dev.parent);
	return min(ret, 0);
}

static void nd_ethtool_end(struct net_device *dev)
{
	const struct ethtool_ops *ops = dev->ethtool_ops;

	if (ops->complete)
		ops->complete(dev);
	if (dev->dev.parent)
		pm_runtime_put(dev->dev.parent);
}

static bool nd_ethtool_offered(const struct net_device *dev)
{
	const struct ethtool_ops *ops = dev->ethtool_ops;

	return ops && ops->get_sset_count && ops->get_strings &&
	       ops->get_ethtool_stats;
}

/* Return: number of counters or errno; the device is awake. */
static int nd_ethtool_count(struct net_device *dev)
{
	int n = dev->ethtool_ops->get_sset_count(dev, ETH_SS_STATS);

	return n == -EOPNOTSUPP ? 0 : n;
}

/* Drivers may leave the bytes behind a name as they are: let them be 0. */
static void nd_ethtool_names(struct net_device *dev,
			     u8 (*names)[ETH_GSTRING_LEN], u32 n)
{
	memset(names, 0, array_size(n, sizeof(*names)));
	dev->ethtool_ops->get_strings(dev, ETH_SS_STATS, names[0]);
}

/* As from the kernel's own ioctl, they begin as 0: drivers may add to them. */
static void nd_ethtool_values(struct net_device *dev, struct ethtool_stats *head,
			      u64 *values)
{
	memset(values, 0, array_size(head->n_stats, sizeof(*values)));
	dev->ethtool_ops->get_ethtool_stats(dev, head, values);
}

/* Values go straight into the snapshot; it has room for st->n_ethtool. */
static int nd_read_ethtool(struct nd_stats *st, struct net_device *dev,
			   u64 *values)
{
	struct ethtool_stats head = {
		.cmd = ETHTOOL_GSTATS,
		.n_stats = st->n_ethtool,
	};
	int ret, n;

	if (!nd_ethtool_offered(dev))
		return st->n_ethtool ? -ESTALE : 0;
	ret = nd_ethtool_begin(dev);
	if (ret)
		return ret;
	/*
	 * A driver may offer other counters after a change of its channels. If
	 * as many, then under other names: a value must not get a wrong one.
	 */
	n = nd_ethtool_count(dev);
	if (n != st->n_ethtool) {
		ret = n < 0 ? n : -ESTALE;
	} else if (n) {
		nd_ethtool_names(dev, st->scratch, n);
		if (memcmp(st->names, st->scratch, array_size(n, sizeof(*st->names))))
			ret = -ESTALE;
		else
			nd_ethtool_values(dev, &head, values);
	}
	nd_ethtool_end(dev);
	return ret;
}

static int nd_ethtool_init(struct nd_stats *st, struct net_device *dev)
{
	int n, ret;

	if (!nd_ethtool_offered(dev))
		return 0;
	ret = nd_ethtool_begin(dev);
	if (ret)
		return ret;
	n = nd_ethtool_count(dev);
	if (n < 0 || n > STATCHAN_COUNTERS_MAX) {
		ret = n < 0 ? n : -E2BIG;
	} else if (n) {
		st->names = kvcalloc(n, sizeof(*st->names), GFP_KERNEL_ACCOUNT);
		st->scratch = kvcalloc(n, sizeof(*st->scratch), GFP_KERNEL_ACCOUNT);
		if (st->names && st->scratch) {
			nd_ethtool_names(dev, st->names, n);
			st->n_ethtool = n;
		} else {
			ret = -ENOMEM;
		}
	}
	nd_ethtool_end(dev);
	return ret;
}

/*
 * ethtool tells no type. What is called packets or bytes only grows, and is
 * worth a rate; of all else nothing is known, and "any value" is the truth.
 */
static void nd_ethtool_describe(struct statchan_field_desc *field, char *name,
				const u8 *raw, u32 i)
{
	/* may use all bytes without a 0: the last is lost then */
	memcpy(name, raw, ETH_GSTRING_LEN - 1);
	name[ETH_GSTRING_LEN - 1] = 0;
	if (!name[0])
		snprintf(name, ETH_GSTRING_LEN, "unnamed_%u", i);

	field->name = name;
	field->type = STATCHAN_COUNTER;
	if (strstr(name, "bytes") || strstr(name, "octets")) {
		field->unit = STATCHAN_UNIT_BYTES;
	} else if (strstr(name, "packets") || strstr(name, "pkts")) {
		field->unit = STATCHAN_UNIT_PACKETS;
	} else {
		field->type = STATCHAN_GAUGE;
		field->unit = STATCHAN_UNIT_NONE;
	}
}

/* ---- all groups ---- */

static_assert(ETH_GSTRING_LEN == STATCHAN_NAME_MAX);

/**
 * nd_stats_init() - fix the layout
 * @st:		zeroed
 * @dev:	rtnl held
 * @err:	gets a sentence
 *
 * Return: 0 or errno; nd_stats_destroy() in both cases.
 */
int nd_stats_init(struct nd_stats *st, struct net_device *dev,
		  struct statchan_err *err)
{
	int ret;

	ASSERT_RTNL();
	st->n_queues = dev->num_tx_queues;
	ret = nd_ethtool_init(st, dev);
	if (ret)
		return statchan_err(err, ret, "interface '%s': can't get ethtool names: error %d",
				    dev->name, -ret);
	return 0;
}

void nd_stats_destroy(struct nd_stats *st)
{
	kvfree(st->names);
	kvfree(st->scratch);
}

/**
 * nd_stats_register() - register the source with the schema of the layout
 * @nd:		handed to the callbacks
 * @net:	namespace
 * @name:	of the source
 * @ops:	its callbacks
 *
 * Return: as statchan_source_register().
 */
struct statchan_source *nd_stats_register(struct nd *nd, struct net *net,
					  const char *name,
					  const struct statchan_source_ops *ops)
{
	struct statchan_source *src = ERR_PTR(-ENOMEM);
	struct nd_stats *st = &nd->stats;
	struct statchan_field_desc *fields = NULL;
	char (*names)[STATCHAN_NAME_MAX] = NULL;
	struct statchan_group_desc groups[3] = {
		{
			.name = "link", .instances = 1,
			.n_fields = ARRAY_SIZE(nd_link_fields),
			.fields = nd_link_fields,
		}, {
			.name = "tx_queue", .instances = st->n_queues,
			.n_fields = ARRAY_SIZE(nd_queue_fields),
			.fields = nd_queue_fields,
		},
	};
	struct statchan_schema_desc desc = { .n_groups = 2, .groups = groups };
	u32 i;

	if (st->n_ethtool) {
		fields = kvcalloc(st->n_ethtool, sizeof(*fields), GFP_KERNEL);
		names = kvcalloc(st->n_ethtool, sizeof(*names), GFP_KERNEL);
		if (!fields || !names)
			goto out;
		for (i = 0; i < st->n_ethtool; i++)
			nd_ethtool_describe(&fields[i], names[i], st->names[i],
					    i);
		groups[desc.n_groups++] = (struct statchan_group_desc){
			.name = "ethtool", .instances = 1,
			.n_fields = st->n_ethtool, .fields = fields,
		};
	}
	src = statchan_source_register(net, name, ops, &desc, nd);
out:
	kvfree(names);
	kvfree(fields);
	return src;
}

/**
 * nd_stats_read() - write all values
 * @st:		layout
 * @dev:	rtnl held
 * @values:	room for all
 *
 * Return: 0, -ESTALE if the driver now offers other counters, or another errno
 * of the driver.
 */
int nd_stats_read(struct nd_stats *st, struct net_device *dev, u64 *values)
{
	ASSERT_RTNL();
	values = nd_read_link(dev, values);
	values = nd_read_queues(dev, st->n_queues, values);
	return nd_read_ethtool(st, dev, values);
}
