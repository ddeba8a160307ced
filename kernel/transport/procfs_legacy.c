// SPDX-License-Identifier: GPL-2.0
/*
 * How it was done before there was seq_file.
 *
 * Everything is formatted into one page, and what does not fit is cut off without
 * a word, even within a line; each read formats anew, from another snapshot. So
 * was read_proc. It is kept to show that limit: the library never uses it.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/string.h>
#include <net/net_namespace.h>

#include "procfs.h"

static size_t legacy_format(const struct statchan_snap *snap, char *page)
{
	const struct statchan_schema *schema = snap->src->schema;
	const u64 *counters = (const u64 *)(snap->image + 1);
	struct statchan_proc_place at = {};
	size_t len = 0, part;
	char line[128];

	while (at.counter < schema->n_counters && len < PAGE_SIZE) {
		part = scnprintf(line, sizeof(line), "%s/%u/%s %llu\n",
				 statchan_proc_group(schema, &at)->name,
				 at.instance,
				 statchan_proc_field(schema, &at)->name,
				 counters[at.counter]);
		part = min(part, PAGE_SIZE - len);
		memcpy(page + len, line, part);
		len += part;
		statchan_proc_next(schema, &at);
	}
	return len;
}

static ssize_t legacy_read(struct file *file, char __user *to, size_t len,
			   loff_t *pos)
{
	struct statchan_source *src = file->private_data;
	struct statchan_snap *snap;
	bool counted = false;
	char *page;
	ssize_t ret;

	if (READ_ONCE(src->gone))
		return -EIO;
	page = (char *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ret = statchan_proc_admit(src, file, &counted);
	if (ret) {
		free_page((unsigned long)page);
		return ret;
	}
	snap = statchan_snap_get(src, 0, 0, counted ? NULL : src->net->user_ns,
				 NULL);
	if (IS_ERR(snap)) {
		ret = READ_ONCE(src->gone) ? -EIO : PTR_ERR(snap);
	} else {
		ret = legacy_format(snap, page);
		statchan_snap_put(snap);
	}
	/* at the copy, which may take long, others may have theirs */
	if (counted)
		atomic_dec(&src->dumps);
	if (ret > 0)
		ret = simple_read_from_buffer(to, len, pos, page, ret);
	free_page((unsigned long)page);
	return ret;
}

static int legacy_release(struct inode *inode, struct file *file)
{
	statchan_proc_put(file->private_data);
	return 0;
}

static const struct file_operations legacy_fops = {
	.owner = THIS_MODULE,
	.read = legacy_read,
	.llseek = default_llseek,
	.release = legacy_release,
};

static int legacy_open(struct inode *inode, struct file *file)
{
	struct statchan_source *src = statchan_proc_get(inode);
	int ret;

	if (IS_ERR(src))
		return PTR_ERR(src);
	ret = statchan_proc_take_over(file, &legacy_fops);
	if (ret)
		statchan_proc_put(src);
	else
		file->private_data = src;
	return ret;
}

const struct proc_ops statchan_proc_legacy_ops = {
	.proc_open = legacy_open,
	.proc_lseek = default_llseek, /* or procfs tells the open that there is none */
};
