// SPDX-License-Identifier: GPL-2.0
/*
 * A driver with statistics and packet samples: a switch of four ports, in memory.
 * All that statchan asks of a driver for every transport is here.
 */
#include <linux/err.h>
#include <linux/if_ether.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/statchan.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <statchan/source.h>

#define TOY_PORTS	4
#define TOY_PERIOD	msecs_to_jiffies(10)
#define TOY_MANY	100	/* packets, after which subscribers are told */

static const struct statchan_field_desc toy_fields[] = {
	{ "rx_packets", STATCHAN_COUNTER, STATCHAN_UNIT_PACKETS },
	{ "rx_bytes", STATCHAN_COUNTER, STATCHAN_UNIT_BYTES },
};

static const struct statchan_group_desc toy_groups[] = {
	{ "port", TOY_PORTS, ARRAY_SIZE(toy_fields), toy_fields },
};

static const struct statchan_schema_desc toy_schema = {
	.n_groups = ARRAY_SIZE(toy_groups),
	.groups = toy_groups,
};

struct toy_port {
	u64 rx_packets;
	u64 rx_bytes;
};

/**
 * struct toy_switch - the device
 * @src:	what statchan knows of it
 * @work:	a packet comes
 * @lock:	owner of all below
 * @port:	the hardware's registers
 * @next:	port that receives the next packet
 */
struct toy_switch {
	struct statchan_source *src;
	struct delayed_work work;
	struct mutex lock;	/* all below */
	struct toy_port port[TOY_PORTS];
	u32 next;
};

/* The registers, in the order of the schema. May sleep; may be called as soon as
 * statchan_source_register() is, so all it needs is there before.
 */
static int toy_snapshot(void *priv, u64 *values, u32 *flags)
{
	struct toy_switch *toy = priv;
	u32 i;

	mutex_lock(&toy->lock);
	for (i = 0; i < TOY_PORTS; i++) {
		*values++ = toy->port[i].rx_packets;
		*values++ = toy->port[i].rx_bytes;
	}
	mutex_unlock(&toy->lock);
	*flags |= STATCHAN_SNAP_ATOMIC;
	return 0;
}

/* There is no sampler in this hardware: statchan_sampled() is it, for any rate */
static int toy_rate(void *priv, u32 rate, struct statchan_err *err)
{
	return 0;
}

static const struct statchan_source_ops toy_ops = {
	.owner = THIS_MODULE,
	.snapshot = toy_snapshot,
	.rate = toy_rate,
};

static void toy_receive(struct work_struct *work)
{
	static const struct ethhdr frame = { .h_proto = htons(ETH_P_LOOPBACK) };
	struct toy_switch *toy = container_of(to_delayed_work(work),
					      struct toy_switch, work);
	struct statchan_sample sample = {
		.data = &frame,
		.len = sizeof(frame),
		.orig_len = ETH_ZLEN,
		.flags = STATCHAN_REC_INGRESS,
		.protocol = ETH_P_LOOPBACK,
	};
	u64 packets;

	mutex_lock(&toy->lock);
	sample.queue = toy->next++ % TOY_PORTS;
	packets = ++toy->port[sample.queue].rx_packets;
	toy->port[sample.queue].rx_bytes += ETH_ZLEN;
	mutex_unlock(&toy->lock);

	/* any context but NMI; next to nothing while nobody listens */
	if (statchan_sampled(toy->src))
		statchan_emit(toy->src, &sample);
	if (packets % TOY_MANY == 0)
		statchan_source_event(toy->src, STATCHAN_EVENT_THRESHOLD,
				      "a port has received many packets");
	schedule_delayed_work(&toy->work, TOY_PERIOD);
}

static struct toy_switch *toy;

static int __init toy_init(void)
{
	toy = kzalloc(sizeof(*toy), GFP_KERNEL);
	if (!toy)
		return -ENOMEM;
	mutex_init(&toy->lock);
	INIT_DELAYED_WORK(&toy->work, toy_receive);
	toy->src = statchan_source_register(&init_net, "toy0", &toy_ops,
					    &toy_schema, toy);
	if (IS_ERR(toy->src)) {
		int ret = PTR_ERR(toy->src);

		kfree(toy);
		return ret;
	}
	/* emits: so after, and in toy_exit() before */
	schedule_delayed_work(&toy->work, 0);
	return 0;
}

static void __exit toy_exit(void)
{
	cancel_delayed_work_sync(&toy->work);
	statchan_source_unregister(toy->src);
	kfree(toy);
}

module_init(toy_init);
module_exit(toy_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Example of a driver that exports by statchan");
