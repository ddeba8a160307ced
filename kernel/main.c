// SPDX-License-Identifier: GPL-2.0
/*
 * statchan: load and unload.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "core.h"
#include "fault.h"

struct dentry *statchan_debugfs;

/* A dying namespace takes the sources that were made in it along. */
static void __net_exit statchan_net_exit(struct net *net)
{
	statchan_kind_net_exit(net);
}

static struct pernet_operations statchan_net_ops = {
	.exit = statchan_net_exit,
};

static int __init statchan_init(void)
{
	int ret;

	ret = statchan_transports_check();
	if (ret)
		return ret;
	/* without debugfs only relay is missing, and says so when it is opened */
	statchan_debugfs = debugfs_create_dir("statchan", NULL);
	statchan_relay_init();
	ret = statchan_live_init();
	if (ret)
		goto debugfs;
	/* before the sources, so that folders outlive the files in them */
	ret = statchan_proc_init();
	if (ret)
		goto live;
	ret = register_pernet_subsys(&statchan_net_ops);
	if (ret)
		goto proc;
	ret = statchan_genl_init();
	if (ret)
		goto pernet;
	ret = statchan_chardev_init();
	if (ret)
		goto genl;
	/* what holds the module comes when nothing can fail any more */
	statchan_fault_init(statchan_debugfs);
	statchan_genl_allow_dumps();
	return 0;
genl:
	statchan_genl_exit();
pernet:
	unregister_pernet_subsys(&statchan_net_ops);
proc:
	statchan_proc_exit();
live:
	statchan_live_exit();
debugfs:
	debugfs_remove(statchan_debugfs);
	return ret;
}

static void __exit statchan_exit(void)
{
	statchan_chardev_exit();
	statchan_genl_exit();
	unregister_pernet_subsys(&statchan_net_ops);
	statchan_proc_exit();
	statchan_live_exit();
	debugfs_remove(statchan_debugfs);
}

module_init(statchan_init);
module_exit(statchan_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Hardware statistics and packet samples over interchangeable transports");
MODULE_ALIAS_GENL_FAMILY(STATCHAN_GENL_NAME);
