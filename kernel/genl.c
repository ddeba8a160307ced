// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink front end: family, multicast groups, and the operations
 * that are no dumps. What they do is in control.c and channel.c; here are only
 * attributes in and attributes out.
 *
 * Operations run in parallel. genl holds cb_lock for reading around each, so the
 * family can't go away under one. A dump holds the module instead.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "genl.h"

#define GENL_TRIES 10	/* to have the groups for ourselves */

/* ---- errors ---- */

/**
 * genl_fail() - acknowledge a request with an errno, a sentence and an attribute
 * @skb:	the request, as handed to the operation
 * @info:	of the request
 * @attr:	to blame, or NULL
 * @code:	negative errno
 * @err:	the sentence, "" if there is none
 *
 * extack keeps just a pointer to its text, which therefore must outlive the
 * operation: netlink_rcv_skb() builds the acknowledgment after it has returned.
 * A sentence that names the object is on our stack, so we send the
 * acknowledgment ourselves. (NL_SET_ERR_MSG_FMT(), of 6.2, cuts at 80 bytes.)
 *
 * Return: -EINTR, which tells netlink_rcv_skb() that it was sent.
 */
static int genl_fail(struct sk_buff *skb, struct genl_info *info,
		     const struct nlattr *attr, int code,
		     const struct statchan_err *err)
{
	struct netlink_ext_ack extack = *info->extack;

	if (err->text[0])
		extack._msg = err->text;
	if (attr)
		extack.bad_attr = attr;
	netlink_ack(skb, info->nlhdr, code, &extack);
	return -EINTR;
}

static int genl_missing(struct sk_buff *skb, struct genl_info *info, u32 type,
			const char *what)
{
	struct statchan_err err;

	NL_SET_ERR_ATTR_MISS(info->extack, NULL, type);
	statchan_err(&err, -EINVAL, "attribute %s is missing", what);
	return genl_fail(skb, info, NULL, -EINVAL, &err);
}

/* ---- replies ---- */

