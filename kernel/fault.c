// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/statchan/faults, for root:
 *	echo "PLACE N [COUNT]" > faults	  the Nth use of PLACE from now on fails, and
 *					  the COUNT - 1 (0) after it; N 0: none
 *	cat faults			  PLACE, uses to come before the next failure,
 *					  failures to come, failures so far
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "fault.h"

DEFINE_STATIC_KEY_FALSE(statchan_faults);

static const char *const names[STATCHAN_N_FAULTS] = {
	[STATCHAN_FAULT_SOURCE] = "source",
	[STATCHAN_FAULT_SCHEMA] = "schema",
	[STATCHAN_FAULT_SNAPSHOT] = "snapshot",
	[STATCHAN_FAULT_SNAPSHOT_MAP] = "snapshot_map",
	[STATCHAN_FAULT_LIVE] = "live",
	[STATCHAN_FAULT_CHANNEL] = "channel",
	[STATCHAN_FAULT_RECORD] = "record",
	[STATCHAN_FAULT_RING] = "ring",
	[STATCHAN_FAULT_RING_PAGE] = "ring_page",
	[STATCHAN_FAULT_RELAY] = "relay",
	[STATCHAN_FAULT_RELAY_FOLDER] = "relay_folder",
	[STATCHAN_FAULT_RELAY_FILE] = "relay_file",
	[STATCHAN_FAULT_NETLINK] = "netlink",
	[STATCHAN_FAULT_NETLINK_SKB] = "netlink_skb",
	[STATCHAN_FAULT_NETLINK_SOCKET] = "netlink_socket",
	[STATCHAN_FAULT_EVENT] = "event",
	[STATCHAN_FAULT_PROCFS] = "procfs",
	[STATCHAN_FAULT_BPF] = "bpf",
};

/* Of one place; all under faults_lock */
struct fault {
	u64 before;		/* uses that succeed first */
	u64 left;		/* failures to come */
	u64 failed;		/* so far */
};

static DEFINE_RAW_SPINLOCK(faults_lock);
static struct fault faults[STATCHAN_N_FAULTS];
static DEFINE_MUTEX(faults_mutex);	/* writers of the file, the static key */

bool __statchan_fault(enum statchan_fault_place place)
{
	struct fault *fault = &faults[place];
	unsigned long flags;
	bool fail = false;

	raw_spin_lock_irqsave(&faults_lock, flags);
	if (fault->left && fault->before) {
		fault->before--;
	} else if (fault->left) {
		fault->left--;
		fault->failed++;
		fail = true;
	}
	raw_spin_unlock_irqrestore(&faults_lock, flags);
	return fail;
}

static int faults_show(struct seq_file *seq, void *unused)
{
	struct fault fault;
	int i;

	for (i = 0; i < STATCHAN_N_FAULTS; i++) {
		raw_spin_lock_irq(&faults_lock);
		fault = faults[i];
		raw_spin_unlock_irq(&faults_lock);
		seq_printf(seq, "%s %llu %llu %llu\n", names[i], fault.before,
			   fault.left, fault.failed);
	}
	return 0;
}

static int faults_open(struct inode *inode, struct file *file)
{
	return single_open(file, faults_show, NULL);
}

/* Return: whether any place is to fail */
static bool faults_set(int place, u64 nth, u64 count)
{
	bool any = false;
	int i;

	raw_spin_lock_irq(&faults_lock);
	faults[place].before = nth ? nth - 1 : 0;
	faults[place].left = nth ? count : 0;
	for (i = 0; i < STATCHAN_N_FAULTS; i++)
		any |= faults[i].left;
	raw_spin_unlock_irq(&faults_lock);
	return any;
}

/* "PLACE N [COUNT]". Return: the place, or errno */
static int faults_parse(char *line, u64 *nth, u64 *count)
{
	char *text = strim(line);
	char *name = strsep(&text, " ");
	char *number = strsep(&text, " ");
	int place;

	*count = 1;
	if (!number || kstrtou64(number, 10, nth) ||
	    (text && kstrtou64(text, 10, count)) || !*count)
		return -EINVAL;
	place = match_string(names, STATCHAN_N_FAULTS, name);
	return place < 0 ? -ENOENT : place;
}

static ssize_t faults_write(struct file *file, const char __user *user,
			    size_t len, loff_t *pos)
{
	u64 nth, count;
	char line[64];
	int place;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, user, len))
		return -EFAULT;
	line[len] = 0;
	place = faults_parse(line, &nth, &count);
	if (place < 0)
		return place;
	mutex_lock(&faults_mutex);
	if (faults_set(place, nth, count))
		static_branch_enable(&statchan_faults);
	else
		static_branch_disable(&statchan_faults);
	mutex_unlock(&faults_mutex);
	return len;
}

static const struct file_operations faults_fops = {
	.owner = THIS_MODULE,
	.open = faults_open,
	.read = seq_read,
	.write = faults_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void statchan_fault_init(struct dentry *parent)
{
	debugfs_create_file("faults", 0600, parent, NULL, &faults_fops);
}
