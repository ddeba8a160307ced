/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the generic netlink front end and of the netlink transport
 * know of each other.
 *
 *	genl.c			the family, operations that are no dumps
 *	genl_dump.c		dumps
 *	genl_policy.c		what each operation accepts
 *	event.c			multicast of events
 *	transport/netlink.c	multicast of samples
 *	transport/netlink_share.c  sockets that share a sample channel
 *
 * Locks, outside those of core.h: genl's cb_lock (read, in every operation),
 * then the lock of netlink_share.c, then the core's. Inside: the list of sample
 * groups in netlink.c, a leaf.
 */
#ifndef _STATCHAN_GENL_H
#define _STATCHAN_GENL_H

#include <net/genetlink.h>

#include "core.h"

extern struct genl_family statchan_genl_family;

/* Multicast groups by their place in the family: events, samples0, samples1 .. */
#define STATCHAN_GROUP_EVENTS	0
#define STATCHAN_GROUP_SAMPLES	1

/* Policies end at the last attribute that an operation takes. */
extern const struct nla_policy
statchan_genl_source_policy[STATCHAN_A_NAME + 1];
extern const struct nla_policy
statchan_genl_add_policy[STATCHAN_A_PARAMS + 1];
extern const struct nla_policy
statchan_genl_set_policy[STATCHAN_A_PARAMS + 1];
extern const struct nla_policy
statchan_genl_schema_policy[STATCHAN_A_LENGTH + 1];
extern const struct nla_policy
statchan_genl_snapshot_policy[STATCHAN_A_LENGTH + 1];
extern const struct nla_policy
statchan_genl_open_policy[STATCHAN_A_CONFIG + 1];
extern const struct nla_policy
statchan_genl_channel_policy[STATCHAN_A_CHANNEL + 1];
extern const struct nla_policy
statchan_genl_config_policy[STATCHAN_C_MAX + 1];

int statchan_genl_put_source(struct sk_buff *skb, struct statchan_source *src);

/* genl_dump.c: @start can not fail with a sentence; the first @dump does */
int statchan_genl_dump_start(struct netlink_callback *cb);
int statchan_genl_dump_transports(struct sk_buff *skb,
				  struct netlink_callback *cb);
int statchan_genl_dump_sources(struct sk_buff *skb,
			       struct netlink_callback *cb);
int statchan_genl_dump_channels(struct sk_buff *skb,
				struct netlink_callback *cb);
int statchan_genl_ledger_start(struct netlink_callback *cb);
int statchan_genl_ledger_dump(struct sk_buff *skb, struct netlink_callback *cb);
int statchan_genl_schema_start(struct netlink_callback *cb);
int statchan_genl_schema_dump(struct sk_buff *skb, struct netlink_callback *cb);
int statchan_genl_snapshot_start(struct netlink_callback *cb);
int statchan_genl_snapshot_dump(struct sk_buff *skb,
				struct netlink_callback *cb);
int statchan_genl_dump_done(struct netlink_callback *cb);

/* transport/netlink.c */
extern struct workqueue_struct *statchan_nl_wq;

u32 statchan_nl_group(const struct statchan_channel *ch);
void statchan_nl_set_subscribers(struct statchan_channel *ch, u32 n);

/* transport/netlink_share.c */
int statchan_nl_init(void);
void statchan_nl_exit(void);
int statchan_nl_open(struct sock *sk, u32 port, struct net *net, u32 pid,
		     struct statchan_channel_req *req, struct statchan_err *err);
int statchan_nl_close(struct sock *sk, u32 port, u32 id,
		      struct statchan_err *err);
int statchan_nl_run(const struct net *net, u32 id, bool start,
		    struct statchan_err *err);

#endif /* _STATCHAN_GENL_H */