static struct sk_buff *reply_new(struct genl_info *info, size_t payload,
				 void **hdr)
{
	struct sk_buff *msg = genlmsg_new(payload, GFP_KERNEL);

	if (!msg)
		return NULL;
	*hdr = genlmsg_put_reply(msg, info, &statchan_genl_family, 0,
				 info->genlhdr->cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static int reply_send(struct sk_buff *msg, struct genl_info *info, void *hdr)
{
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

static int version_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;

	msg = reply_new(info, 2 * nla_total_size(sizeof(u32)), &hdr);
	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, STATCHAN_A_ABI, STATCHAN_ABI) ||
	    nla_put_u32(msg, STATCHAN_A_NR_CPUS, nr_cpu_ids)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return reply_send(msg, info, hdr);
}

/* ---- sources ---- */

/* Return: 0, -EMSGSIZE (some of it may be in @skb then) or -ENOMEM */
int statchan_genl_put_source(struct sk_buff *skb, struct statchan_source *src)
{
	struct statchan_source_info *info;
	int ret;

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	ret = statchan_ctl_source_info(src, info);
	if (!ret && (nla_put_u32(skb, STATCHAN_A_SOURCE, info->id) ||
		     nla_put_string(skb, STATCHAN_A_NAME, info->name) ||
		     nla_put(skb, STATCHAN_A_SOURCE_INFO, sizeof(*info), info)))
		ret = -EMSGSIZE;
	kfree(info);
	return ret;
}

static int source_get(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[STATCHAN_A_SOURCE];
	struct nlattr *name = info->attrs[STATCHAN_A_NAME];
	struct statchan_err err = {};
	struct statchan_source *src;
	struct sk_buff *msg;
	void *hdr;
	int ret;

	if (!id && !name)
		return genl_missing(skb, info, STATCHAN_A_SOURCE,
				    "STATCHAN_A_SOURCE (or STATCHAN_A_NAME)");
	if (id && name) {
		statchan_err(&err, -EINVAL, "a source is named by STATCHAN_A_SOURCE or by STATCHAN_A_NAME, not by both");
		return genl_fail(skb, info, name, -EINVAL, &err);
	}
	src = statchan_source_find(genl_info_net(info), id ? nla_get_u32(id) : 0,
				   name ? nla_data(name) : "", &err);
	if (IS_ERR(src))
		return genl_fail(skb, info, id ?: name, PTR_ERR(src), &err);

	ret = -ENOMEM;
	msg = reply_new(info, nla_total_size(sizeof(u32)) +
			nla_total_size(STATCHAN_NAME_MAX) +
			nla_total_size(sizeof(struct statchan_source_info)),
			&hdr);
	if (msg)
		ret = statchan_genl_put_source(msg, src);
	statchan_source_put(src);
	if (!ret)
		return reply_send(msg, info, hdr);
	nlmsg_free(msg);
	return ret;
}

static const char *attr_string(const struct nlattr *attr)
{
	return attr ? nla_data(attr) : "";
}

static int source_add(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[STATCHAN_A_NAME];
	struct nlattr *kind = info->attrs[STATCHAN_A_KIND];
	struct statchan_err err = {};
	struct sk_buff *msg;
	void *hdr;
	u32 id;
	int ret;

	if (!name)
		return genl_missing(skb, info, STATCHAN_A_NAME,
				    "STATCHAN_A_NAME");
	if (!kind)
		return genl_missing(skb, info, STATCHAN_A_KIND,
				    "STATCHAN_A_KIND");
	/* first, since the source can't be added a bit */
	msg = reply_new(info, nla_total_size(sizeof(u32)), &hdr);
	if (!msg)
		return -ENOMEM;
	ret = statchan_ctl_source_add(genl_info_net(info), nla_data(kind),
				      nla_data(name),
				      attr_string(info->attrs[STATCHAN_A_PARAMS]),
				      netlink_capable(skb, CAP_NET_ADMIN), &id,
				      &err);
	if (ret) {
		nlmsg_free(msg);
		return genl_fail(skb, info, NULL, ret, &err);
	}
	if (nla_put_u32(msg, STATCHAN_A_SOURCE, id)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return reply_send(msg, info, hdr);
}

static int source_del(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[STATCHAN_A_NAME];
	struct statchan_err err = {};
	int ret;

	if (!name)
		return genl_missing(skb, info, STATCHAN_A_NAME,
				    "STATCHAN_A_NAME");
	ret = statchan_ctl_source_del(genl_info_net(info), nla_data(name), &err);
	return ret ? genl_fail(skb, info, name, ret, &err) : 0;
}

static int source_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[STATCHAN_A_NAME];
	struct nlattr *params = info->attrs[STATCHAN_A_PARAMS];
	struct statchan_err err = {};
	int ret;

	if (!name)
		return genl_missing(skb, info, STATCHAN_A_NAME,
				    "STATCHAN_A_NAME");
	if (!params)
		return genl_missing(skb, info, STATCHAN_A_PARAMS,
				    "STATCHAN_A_PARAMS");
	ret = statchan_ctl_source_set(genl_info_net(info), nla_data(name),
				      nla_data(params),
				      netlink_capable(skb, CAP_NET_ADMIN), &err);
	return ret ? genl_fail(skb, info, NULL, ret, &err) : 0;
}

/* ---- sample channels ---- */

static void config_get(struct nlattr *attr,
		       struct statchan_channel_config *config)
{
	struct nlattr *tb[STATCHAN_C_MAX + 1];

	/* checked already, as part of the whole message */
	nla_parse_nested(tb, STATCHAN_C_MAX, attr, statchan_genl_config_policy,
			 NULL);
	if (tb[STATCHAN_C_RATE])
		config->rate = nla_get_u32(tb[STATCHAN_C_RATE]);
	if (tb[STATCHAN_C_SNAPLEN])
		config->snaplen = nla_get_u32(tb[STATCHAN_C_SNAPLEN]);
	if (tb[STATCHAN_C_WATERMARK_RECORDS])
		config->watermark_records =
			nla_get_u32(tb[STATCHAN_C_WATERMARK_RECORDS]);
	if (tb[STATCHAN_C_WATERMARK_BYTES])
		config->watermark_bytes =
			nla_get_u32(tb[STATCHAN_C_WATERMARK_BYTES]);
	if (tb[STATCHAN_C_TIMEOUT])
		config->timeout_ns = nla_get_u64(tb[STATCHAN_C_TIMEOUT]);
	if (tb[STATCHAN_C_BUFFER_SIZE])
		config->buffer_size = nla_get_u64(tb[STATCHAN_C_BUFFER_SIZE]);
}

static int config_put(struct sk_buff *msg, u32 type,
		      const struct statchan_channel_config *config)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	if (!nest ||
	    nla_put_u32(msg, STATCHAN_C_RATE, config->rate) ||
	    nla_put_u32(msg, STATCHAN_C_SNAPLEN, config->snaplen) ||
	    nla_put_u32(msg, STATCHAN_C_WATERMARK_RECORDS,
			config->watermark_records) ||
	    nla_put_u32(msg, STATCHAN_C_WATERMARK_BYTES,
			config->watermark_bytes) ||
	    nla_put_u64_64bit(msg, STATCHAN_C_TIMEOUT, config->timeout_ns,
			      STATCHAN_C_PAD) ||
	    nla_put_u64_64bit(msg, STATCHAN_C_BUFFER_SIZE, config->buffer_size,
			      STATCHAN_C_PAD))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int channel_open(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *source = info->attrs[STATCHAN_A_SOURCE];
	struct nlattr *config = info->attrs[STATCHAN_A_CONFIG];
	struct nlattr *follows = info->attrs[STATCHAN_A_FOLLOWS];
	struct statchan_channel_req req = {
		.transport = STATCHAN_T_NETLINK,
		.kind = STATCHAN_CHANNEL_SAMPLES,
	};
	struct sock *sk = NETLINK_CB(skb).sk;
	struct statchan_err err = {};
	struct sk_buff *msg;
	void *hdr;
	int ret;

	if (!source)
		return genl_missing(skb, info, STATCHAN_A_SOURCE,
				    "STATCHAN_A_SOURCE");
	req.source = nla_get_u32(source);
	if (config)
		config_get(config, &req.want);
	if (follows)
		req.follows = nla_get_u32(follows);
	msg = reply_new(info, NLMSG_DEFAULT_SIZE / 2, &hdr);
	if (!msg)
		return -ENOMEM;
	ret = statchan_nl_open(sk, info->snd_portid, genl_info_net(info),
			       task_tgid_nr(current), &req, &err);
	if (ret) {
		nlmsg_free(msg);
		/* with both, either may be the unknown one: the sentence tells */
		return genl_fail(skb, info,
				 ret == -ENOENT && !follows ? source : NULL,
				 ret, &err);
	}
	if (nla_put_u32(msg, STATCHAN_A_CHANNEL, req.id) ||
	    nla_put_string(msg, STATCHAN_A_GROUP, req.path) ||
	    config_put(msg, STATCHAN_A_CONFIG, &req.want) ||
	    config_put(msg, STATCHAN_A_EFFECTIVE, &req.got) ||
	    nla_put_u32(msg, STATCHAN_A_STEP, req.step) ||
	    nla_put_u32(msg, STATCHAN_A_FLAGS, req.flags)) {
		nlmsg_free(msg);
		ret = -EMSGSIZE;
	} else {
		ret = reply_send(msg, info, hdr);
	}
	/* who was not told of the channel can't close it */
	if (ret)
		statchan_nl_close(sk, info->snd_portid, req.id, NULL);
	return ret;
}

static int channel_close(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[STATCHAN_A_CHANNEL];
	struct statchan_err err = {};
	int ret;

	if (!id)
		return genl_missing(skb, info, STATCHAN_A_CHANNEL,
				    "STATCHAN_A_CHANNEL");
	ret = statchan_nl_close(NETLINK_CB(skb).sk, info->snd_portid,
				nla_get_u32(id), &err);
	return ret ? genl_fail(skb, info, id, ret, &err) : 0;
}

static int channel_run(struct sk_buff *skb, struct genl_info *info, bool start)
{
	struct nlattr *id = info->attrs[STATCHAN_A_CHANNEL];
	struct statchan_err err = {};
	int ret;

	if (!id)
		return genl_missing(skb, info, STATCHAN_A_CHANNEL,
				    "STATCHAN_A_CHANNEL");
	ret = statchan_nl_run(genl_info_net(info), nla_get_u32(id), start, &err);
	return ret ? genl_fail(skb, info, id, ret, &err) : 0;
}

static int channel_stop(struct sk_buff *skb, struct genl_info *info)
{
	return channel_run(skb, info, false);
}

static int channel_start(struct sk_buff *skb, struct genl_info *info)
{
	return channel_run(skb, info, true);
}

/* ---- family ---- */

static const struct genl_ops ops[] = {
	{
		.cmd = STATCHAN_CMD_VERSION_GET,
		.doit = version_get,
	}, {
		.cmd = STATCHAN_CMD_TRANSPORT_GET,
		.start = statchan_genl_dump_start,
		.dumpit = statchan_genl_dump_transports,
	}, {
		.cmd = STATCHAN_CMD_SOURCE_GET,
		.doit = source_get,
		.start = statchan_genl_dump_start,
		.dumpit = statchan_genl_dump_sources,
		.policy = statchan_genl_source_policy,
		.maxattr = STATCHAN_A_NAME,
	}, {
		.cmd = STATCHAN_CMD_SOURCE_ADD,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = source_add,
		.policy = statchan_genl_add_policy,
		.maxattr = STATCHAN_A_PARAMS,
	}, {
		.cmd = STATCHAN_CMD_SOURCE_DEL,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = source_del,
		.policy = statchan_genl_set_policy,
		.maxattr = STATCHAN_A_NAME,
	}, {
		.cmd = STATCHAN_CMD_SOURCE_SET,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = source_set,
		.policy = statchan_genl_set_policy,
		.maxattr = STATCHAN_A_PARAMS,
	}, {
		.cmd = STATCHAN_CMD_SCHEMA_GET,
		.start = statchan_genl_schema_start,
		.dumpit = statchan_genl_schema_dump,
		.done = statchan_genl_dump_done,
		.policy = statchan_genl_schema_policy,
		.maxattr = STATCHAN_A_LENGTH,
	}, {
		.cmd = STATCHAN_CMD_SNAPSHOT_GET,
		.start = statchan_genl_snapshot_start,
		.dumpit = statchan_genl_snapshot_dump,
		.done = statchan_genl_dump_done,
		.policy = statchan_genl_snapshot_policy,
		.maxattr = STATCHAN_A_LENGTH,
	}, {
		.cmd = STATCHAN_CMD_CHANNEL_OPEN,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = channel_open,
		.policy = statchan_genl_open_policy,
		.maxattr = STATCHAN_A_CONFIG,
	}, {
		/* no capability: only the socket that opened may close */
		.cmd = STATCHAN_CMD_CHANNEL_CLOSE,
		.doit = channel_close,
		.policy = statchan_genl_channel_policy,
		.maxattr = STATCHAN_A_CHANNEL,
	}, {
		.cmd = STATCHAN_CMD_CHANNEL_GET,
		.start = statchan_genl_dump_start,
		.dumpit = statchan_genl_dump_channels,
	}, {
		.cmd = STATCHAN_CMD_LEDGER_GET,
		.start = statchan_genl_ledger_start,
		.dumpit = statchan_genl_ledger_dump,
		.done = statchan_genl_dump_done,
		.policy = statchan_genl_channel_policy,
		.maxattr = STATCHAN_A_CHANNEL,
	}, {
		.cmd = STATCHAN_CMD_CHANNEL_STOP,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = channel_stop,
		.policy = statchan_genl_channel_policy,
		.maxattr = STATCHAN_A_CHANNEL,
	}, {
		.cmd = STATCHAN_CMD_CHANNEL_START,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = channel_start,
		.policy = statchan_genl_channel_policy,
		.maxattr = STATCHAN_A_CHANNEL,
	},
};

/* genl checks the capability over the user namespace of the socket's netns. */
#define SAMPLES_GROUP(n) { \
	.name = STATCHAN_GENL_SAMPLES #n, \
	.flags = GENL_MCAST_CAP_NET_ADMIN, \
}

