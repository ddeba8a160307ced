/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the core know of each other.
 *
 * Locks, outermost first:
 *	source.set_lock		set of a source that a kind made
 *	statchan_kinds_lock	kinds, what they made, and create; not destroy and set,
 *				which may take long
 *	kind_params_lock	(leaf) what describes a source, in kind.c
 *	source.lock		channels of a source, listen, rate
 *	statchan_registry_lock	the list of sources (leaf)
 *	statchan_channels_lock	the list of channels (leaf)
 *	source.snap.lock	taking snapshots (sleeps in the driver)
 *	source.snap.slots_lock	(leaf) all that mmap takes: the driver's locks, such
 *				as RTNL, are outside of mmap_lock
 *	channel_cpu.lock	raw, IRQs off: all that a producer writes
 */
#ifndef _STATCHAN_CORE_H
#define _STATCHAN_CORE_H

#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/prandom.h>
#include <linux/spinlock.h>
#include <linux/statchan.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <statchan/source.h>

#include "compat.h"

struct file;
struct iov_iter;
struct proc_dir_entry;
struct statchan_channel;
struct statchan_transport;
struct net;
struct user_namespace;
struct vm_area_struct;

/* ---- snapshots: snapshot.c ---- */

#define STATCHAN_SNAP_SLOTS	64

/*
 * A dump or an open file of procfs holds memory for as long as its reader likes.
 * This bounds what readers without CAP_NET_ADMIN can hold of one source, and leaves
 * slots to the others.
 */
#define STATCHAN_DUMPS_UNPRIVILEGED	8

/* As many live channels, each with memory for two images, and of the slots at most
 * all but so many: readers without CAP_NET_ADMIN that have the device open.
 */
#define STATCHAN_LIVE_UNPRIVILEGED	8
#define STATCHAN_SLOTS_PRIVILEGED	16

/**
 * struct statchan_snap - a snapshot, immutable while it has users
 * @src:	holds no reference; the users do
 * @image:	vmalloc_user() memory: struct statchan_snapshot and the counters
 * @len:	bytes of the image
 * @index:	place in src->snap.slot; names the mmap offset
 * @users:	under src->snap.lock: who reads it now
 * @used:	jiffies when the last user left
 * @maps:	mappings; while there are any the memory stays in its slot
 * @digest:	xxh64 of the counters, if @digested
 */
struct statchan_snap {
	struct statchan_source *src;
	struct statchan_snapshot *image;
	u64 len;
	u32 index;
	u32 users;
	unsigned long used;
	atomic_t maps;
	u64 digest;
	bool digested;
};

struct statchan_snap_pool {
	struct mutex lock;	/* all below, and the driver's snapshot() */
	spinlock_t slots_lock;	/* slot[], too: for mmap, see snapshot.c */
	u64 generation;		/* written here; READ_ONCE by who describes the source */
	u32 held;		/* slots that have users */
	struct statchan_snap *latest;
	struct statchan_snap *slot[STATCHAN_SNAP_SLOTS];
	struct delayed_work trim;
};

void statchan_snap_pool_init(struct statchan_source *src);
void statchan_snap_pool_destroy(struct statchan_source *src);
struct statchan_snap *statchan_snap_get(struct statchan_source *src,
					u64 max_age_ns, u64 generation,
					struct user_namespace *admin,
					struct statchan_err *err);
void statchan_snap_hold(struct statchan_snap *snap);
void statchan_snap_put(struct statchan_snap *snap);
u64 statchan_snap_digest(struct statchan_snap *snap);
u64 statchan_snap_offset(const struct statchan_snap *snap);
int statchan_snap_mmap(struct statchan_source *src, struct vm_area_struct *vma);

static inline u64 statchan_image_len(u64 n_counters)
{
	return sizeof(struct statchan_snapshot) + n_counters * sizeof(u64);
}

/* ---- sources: source.c, kind.c, schema.c ---- */

#define STATCHAN_KIND_PARAMS	24

struct statchan_source_cpu {
	u64 seq;		/* next number; this CPU with IRQs off */
	u64 observed;		/* this CPU */
	s32 skip;		/* packets until the next sample; this CPU */
	u32 rate;		/* for which skip was drawn; this CPU */
	struct rnd_state rnd;	/* this CPU; get_random_u32() sleeps on RT */
};

struct statchan_source {
	struct list_head node;		/* statchan_registry_lock */
	struct kref ref;
	u32 id;
	char name[STATCHAN_NAME_MAX];
	struct net *net;		/* compared only; valid until gone */
	const struct statchan_source_ops *ops;
	void *priv;

