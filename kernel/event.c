// SPDX-License-Identifier: GPL-2.0
/*
 * Events: rare things that happened in a network namespace, told to everybody
 * there who joined the multicast group "events". Names and numbers of sources and
 * channels are no secrets, so joining needs no capability.
 */
#include <linux/ktime.h>
#include <linux/string.h>

#include "fault.h"
#include "genl.h"

static int event_put(struct sk_buff *skb, u32 event, u32 source, u32 channel,
		     const char *name, const char *text)
{
	void *hdr;

	hdr = genlmsg_put(skb, 0, 0, &statchan_genl_family, 0,
			  STATCHAN_CMD_EVENT);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u32(skb, STATCHAN_A_EVENT, event) ||
	    nla_put_u64_64bit(skb, STATCHAN_A_TIME, ktime_get_ns(),
			      STATCHAN_A_PAD) ||
	    (source && nla_put_u32(skb, STATCHAN_A_SOURCE, source)) ||
	    (channel && nla_put_u32(skb, STATCHAN_A_CHANNEL, channel)) ||
	    nla_put_string(skb, STATCHAN_A_NAME, name) ||
	    nla_put_string(skb, STATCHAN_A_TEXT, text))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

/**
 * statchan_event() - tell the namespace
 * @net:	namespace; statchan's part of it has not ended yet
 * @event:	enum statchan_event
 * @source:	id, or 0
 * @channel:	id, or 0
 * @name:	of the source
 * @text:	for people
 *
 * Process context, may sleep. An event that can't be sent for lack of memory
 * shows as ENOBUFS on the sockets of the group: they must look for themselves.
 */
void statchan_event(struct net *net, u32 event, u32 source, u32 channel,
		    const char *name, const char *text)
{
	struct sk_buff *skb = NULL;

	if (!genl_has_listeners(&statchan_genl_family, net,
				STATCHAN_GROUP_EVENTS))
		return;
	if (!statchan_fault(STATCHAN_FAULT_EVENT))
		skb = genlmsg_new(3 * nla_total_size(sizeof(u32)) +
				  nla_total_size_64bit(sizeof(u64)) +
				  nla_total_size(strlen(name) + 1) +
				  nla_total_size(strlen(text) + 1), GFP_KERNEL);
	if (!skb) {
		genl_set_err(&statchan_genl_family, net, 0,
			     STATCHAN_GROUP_EVENTS, -ENOBUFS);
		return;
	}
	if (WARN_ON_ONCE(event_put(skb, event, source, channel, name, text))) {
		nlmsg_free(skb);
		return;
	}
	/* -ESRCH: the only listeners are in other namespaces */
	genlmsg_multicast_netns(&statchan_genl_family, net, skb, 0,
				STATCHAN_GROUP_EVENTS, GFP_KERNEL);
}
