// SPDX-License-Identifier: GPL-2.0
/*
 * Packet samples of an interface, from netfilter's ingress and egress hooks.
 *
 * What they see, and what not:
 *	ingress	after XDP and tc ingress; before nftables' own ingress chains,
 *		so also what those drop
 *	egress	after nftables' egress chains, so what they let pass; before tc
 *		egress, the qdisc, and the choice of the transmit queue. A packet
 *		that tc redirects to this interface is not seen.
 * A packet that is still to be cut by segmentation offload is one packet here,
 * with the length of the whole; so is one that GRO has merged already.
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/statchan.h>

#include "netdev.h"

/*
 * Where the link-layer header is, from skb->data. On ingress the stack has
 * pulled it; on egress skb->data is there. Devices without one, like tun, may
 * carry a mac_header that points at something else.
 */
static int nd_link_offset(const struct sk_buff *skb,
			  const struct net_device *dev)
{
	if (!dev->hard_header_len || !skb_mac_header_was_set(skb))
		return 0;
	return min(skb_mac_offset(skb), 0);
}

static void nd_sample(struct statchan_source *src, const struct sk_buff *skb,
		      const struct net_device *dev, u16 flags, u32 queue)
{
	int offset = nd_link_offset(skb, dev);
	struct statchan_sample sample = {
		.skb = skb,
		.offset = offset,
		.len = skb->len - offset,
		.ifindex = dev->ifindex,
		.flags = flags,
		.protocol = ntohs(skb->protocol),
		.queue = queue,
	};

	/* the hardware, or the stack on ingress, took the outer tag out */
	if (skb_vlan_tag_present(skb)) {
		sample.flags |= STATCHAN_REC_VLAN;
		sample.vlan_tci = skb_vlan_tag_get(skb);
		sample.vlan_proto = ntohs(skb->vlan_proto);
	}
	statchan_emit(src, &sample);
}

/*
 * Both run in softirq, or with softirqs off, in an RCU read-side section. The
 * source outlives them: nd_destroy() waits for that. Whether the packet is
 * sampled comes first: it is all that most packets cost.
 */
static unsigned int nd_ingress(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	struct statchan_source *src = priv;
	u32 queue = STATCHAN_QUEUE_UNKNOWN;

	if (!statchan_sampled(src))
		return NF_ACCEPT;
	if (skb_rx_queue_recorded(skb))
		queue = skb_get_rx_queue(skb);
	nd_sample(src, skb, state->in, STATCHAN_REC_INGRESS, queue);
	return NF_ACCEPT;
}

static unsigned int nd_egress(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	struct statchan_source *src = priv;
	u32 queue = STATCHAN_QUEUE_UNKNOWN;

	if (!statchan_sampled(src))
		return NF_ACCEPT;
	/* not chosen yet, but for where there is no choice */
	if (state->out->real_num_tx_queues == 1)
		queue = 0;
	nd_sample(src, skb, state->out, STATCHAN_REC_EGRESS, queue);
	return NF_ACCEPT;
}

static bool nd_tap_wanted(const struct nd *nd, u32 tap)
{
	if (!nd->listening || !nd->dev || !nd->src)
		return false;
	return nd->direction == ND_BOTH ||
	       nd->direction == (tap == ND_INGRESS ? ND_INGRESS_ONLY :
						     ND_EGRESS_ONLY);
}

static int nd_tap_hook(struct nd *nd, u32 tap)
{
	struct nf_hook_ops *hook = &nd->hook[tap];
	int ret;

	*hook = (struct nf_hook_ops){
		.hook = tap == ND_INGRESS ? nd_ingress : nd_egress,
		.dev = nd->dev,
		.priv = nd->src,
		.pf = NFPROTO_NETDEV,
		.hooknum = tap == ND_INGRESS ? NF_NETDEV_INGRESS :
					       NF_NETDEV_EGRESS,
		/* outermost on both sides: as near to the wire as it gets */
		.priority = tap == ND_INGRESS ? INT_MIN : INT_MAX,
	};
	ret = nf_register_net_hook(nd->net, hook);
	if (ret)
		/* -EOPNOTSUPP: kernel without CONFIG_NETFILTER_(IN|E)GRESS */
		return ret;
	__set_bit(tap, &nd->hooked);
	nd->was_hooked = true;
	return 0;
}

static void nd_tap_unhook(struct nd *nd, u32 tap)
{
	nf_unregister_net_hook(nd->net, &nd->hook[tap]);
	nd->unhooked = get_state_synchronize_rcu();
	__clear_bit(tap, &nd->hooked);
}

/**
 * nd_tap_update() - hook what is wanted now and unhook what is not
 * @nd:		nd_lock held; rtnl may be held or not
 *
 * A hook that has been unregistered may still run until the grace period nd->unhooked is over.
 *
 * Return: 0; on error nothing is hooked. Can't fail where nothing is wanted.
 */
int nd_tap_update(struct nd *nd)
{
	int ret = 0;
	u32 tap;

	for (tap = 0; tap < ND_N_TAPS; tap++) {
		bool hooked = test_bit(tap, &nd->hooked);
		bool wanted = nd_tap_wanted(nd, tap);

		if (hooked && !wanted)
			nd_tap_unhook(nd, tap);
		else if (wanted && !hooked && !ret)
			ret = nd_tap_hook(nd, tap);
	}
	for (tap = 0; ret && tap < ND_N_TAPS; tap++)
		if (test_bit(tap, &nd->hooked))
			nd_tap_unhook(nd, tap);
	return ret;
}