	const struct statchan_kind *kind; /* see kind.c; NULL: a driver's own */
	u64 params[STATCHAN_KIND_PARAMS]; /* same */
	struct list_head made;		/* statchan_kinds_lock; by kind */
	bool ending;			/* same; somebody destroys it */
	bool destroyed;			/* same; that is over */
	struct mutex set_lock;
	bool unmade;			/* set_lock; priv goes */

	struct statchan_schema *schema;	/* blob, immutable */

	struct mutex lock;		/* outside of snap.lock */
	bool gone;			/* set once; seen under lock and snap.lock from then on */
	u32 rate;			/* lock; READ_ONCE in the sampler */
	u32 listeners;			/* lock; READ_ONCE in emit */
	struct list_head channels;	/* lock; RCU in emit */
	struct statchan_source_cpu __percpu *cpu;

	struct statchan_snap_pool snap;
	atomic_t dumps;			/* by readers without capability */
	atomic_t live;			/* live channels of such */
	struct proc_dir_entry *proc;	/* from before it is listed until after; */
	struct proc_dir_entry *proc_legacy; /* both NULL where there is no folder */
};

extern struct mutex statchan_registry_lock;

struct statchan_source *statchan_source_find(struct net *net, u32 id,
					     const char *name,
					     struct statchan_err *err);
struct statchan_source *statchan_source_after(struct net *net, u32 id);
void statchan_source_put(struct statchan_source *src);
void statchan_source_counts(struct statchan_source *src, u64 *observed,
			    u64 *emitted);
int statchan_source_set_rate(struct statchan_source *src, u32 rate,
			     struct statchan_err *err);
int statchan_source_attach(struct statchan_source *src,
			   struct statchan_channel *ch,
			   struct statchan_err *err);
int statchan_source_start(struct statchan_source *src,
			  struct statchan_channel *ch, struct statchan_err *err);
void statchan_source_stop(struct statchan_source *src,
			  struct statchan_channel *ch);
void statchan_source_detach(struct statchan_source *src,
			    struct statchan_channel *ch);

int statchan_driver_said(const struct statchan_source *src, const char *callback,
			 int ret);

struct statchan_schema *statchan_schema_build(const struct statchan_schema_desc *desc);

int statchan_kind_add_source(struct net *net, const char *kind,
			     const char *name, const char *params, bool may_wait,
			     u32 *id, struct statchan_err *err);
int statchan_kind_del_source(struct net *net, const char *name,
			     struct statchan_err *err);
int statchan_kind_set_source(struct net *net, const char *name,
			     const char *params, bool may_wait,
			     struct statchan_err *err);
void statchan_kind_format(struct statchan_source *src, char *kind_name,
			  size_t kind_len, char *buf, size_t len);
void statchan_kind_net_exit(struct net *net);

/* ---- channels: channel.c, emit.c, ledger.c ---- */

#define STATCHAN_SEQ_NONE	(~0ULL)

/* A gap of each reason for which a record is not accepted: no transport has more than four */
#define STATCHAN_GAP_SPARE	(4 * sizeof(struct statchan_lost))

/* Losses not yet told to the consumer, of one reason */
struct statchan_gap {
	u64 first_seq;
	u64 last_seq;
	u64 count;
	u64 first_ns;
	u64 last_ns;
};

/* Why the next record does not take the short way: bits of channel_cpu.special */
#define STATCHAN_CC_STOPPED	BIT(0)	/* not offered: not yet, or not any more */
#define STATCHAN_CC_FIRST	BIT(1)	/* none was offered before */
#define STATCHAN_CC_DECIMATES	BIT(2)	/* not all are wanted */

/**
 * struct statchan_channel_cpu - what one CPU produces into one channel
 * @lock:	owner of all below but @work; taken by emit on this CPU, and by
 *		flush from anywhere
 * @first_seq:	of the first record this channel was offered, or SEQ_NONE
 * @next_seq:	one after the last; produced = next_seq - first_seq
 * @announced:	@accepted at the last announcement
 * @announce_records: the watermark: announce when @accepted is so much, or
 * @announce_bytes: @bytes
 * @reason:	scratch for emit: why the record at hand is lost
 * @flushing:	the announcement comes from the timeout or the end of stream
 * @unflushed:	set by announce: something can't be shown yet to all kinds of
 *		readers, so the timeout must come again
 * @unwoken:	who should have been woken is to be, by the timeout
 * @special:	STATCHAN_CC_*
 * @armed:	the timer runs for a record, or the channel has none
 * @retry_ns:	when what found no room is tried again; only the timer, and who
 *		arms it
 * @spare:	bytes that reserve keeps free: room for the gaps that must be told
 *		before the end of the stream, and 0 then
 * @gaps:	bit r: gap[r] waits to be written
 * @priv:	of the transport
 * @work:	leaves the producer's context to notify the consumer
 */