/* in the order of STATCHAN_GROUP_EVENTS, STATCHAN_GROUP_SAMPLES .. */
static const struct genl_multicast_group groups[] = {
	{ .name = STATCHAN_GENL_EVENTS },
	SAMPLES_GROUP(0), SAMPLES_GROUP(1), SAMPLES_GROUP(2), SAMPLES_GROUP(3),
	SAMPLES_GROUP(4), SAMPLES_GROUP(5), SAMPLES_GROUP(6), SAMPLES_GROUP(7),
	SAMPLES_GROUP(8), SAMPLES_GROUP(9), SAMPLES_GROUP(10), SAMPLES_GROUP(11),
	SAMPLES_GROUP(12), SAMPLES_GROUP(13), SAMPLES_GROUP(14), SAMPLES_GROUP(15),
};

static_assert(ARRAY_SIZE(groups) ==
	      STATCHAN_GROUP_SAMPLES + STATCHAN_GENL_N_SAMPLES);

struct genl_family statchan_genl_family __ro_after_init = {
	.name = STATCHAN_GENL_NAME,
	.version = STATCHAN_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.module = THIS_MODULE,
};

static bool __init genl_any_listens(void)
{
	bool any = false;
	struct net *net;
	int group;

	down_read(&net_rwsem);
	for_each_net(net)
		for (group = STATCHAN_GROUP_SAMPLES; group < ARRAY_SIZE(groups);
		     group++)
			any |= genl_has_listeners(&statchan_genl_family, net,
						  group);
	up_read(&net_rwsem);
	return any;
}

/*
 * Anybody may join a group by its number as long as it is nobody's, and would stay
 * in it. Only to unregister puts members out; who joins after that is asked for the
 * capability. Nothing can be sent to the groups yet. (Who was asked just before the
 * family was there, and is let in just after this, is neither.)
 */
static int __init genl_register(void)
{
	int tries, ret;

	for (tries = 0; tries < GENL_TRIES; tries++) {
		ret = genl_register_family(&statchan_genl_family);
		if (ret || !genl_any_listens())
			return ret;
		genl_unregister_family(&statchan_genl_family);
	}
	pr_err("statchan: somebody goes on joining multicast groups before they exist\n");
	return -EBUSY;
}

int __init statchan_genl_init(void)
{
	int ret;

	ret = statchan_nl_init();
	if (ret)
		return ret;
	ret = genl_register();
	if (ret)
		statchan_nl_exit();
	return ret;
}

/* Every source is gone, and with the sources all channels. */
void statchan_genl_exit(void)
{
	genl_unregister_family(&statchan_genl_family);
	statchan_nl_exit();
}
