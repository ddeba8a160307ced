// SPDX-License-Identifier: GPL-2.0
/*
 * Transport procfs: a snapshot as text, in a file for each source, as drivers have
 * always done it: procfs_text.c. And as they did before that: procfs_legacy.c.
 *
 * Entries live in the network namespace of their source, from before it can be found
 * until before it is gone. proc_remove() waits for calls that procfs knows of, and a
 * read lasts as long as the caller's page takes to come, which he may choose. So procfs
 * knows only of the open: a file that is open is ours, holds the source, its namespace
 * (as other files of /proc/net do) and this module, and ends with -EIO.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/proc_fs.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "../fault.h"
#include "procfs.h"

#define PROC_LEGACY	"~legacy" /* no name of a source has a '~' */

/**
 * struct proc_net - of a network namespace
 * @dir:	/proc/net/statchan; NULL: there is none here, only files are missing
 */
struct proc_net {
	struct proc_dir_entry *dir;
};

static unsigned int proc_net_id;

/* ---- open files ---- */

/* Return: the source of the entry, for statchan_proc_put(), or ERR_PTR. From open. */
struct statchan_source *statchan_proc_get(struct inode *inode)
{
	/* whoever ends the source waits for this call */
	struct statchan_source *src = pde_data(inode);

	if (!maybe_get_net(src->net))
		return ERR_PTR(-EIO);
	kref_get(&src->ref);
	return src;
}

void statchan_proc_put(struct statchan_source *src)
{
	struct net *net = src->net;

	statchan_source_put(src);
	put_net(net);
}

/* From open: the file has @fops, with an owner, from now on. Return: 0 or errno. */
int statchan_proc_take_over(struct file *file, const struct file_operations *fops)
{
	fops = fops_get(fops);
	if (!fops)
		return -EIO;
	replace_fops(file, fops);
	return 0;
}

/* ---- files of sources, folders of namespaces ---- */

/*
 * Counters are for all, as by netlink. So is writing: it changes what this one
 * open file will read, and nothing else.
 */
#define PROC_MODE		0666
#define PROC_LEGACY_MODE	0444

/* Name and network namespace are set, the name is nobody else's. Return: 0, or
 * -ENOMEM, and then statchan_proc_remove() takes away what there is.
 */
int statchan_proc_add(struct statchan_source *src)
{
	struct proc_net *pn = net_generic(src->net, proc_net_id);
	char legacy[STATCHAN_NAME_MAX + sizeof(PROC_LEGACY)];

	if (!pn->dir)
		return 0;
	if (statchan_fault(STATCHAN_FAULT_PROCFS))
		return -ENOMEM;
	src->proc = proc_create_data(src->name, PROC_MODE, pn->dir,
				     &statchan_proc_text_ops, src);
	if (!src->proc)
		return -ENOMEM;
	snprintf(legacy, sizeof(legacy), "%s" PROC_LEGACY, src->name);
	src->proc_legacy = proc_create_data(legacy, PROC_LEGACY_MODE, pn->dir,
					    &statchan_proc_legacy_ops, src);
	return src->proc_legacy ? 0 : -ENOMEM;
}

/* Waits for who is just opening a file. Process context, may sleep. */
void statchan_proc_remove(struct statchan_source *src)
{
	proc_remove(src->proc);
	proc_remove(src->proc_legacy);
	src->proc = NULL;
	src->proc_legacy = NULL;
}

static int __net_init proc_net_init(struct net *net)
{
	struct proc_net *pn = net_generic(net, proc_net_id);

	/* where this can't be made only this transport is missing */
	pn->dir = proc_net_mkdir(net, STATCHAN_PROC_DIR, net->proc_net);
	return 0;
}

/* After the sources: main.c registers this first */
static void __net_exit proc_net_exit(struct net *net)
{
	struct proc_net *pn = net_generic(net, proc_net_id);

	proc_remove(pn->dir);
}

static struct pernet_operations proc_net_ops = {
	.init = proc_net_init,
	.exit = proc_net_exit,
	.id = &proc_net_id,
	.size = sizeof(struct proc_net),
};

int statchan_proc_init(void)
{
	return register_pernet_subsys(&proc_net_ops);
}

void statchan_proc_exit(void)
{
	unregister_pernet_subsys(&proc_net_ops);
}

/* ---- the transport: files need no channels ---- */

static int procfs_open(struct statchan_channel *ch,
		       struct statchan_channel_req *req, struct statchan_err *err)
{
	return statchan_err(err, -EOPNOTSUPP, "transport procfs has no channels: read /proc/net/%s/%s",
			    STATCHAN_PROC_DIR, ch->src->name);
}

static void procfs_close(struct statchan_channel *ch)
{
}

const struct statchan_transport statchan_transport_procfs = {
	.name = "procfs",
	.id = STATCHAN_T_PROCFS,
	.caps = STATCHAN_CAP_SNAPSHOT,
	.open = procfs_open,
	.close = procfs_close,
};