struct statchan_channel_cpu {
	raw_spinlock_t lock;
	u8 special;
	bool armed;
	bool ended;
	bool flushing;
	bool unflushed;
	bool unwoken;
	u16 cpu;
	u32 spare;
	void *priv;
	struct statchan_channel *ch;
	u64 next_seq;
	u64 accepted;
	u64 bytes;
	u64 announce_records;
	u64 announce_bytes;
	u32 gaps;
	u32 reason;
	/* each record needs what is above, few what is below */
	u64 announced;
	u64 first_seq;
	u64 filtered;
	u64 truncated;
	u64 wakeups;
	u64 retry_ns;
	u64 lost[STATCHAN_N_LOST];
	struct statchan_gap gap[STATCHAN_N_LOST];
	struct hrtimer timer;
	struct irq_work work;
};

struct statchan_channel {
	struct list_head node;		/* source.lock; RCU in emit */
	struct list_head all;		/* statchan_channels_lock */
	struct kref ref;
	u32 id;
	u32 kind;			/* enum statchan_channel_kind */
	const struct statchan_transport *transport;
	struct statchan_source *src;	/* counted */
	struct module *owner;		/* of the source, counted */
	struct net *net;		/* compared only */
	struct statchan_channel_config want;
	struct statchan_channel_config got;
	u32 snaplen;			/* hot copies of got */
	u32 decimate;			/* takes 1 in so many records */
	u32 watermark_records;
	u32 watermark_bytes;
	u64 timeout_ns;
	u32 pid;
	u32 follows;			/* until it starts: the other one; source.lock */
	bool attached;			/* source.lock */
	bool eos;			/* set once, WRITE_ONCE */
	struct statchan_channel_cpu __percpu *cpu;
	wait_queue_head_t wait;
	void *priv;			/* of the transport */
};

/**
 * struct statchan_transport - one way across the boundary
 *
 * @open:	mandatory. Process context, may sleep. ch->want is checked for
 *		what all have in common; choose and set ch->got, allocate, fill
 *		in @req what the consumer needs. ch->priv and cc->priv are the
 *		transport's. On error everything is undone, with a sentence.
 * @close:	mandatory. Process context, may sleep; no emit, timer or
 *		irq_work of the channel runs any more. Frees what open made.
 *
 * For transports with STATCHAN_CAP_SAMPLES, under cc->lock with IRQs off:
 * @reserve:	memory for @room bytes (a multiple of STATCHAN_ALIGN), or NULL
 *		and *reason. Beside it cc->spare bytes must be left for other
 *		reserves. Nothing is visible to the consumer yet; a second
 *		reserve without commit returns the same place.
 * @commit:	the reserved record is complete. Return: whether it was taken, else
 *		*reason; then it is lost, as if reserve had failed
 * @announce:	all committed may be delivered now. Return: whether @notify must
 *		be called to reach a sleeping consumer.
 * And:
 * @notify:	optional, else ch->wait is woken. irq_work context.
 * @end:	optional. No record follows, nor a live image: the source is gone.
 *		Process context, may sleep.
 * @consumed:	optional. Records the consumer took, or STATCHAN_UNAVAILABLE.
 *		Process context; the channel is open, and stays so.
 * @subscribers: optional. Sockets that share the channel.
 *
 * For channels opened through the character device, process context:
 * @readable:	is there anything announced and not consumed?
 * @read:	copy whole records out, for STATCHAN_IOC_READ. If it succeeds,
 * @settle:	follows: whether the program was told; else the records come again
 * @read_iter:	same for read(2): bytes, 0 after the end, or errno. @wait: until
 *		there is something, else -EAGAIN
 * @reads_snapshots: channels of snapshots are read by pread(2)
 * @mmap:	map offsets of the channel
 * @state:	relay's control of mapped readers
 */
struct statchan_transport {
	const char *name;
	u32 id;
	u32 caps;

	int (*open)(struct statchan_channel *ch,
		    struct statchan_channel_req *req, struct statchan_err *err);
	void (*close)(struct statchan_channel *ch);

	void *(*reserve)(struct statchan_channel_cpu *cc, u32 room, u32 *reason);
	bool (*commit)(struct statchan_channel_cpu *cc, u32 room, u32 *reason);
	bool (*announce)(struct statchan_channel_cpu *cc);

