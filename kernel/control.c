// SPDX-License-Identifier: GPL-2.0
/*
 * The control operations. chardev_ioctl.c and genl.c only translate; what may be done
 * by whom, and what is announced, is decided here.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/string.h>
#include <net/net_namespace.h>

#include "core.h"

bool statchan_may_admin(struct net *net)
{
	return ns_capable(net->user_ns, CAP_NET_ADMIN);
}

static int ctl_admin(struct net *net, struct statchan_err *err)
{
	if (statchan_may_admin(net))
		return 0;
	return statchan_err(err, -EPERM, "changing sources needs CAP_NET_ADMIN in this network namespace");
}

int statchan_ctl_source_add(struct net *net, const char *kind, const char *name,
			    const char *params, bool may_wait, u32 *id,
			    struct statchan_err *err)
{
	int ret = ctl_admin(net, err);

	/* the source announces itself when it registers */
	return ret ?: statchan_kind_add_source(net, kind, name, params, may_wait,
					       id, err);
}

int statchan_ctl_source_del(struct net *net, const char *name,
			    struct statchan_err *err)
{
	int ret = ctl_admin(net, err);

	return ret ?: statchan_kind_del_source(net, name, err);
}

int statchan_ctl_source_set(struct net *net, const char *name,
			    const char *params, bool may_wait,
			    struct statchan_err *err)
{
	struct statchan_source *src;
	int ret = ctl_admin(net, err);

	if (!ret)
		ret = statchan_kind_set_source(net, name, params, may_wait, err);
	if (ret)
		return ret;
	src = statchan_source_find(net, 0, name, NULL);
	if (!IS_ERR(src)) {
		statchan_event(net, STATCHAN_EVENT_SOURCE_CHANGED, src->id, 0,
			       name, params);
		statchan_source_put(src);
	}
	return 0;
}

/*
 * Fills all of @info. Process context, may sleep; waits for no driver, no snapshot and
 * no channel: over netlink everybody may ask, with the lock of genl held.
 */
int statchan_ctl_source_info(struct statchan_source *src,
			     struct statchan_source_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->id = src->id;
	strscpy(info->name, src->name, sizeof(info->name));
	statchan_kind_format(src, info->kind, sizeof(info->kind),
			     info->params, sizeof(info->params));
	info->n_counters = src->schema->n_counters;
	info->schema_hash = src->schema->hash;
	statchan_source_counts(src, &info->observed, &info->emitted);
	info->generation = READ_ONCE(src->snap.generation);
	info->rate = READ_ONCE(src->rate);
	info->channels = READ_ONCE(src->listeners);
	return 0;
}