	void (*notify)(struct statchan_channel_cpu *cc);
	void (*end)(struct statchan_channel *ch);
	u64 (*consumed)(struct statchan_channel_cpu *cc);
	u32 (*subscribers)(struct statchan_channel *ch);

	bool (*readable)(struct statchan_channel *ch);
	int (*read)(struct statchan_channel *ch, struct statchan_read *req,
		    struct statchan_err *err);
	void (*settle)(struct statchan_channel *ch, bool told);
	ssize_t (*read_iter)(struct statchan_channel *ch, struct iov_iter *to,
			     bool wait, struct statchan_err *err);
	bool reads_snapshots;
	int (*mmap)(struct statchan_channel *ch, struct vm_area_struct *vma);
	int (*state)(struct statchan_channel *ch,
		     struct statchan_relay_state *req, struct statchan_err *err);
};

extern struct mutex statchan_channels_lock;

struct statchan_channel *
statchan_channel_open(struct net *net, struct statchan_channel_req *req,
		      u32 pid, struct statchan_err *err);
void statchan_channel_close(struct statchan_channel *ch);
void statchan_channel_put(struct statchan_channel *ch);
void statchan_channel_end(struct statchan_channel *ch);
void statchan_channels_end_live(const struct statchan_source *src);

/* live.c */
int statchan_live_init(void);
void statchan_live_exit(void);
void statchan_channel_stop(struct statchan_channel *ch);
int statchan_channel_start(struct statchan_channel *ch,
			   struct statchan_err *err);
int statchan_channel_info(struct net *net, struct statchan_channel_info *info);
u32 statchan_ledger_of(struct statchan_channel *ch, u32 cpu,
		       struct statchan_ledger *out);
int statchan_channel_ledger(struct net *net, u32 id, u32 cpu,
			    struct statchan_ledger *out, u32 *flags);
void statchan_ledger_fill(struct statchan_channel *ch, u32 cpu,
			  struct statchan_ledger *out);

void statchan_emit_init(struct statchan_channel_cpu *cc);
void statchan_emit_flush(struct statchan_channel_cpu *cc);
void statchan_emit_end(struct statchan_channel_cpu *cc);
enum hrtimer_restart statchan_emit_timer(struct hrtimer *timer);

/* ---- transports: transport.c, transport/ ---- */

extern const struct statchan_transport statchan_transport_ioctl;
extern const struct statchan_transport statchan_transport_netlink;
extern const struct statchan_transport statchan_transport_relay;
extern const struct statchan_transport statchan_transport_mmap;
extern const struct statchan_transport statchan_transport_read;
extern const struct statchan_transport statchan_transport_procfs;
extern const struct statchan_transport statchan_transport_bpf;

int statchan_transports_check(void);
void statchan_relay_init(void);
int statchan_proc_init(void);
void statchan_proc_exit(void);
int statchan_proc_add(struct statchan_source *src);
void statchan_proc_remove(struct statchan_source *src);
const struct statchan_transport *statchan_transport_by_id(u32 id);
const struct statchan_transport *statchan_transport_by_index(u32 index);
void statchan_transports_with(u32 caps, char *buf, size_t len);
void statchan_transport_info(const struct statchan_transport *t,
			     struct statchan_transport_info *info);

/* ---- control operations, shared by both front ends: control.c ---- */

bool statchan_may_admin(struct net *net);
int statchan_ctl_source_add(struct net *net, const char *kind, const char *name,
			    const char *params, bool may_wait, u32 *id,
			    struct statchan_err *err);
int statchan_ctl_source_del(struct net *net, const char *name,
			    struct statchan_err *err);
int statchan_ctl_source_set(struct net *net, const char *name,
			    const char *params, bool may_wait,
			    struct statchan_err *err);
int statchan_ctl_source_info(struct statchan_source *src,
			     struct statchan_source_info *info);

/* ---- what a crossing costs: calibrate.c ---- */

int statchan_calibrate(struct statchan_calibrate *req, struct statchan_err *err);
int statchan_calibrate_mmap(struct vm_area_struct *vma);

/* ---- front ends and events: chardev*.c, genl*.c, event.c ---- */

int statchan_chardev_init(void);
void statchan_chardev_exit(void);
int statchan_genl_init(void);
void statchan_genl_allow_dumps(void);
void statchan_genl_exit(void);
void statchan_event(struct net *net, u32 event, u32 source, u32 channel,
		    const char *name, const char *text);
extern struct dentry *statchan_debugfs;

#endif /* _STATCHAN_CORE_H */
