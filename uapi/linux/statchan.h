/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * statchan: hardware statistics and packet samples over interchangeable
 * transports. This header is the whole protocol.
 *
 * WHAT A PROGRAM DOES
 *
 * Everything starts at the character device /dev/statchan or at the generic
 * netlink family "statchan". Both front ends run the same control operations.
 *
 * A *source* has counters and emits samples. It lives in one network
 * namespace and is visible only there. A *snapshot* is all counters of a
 * source at one time: struct statchan_snapshot followed, without a hole, by
 * n_counters values of type __u64 in the byte order of the machine. The same
 * bytes travel on every transport. A *sample* travels as struct
 * statchan_record followed by the captured bytes, padded with zeroes to a
 * multiple of STATCHAN_ALIGN; again the same bytes on every transport.
 *
 * Snapshots:
 *   ioctl      STATCHAN_IOC_SNAPSHOT copies one into the caller's buffer.
 *   read       STATCHAN_IOC_CHANNEL_OPEN(read, SNAPSHOT) once, then pread() or
 *              preadv(). At offset 0 it takes a new snapshot; one that is not read
 *              whole by that call is held for the pieces at other offsets, which
 *              so are all of it (-ENODATA if none is held; 0 from its end on).
 *              STATCHAN_IOC_SNAPSHOT_MAP chooses one by age or generation: from
 *              then on that one is read, at offset 0, too, until the next call.
 *              With STATCHAN_LET_GO it chooses none: what is held goes.
 *              read() goes on where the last read() was; there is no lseek().
 *   procfs     text, the file NAME in STATCHAN_PROC_DIR below /proc/net:
 *		generation N begin N end N flags N source N counters N schema N
 *		group/instance/field N
 *              and so on, a line for each counter in the order of the image; all
 *              numbers are decimal. In names backslash and newline are octal escapes.
 *              The first read() takes the snapshot, and the open file holds it:
 *              all reads are of one generation. Before that a program may write
 *              what it wants: "generation N", "max_age N" (ns), "digest" (" digest
 *              N" ends the first line), "source N" (-ENOENT if the name is now
 *              another's), with spaces between; -EBUSY after. Reads end with -EIO
 *              when the source goes. NAME~legacy is no part of the protocol.
 *   netlink    STATCHAN_CMD_SNAPSHOT_GET, a dump. Each message carries
 *              STATCHAN_A_OFFSET and STATCHAN_A_DATA; all pieces together
 *              are one snapshot, taken once: a dump can not tear. A piece is
 *              32 KiB at most. If the request says with STATCHAN_A_LENGTH how
 *              much the reader can receive at once, it is that, up to 64 KiB.
 *   mmap       STATCHAN_IOC_CHANNEL_OPEN(mmap, SNAPSHOT) once, then
 *              STATCHAN_IOC_SNAPSHOT_MAP names the offset and length at which
 *              mmap() shows the snapshot, read-only. Calling it again lets go
 *              of the one before, with STATCHAN_LET_GO without another one: who
 *              keeps the mapping must not read it from then on, others may get
 *              the memory. Offsets repeat, so a program maps each once.
 *   mmap live  STATCHAN_IOC_CHANNEL_OPEN(mmap, LIVE): mmap() from offset
 *              STATCHAN_MMAP_LIVE shows struct statchan_live, and two images
 *              that the kernel refreshes in turn. See struct statchan_live.
 *              poll(): POLLHUP when the source is gone.
 *
 * Samples: STATCHAN_IOC_CHANNEL_OPEN(transport, SAMPLES), then
 *   ioctl      poll(), STATCHAN_IOC_READ copies whole records of all CPUs. It
 *              does not wait: where there is nothing it copies nothing.
 *   read       read() copies as many whole records of all CPUs as fit. Where there
 *              is nothing it waits until poll() would report POLLIN; with
 *              O_NONBLOCK it takes what there is, announced or not, and is
 *              -EAGAIN if that is nothing. 0: the end of the stream. -EMSGSIZE:
 *              not even the next record fits. -ESPIPE: pread() elsewhere than 0.
 *   mmap       per-CPU rings, see struct statchan_ring_producer.
 *   relay      per-CPU files in debugfs, named in the answer to the open; a CPU
 *              that was never online has none. Read, map or splice them; poll()
 *              the channel's own descriptor. That of a file answers for whole
 *              sub-buffers; a begun one is completed when the timeout has passed
 *              and it was not read. read() never waits, returns 0 when
 *              there is nothing, and may end within a record, whose rest is what
 *              the next read() begins with. Mode overwrite: after the stop only,
 *              -EBUSY before.
 *   netlink    STATCHAN_CMD_CHANNEL_OPEN on the socket that will join the
 *              multicast group named in the answer. Each STATCHAN_CMD_SAMPLES
 *              message carries records of one CPU in STATCHAN_A_DATA. Who
 *              asks for the same source and settings shares the channel, unless
 *              one of the two follows another channel. Nothing is sent before
 *              a first socket has joined; who joins later than another begins
 *              where the others are, and looks with
 *              STATCHAN_CMD_CHANNEL_GET whether the stream has ended by then
 *              (as after ENOBUFS, when the last message may be among the lost;
 *              what was accepted before may still be on its way then). What
 *              the ledger says was accepted after the last message that came,
 *              the socket lost. Groups are used again: a message of another
 *              CHANNEL is not ours. None is larger than 64 KiB. A socket in the
 *              group is no reader: the channel lives as long as a socket that
 *              opened it.
 *   bpf        per-CPU BPF ring buffers of a program that the consumer has attached
 *              before, see struct statchan_bpf; poll() the channel's own descriptor.
 * poll() on a descriptor that has a channel of samples: POLLIN when records are
 * announced, POLLHUP from the end of the stream on; what was accepted before can
 * still be read. A descriptor without a channel is POLLERR, and who waits for it is
 * not woken by one that is opened later: open the channel first, then epoll_ctl().
 * It is level-triggered. A reader by EPOLLET is woken again only if it has read until
 * nothing was left: until -EAGAIN; in a ring until pos == head, with a full barrier
 * between the store of pos and that load of head.
 * A channel dies with the file or socket that opened it.
 *
 * WHAT IS PROMISED
 *
 * Every record of a source has (cpu, seq). On each CPU seq counts from 0
 * without holes while any channel listens, and is taken before anything can
 * fail. A channel delivers one CPU's records in increasing seq. A loss is
 * delivered as struct statchan_lost at the place where it happened, before the
 * next record of that CPU; a channel that ends tells all its losses before its
 * end, for which its buffers keep room. For each channel and CPU, see struct
 * statchan_ledger:
 *	produced = next_seq - first_seq = accepted + filtered + sum(lost before)
 *	accepted = taken by the consumer + waiting for it + sum(lost after)
 *
 * STOP, FOLLOW
 *
 * STATCHAN_IOC_CHANNEL_STOP (STATCHAN_CMD_CHANNEL_STOP) takes a channel off its
 * source: what it has accepted can still be read, up to the end of stream. So a
 * channel of mode overwrite is frozen: the last records before it can be read.
 * A channel that is opened to follow another one (statchan_channel_req.follows,
 * STATCHAN_A_FOLLOWS) gets nothing before STATCHAN_IOC_CHANNEL_START
 * (STATCHAN_CMD_CHANNEL_START). With that it begins on each CPU with the record
 * after the last of the other one, which is stopped: no record is in both, and none
 * is in neither. Until then it can be mapped, its files opened and its group
 * joined; what fails by then leaves the other one as it is.
 *
 * COMPATIBILITY
 *
 * All structures have the same layout for 32- and 64-bit programs. Each ioctl
 * structure starts with its size; a newer program's trailing bytes must be 0
 * on an older kernel (-E2BIG). Unknown flags and non-zero reserved fields are
 * -EINVAL. STATCHAN_ABI is raised when a program written for the old number
 * would misread the new one; additions at the end do not raise it: a structure is
 * taken as short as it was in the first version that had it, and not shorter (-EINVAL).
 *
 * ERRORS
 *
 * A failed ioctl or read leaves a sentence for people behind, if there is more to
 * say than the errno, else "": STATCHAN_IOC_ERROR. -EAGAIN and -ENOTTY leave the
 * last one. An answer that can not be written (-EFAULT):
 * records of READ come again, the channel of CHANNEL_OPEN is closed again; what
 * SOURCE_ADD has made stays, and so what RELAY_STATE was given back.
 * Generic netlink carries the same sentence as extended acknowledgment.
 * A dump that fails says so in NLMSG_DONE: its payload begins with the errno,
 * and the acknowledgment's attributes follow.
 *
 * PERMISSION
 *
 * Opening the device needs the rights of its file mode; netlink and the text of
 * procfs are for all, a few at a time. Samples, source_add,
 * _del and _set need CAP_NET_ADMIN in the user namespace that owns the network
 * namespace, on every transport; for relay in the initial one, since its files are
 * root's. Calibrating needs CAP_SYS_ADMIN. Rights are those
 * of who asks, when it asks: what is open stays open. Who has not CAP_NET_ADMIN may
 * find that others like it hold all that is for them: -EBUSY.
 */
#ifndef _UAPI_LINUX_STATCHAN_H
#define _UAPI_LINUX_STATCHAN_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define STATCHAN_ABI		1

#define STATCHAN_DEVICE		"statchan"	/* /dev/statchan */
#define STATCHAN_PROC_DIR	"statchan"	/* /proc/net/statchan/ */
#define STATCHAN_GENL_NAME	"statchan"
#define STATCHAN_GENL_VERSION	1
#define STATCHAN_GENL_EVENTS	"events"	/* multicast group of events */
#define STATCHAN_GENL_SAMPLES	"samples"	/* "samples0" .. "samples15" */
#define STATCHAN_GENL_N_SAMPLES	16

#define STATCHAN_NAME_MAX	32	/* with the terminating 0 */
#define STATCHAN_PARAMS_MAX	1024	/* "key=value key=value", with the 0 */
#define STATCHAN_PATH_MAX	128
#define STATCHAN_ERROR_MAX	200
#define STATCHAN_ALIGN		8	/* of records in every buffer */
#define STATCHAN_SNAPLEN_MAX	32768	/* captured bytes of one record */
#define STATCHAN_COUNTERS_MAX	(8U << 20)	/* of one source: 64 MiB */
#define STATCHAN_CHANNELS_MAX	128	/* of samples, that listen to one source */
#define STATCHAN_SUBSCRIBERS_MAX 1024	/* sockets that share a netlink channel */
#define STATCHAN_RATE_MAX	(1U << 30)

#define STATCHAN_UNAVAILABLE	(~0ULL)	/* a value this transport can't know */

/* ---- limits and defaults of a channel (0 in a request: the default) ---- */

#define STATCHAN_SNAPLEN_DEFAULT	128
#define STATCHAN_BUFFER_DEFAULT		(1U << 20)	/* bytes per CPU */
#define STATCHAN_BUFFER_MAX		(256U << 20)	/* bytes per CPU */
#define STATCHAN_WATERMARK_DEFAULT	64		/* records */
#define STATCHAN_TIMEOUT_DEFAULT	10000000ULL	/* ns: 10 ms */
#define STATCHAN_TIMEOUT_MIN		10000ULL	/* ns: 10 us */
#define STATCHAN_TIMEOUT_NEVER		(~0ULL)
#define STATCHAN_PERIOD_DEFAULT		100000000ULL	/* ns: 100 ms */
#define STATCHAN_PERIOD_MIN		1000000ULL	/* ns: 1 ms */
#define STATCHAN_SUBBUFS_DEFAULT	8
#define STATCHAN_SUBBUFS_MAX		1024

/* ---- snapshots ---- */

#define STATCHAN_SNAPSHOT_MAGIC	0x50414e53U	/* "SNAP", in memory order on LE */

/* statchan_snapshot.flags */
#define STATCHAN_SNAP_ATOMIC	0x1U	/* one point in time for all counters */
#define STATCHAN_SNAP_TORN	0x2U	/* the source changed while it was read */

/**
 * struct statchan_snapshot - head of a snapshot image
 * @magic:	STATCHAN_SNAPSHOT_MAGIC
 * @head_len:	bytes of this head; the counters start here
 * @flags:	STATCHAN_SNAP_*; neither ATOMIC nor TORN: read one after another
 * @source:	id of the source
 * @n_counters:	number of __u64 values that follow
 * @generation:	counts the snapshots of this source from 1
 * @schema_hash: see struct statchan_schema
 * @begin_ns:	CLOCK_MONOTONIC before the first counter was read
 * @end_ns:	CLOCK_MONOTONIC after the last
 * @reserved:	0
 */
struct statchan_snapshot {
	__u32 magic;
	__u32 head_len;
	__u32 flags;
	__u32 source;
	__u64 n_counters;
	__u64 generation;
	__u64 schema_hash;
	__u64 begin_ns;
	__u64 end_ns;
	__u64 reserved;
};

/* ---- schema ---- */

#define STATCHAN_SCHEMA_MAGIC	0x4d484353U	/* "SCHM" */

enum statchan_field_type {
	STATCHAN_COUNTER = 1,	/* only grows, wraps at 2^64 */
	STATCHAN_GAUGE = 2,	/* any value */
};

enum statchan_unit {
	STATCHAN_UNIT_NONE = 0,
	STATCHAN_UNIT_PACKETS = 1,
	STATCHAN_UNIT_BYTES = 2,
	STATCHAN_UNIT_EVENTS = 3,
	STATCHAN_UNIT_NS = 4,
};

/**
 * struct statchan_schema - head of a schema blob
 * @magic:	STATCHAN_SCHEMA_MAGIC
 * @len:	bytes of the whole blob
 * @n_groups:	struct statchan_group[n_groups] follow the head
 * @n_fields:	struct statchan_field[n_fields] follow the groups
 * @n_counters:	sum over groups of instances x fields
 * @hash:	xxHash64, seed 0, of the blob with this field 0
 *
 * Counter (group g, instance i, field f of that group) is value number
 *	g.first_counter + i * g.n_fields + f
 * of a snapshot; its description is field number g.first_field + f.
 */
struct statchan_schema {
	__u32 magic;
	__u32 len;
	__u32 n_groups;
	__u32 n_fields;
	__u64 n_counters;
	__u64 hash;
};

struct statchan_group {
	char  name[STATCHAN_NAME_MAX];
	__u32 instances;
	__u32 n_fields;
	__u32 first_field;
	__u32 first_counter;
};

struct statchan_field {
	char  name[STATCHAN_NAME_MAX];	/* 31 bytes and 0, as ethtool's */
	__u16 type;			/* enum statchan_field_type */
	__u16 unit;			/* enum statchan_unit */
	__u32 reserved;
};

/* ---- records ---- */

enum statchan_record_type {
	STATCHAN_RECORD_SAMPLE = 1,	/* struct statchan_record + payload */
	STATCHAN_RECORD_LOST = 2,	/* struct statchan_lost */
	STATCHAN_RECORD_PAD = 3,	/* only in mapped relay sub-buffers */
};

/* statchan_record.flags */
#define STATCHAN_REC_TRUNCATED	0x01	/* captured less than there was to capture */
#define STATCHAN_REC_INGRESS	0x02	/* packet was received */
#define STATCHAN_REC_EGRESS	0x04	/* packet was sent */
#define STATCHAN_REC_VLAN	0x08	/* vlan_tci and vlan_proto are valid */

#define STATCHAN_QUEUE_UNKNOWN	0xffffffffU	/* statchan_record.queue */

/**
 * struct statchan_record - head of a sample
 * @len:	bytes of head and payload, without padding. The next record is at
 *		the next multiple of STATCHAN_ALIGN. All records begin with
 *		@len, @type and @cpu, so an unknown type can be skipped.
 * @type:	STATCHAN_RECORD_SAMPLE
 * @cpu:	that emitted it
 * @seq:	number of the record on that CPU, from 0
 * @time_ns:	CLOCK_MONOTONIC of the emit, or as the source stamped it
 * @orig_len:	bytes of the packet before it was cut
 * @ifindex:	of the interface, 0 where there is none
 * @rate:	1 in @rate packets is sampled by the source
 * @flags:	STATCHAN_REC_*
 * @protocol:	ethertype in host order, 0 if unknown
 * @vlan_tci:	as in the tag, host order; in the payload no tag
 * @vlan_proto:	ethertype of the tag, host order
 * @queue:	receive or transmit queue, STATCHAN_QUEUE_UNKNOWN if the driver did
 *		not say or the queue is not chosen yet
 */
struct statchan_record {
	__u32 len;
	__u16 type;
	__u16 cpu;
	__u64 seq;
	__u64 time_ns;
	__u32 orig_len;
	__u32 ifindex;
	__u32 rate;
	__u16 flags;
	__u16 protocol;
	__u16 vlan_tci;
	__u16 vlan_proto;
	__u32 queue;
};

/* Why a record was lost: before the channel accepted it, or after. */
enum statchan_lost_reason {
	STATCHAN_LOST_RING_FULL = 0,	/* before: consumer was too slow */
	STATCHAN_LOST_NO_MEMORY = 1,	/* before: an allocation failed */
	STATCHAN_LOST_OVERSIZE = 2,	/* before: larger than the buffer */
	STATCHAN_LOST_SOCKET_OVERRUN = 3, /* after: buffer of a socket full */
	STATCHAN_LOST_CONSUMER_GONE = 4, /* before: its BPF program is not there */
	STATCHAN_LOST_OVERWRITTEN = 5,	/* after: mode overwrite, the oldest */
	STATCHAN_LOST_INJECTED = 6,	/* before: by the faults switch */
	STATCHAN_N_LOST = 8,		/* room in struct statchan_ledger */
};

/**
 * struct statchan_lost - a gap, in band
 * @len:	sizeof(struct statchan_lost)
 * @type:	STATCHAN_RECORD_LOST
 * @cpu:	on which records were lost
 * @first_seq:	first and
 * @last_seq:	last sequence number lost
 * @count:	records lost; less than last - first + 1 where the channel
 *		takes 1 in n of the source's records, or reasons alternated
 * @first_ns:	CLOCK_MONOTONIC of the first and
 * @last_ns:	of the last record lost, as its source says: a source that is
 *		behind, or that more than one context feeds, may not go by time
 * @reason:	enum statchan_lost_reason
 * @reserved:	0
 */
struct statchan_lost {
	__u32 len;
	__u16 type;
	__u16 cpu;
	__u64 first_seq;
	__u64 last_seq;
	__u64 count;
	__u64 first_ns;
	__u64 last_ns;
	__u32 reason;
	__u32 reserved;
};

/**
 * struct statchan_ledger - what became of the records of one channel and CPU
 * @cpu:	this CPU
 * @reserved:	0
 * @first_seq:	of the first record that was offered to this channel, and
 * @next_seq:	of the one after the last; both unavailable before the first
 * @produced:	records the source emitted while this channel listened
 * @accepted:	records handed to the transport
 * @filtered:	records that the channel's own sampling left out
 * @truncated:	of the accepted, those cut to snaplen
 * @wakeups:	notifications sent to the consumer
 * @consumed:	records the consumer took, where the kernel can know
 * @bytes:	of the accepted and of the losses told, with heads and padding to
 *		STATCHAN_ALIGN
 * @lost:	by enum statchan_lost_reason
 *
 * A value that can't be known is STATCHAN_UNAVAILABLE.
 */
struct statchan_ledger {
	__u32 cpu;
	__u32 reserved;
	__u64 first_seq;
	__u64 next_seq;
	__u64 produced;
	__u64 accepted;
	__u64 filtered;
	__u64 truncated;
	__u64 wakeups;
	__u64 consumed;
	__u64 bytes;
	__u64 lost[STATCHAN_N_LOST];
};

/* ---- shared memory of the mmap transport ---- */

/*
 * Samples: one ring per possible CPU. The ring of CPU c starts at mmap offset
 *	STATCHAN_MMAP_RING + c * ring_stride
 * (ring_stride, page_size and buffer_size from the answer to the open):
 *
 *   +0                    consumer page   read-write, the only writable page
 *   +page_size            producer page   read-only
 *   +2*page_size          data            read-only, buffer_size bytes
 *   +2*page_size+buf      data again, so that no record wraps
 *
 * Map it shared, the consumer page by itself, the rest as one; -EINVAL for a CPU
 * that is not possible. buffer_size is a power of two.
 *
 * Positions are byte counts that never wrap in practice; the place of a
 * position in data is pos & (buffer_size - 1). The kernel writes a record and
 * then stores head with release; the consumer loads head with acquire, reads
 * records from pos to head, then stores pos with release. A position that the
 * consumer forges harms only its own records.
 *
 * poll() answers for the wakeup policy: it reports readable when pos is before
 * the announced position, which follows head when the watermark is reached or
 * the timeout has passed. A reader that need not sleep just looks at head. For
 * the end it loads flags with acquire before head: if STATCHAN_RING_EOS is set,
 * nothing follows the head that it then sees.
 *
 * Mode overwrite. The oldest records make room for the new, whether they were
 * read or not: [tail, head) is there. The kernel adds to evicting, advances tail,
 * makes evicted equal to evicting, and only then overwrites. A consumer
 *	loads evicted, tail and evicting until both counts are the same: it then
 *	  knows how many sample records lie before tail; if its own position is
 *	  before tail, it has lost those that it had not read, and goes on there;
 *	loads head with acquire, copies bytes out, issues a read barrier, and
 *	loads tail again: of the copy only what is not before tail is good.
 * Once the channel is stopped nothing moves, and the rest is read in place.
 */
#define STATCHAN_MMAP_RING	0ULL
#define STATCHAN_MMAP_SNAPSHOT	(1ULL << 40)
#define STATCHAN_MMAP_LIVE	(1ULL << 41)
#define STATCHAN_MMAP_CALIBRATE	(1ULL << 42)	/* see struct statchan_calibrate */

#define STATCHAN_RING_EOS	0x1U	/* nothing follows head: see STATCHAN_CHAN_EOS */

struct statchan_ring_consumer {
	__u64 pos;		/* written by the consumer only */
};

struct statchan_ring_producer {
	__u64 head;		/* all written by the kernel only */
	__u64 tail;		/* mode overwrite: position of the oldest record */
	__u64 announced;
	__u32 flags;		/* STATCHAN_RING_* */
	__u32 cpu;
	__u64 evicting;		/* sample records overwritten, the one that is */
	__u64 evicted;		/* about to be included; and without it */
};

/**
 * struct statchan_live - control page of a live snapshot
 * @magic:	STATCHAN_LIVE_MAGIC
 * @flags:	STATCHAN_LIVE_EOS when the source is gone
 * @seq:	number of complete images; image seq & 1 is the newest. 0: none yet
 * @writing:	seq + 1 while the kernel writes the next image into the other
 *		half, else equal to seq
 * @period_ns:	between refreshes
 * @image_len:	bytes of one image
 * @image_offset: of image 0 and 1 from the start of this page
 * @errors:	refreshes that failed
 *
 * A reader loads seq with acquire, reads image seq & 1, issues a read barrier,
 * and loads writing: if writing > seq + 1 the image may be torn; again.
 */
#define STATCHAN_LIVE_MAGIC	0x4556494cU	/* "LIVE" */
#define STATCHAN_LIVE_EOS	0x1U

struct statchan_live {
	__u32 magic;
	__u32 flags;
	__u64 seq;
	__u64 writing;
	__u64 period_ns;
	__u64 image_len;
	__u64 image_offset[2];
	__u64 errors;
};

/* ---- samples over bpf ---- */

/*
 * The tracepoint STATCHAN_BPF_TRACEPOINT shows each record of each channel of this
 * transport to the BPF programs (raw tracepoint, writable) that are attached to it. A
 * program answers for the channel with its key and leaves the others alone. It has
 * a BPF ring buffer for each possible CPU, all new and of the same size.
 *
 * A consumer loads and attaches such a program, with a key that nobody else has,
 * and then opens the channel with this key; no record comes before. The open asks
 * for all rings; -ENXIO: no program answered. While the channel is open only records
 * of it may be put in the rings, and only by this program.
 *
 *   LOOK   write into size, head and tail of the CPU's ring: its size, the producer's
 *          and the consumer's position; answer DONE.
 *   TAKE   reserve slot bytes, copy room bytes from record, submit without wakeup,
 *          answer DONE; or FULL if the ring has no room.
 *
 * With what a ring buffer puts before each record, BPF_RINGBUF_HDR_SZ bytes, a slot
 * is a multiple of 64 bytes up to 1024, then of the fourth part of the power of two
 * below; so a program can have a constant for each. The last slot is of
 * STATCHAN_BPF_END bytes and holds no record: nothing follows.
 *
 * A consumer reads the rings as any BPF ring buffer. It sleeps on the channel's
 * descriptor: the wakeup policy announces there, as for all transports.
 */
#define STATCHAN_BPF_TRACEPOINT	"statchan_bpf"
#define STATCHAN_BPF_HEAD	8U	/* BPF_RINGBUF_HDR_SZ */
#define STATCHAN_BPF_END	8U
#define STATCHAN_BPF_SLOT_MAX	(40960U - STATCHAN_BPF_HEAD)

enum statchan_bpf_op {
	STATCHAN_BPF_LOOK = 1,
	STATCHAN_BPF_TAKE = 2,
};

enum statchan_bpf_answer {
	STATCHAN_BPF_NOBODY = 0,
	STATCHAN_BPF_DONE = 1,
	STATCHAN_BPF_FULL = 2,
};

/**
 * struct statchan_bpf - what the tracepoint shows
 * @key:	of the channel
 * @op:		enum statchan_bpf_op
 * @answer:	enum statchan_bpf_answer: written by the program
 * @cpu:	whose ring
 * @room:	TAKE: bytes of the record with its padding; 0 with STATCHAN_BPF_END
 * @slot:	TAKE: bytes to reserve
 * @reserved:	0
 * @size:	LOOK: written by the program, as
 * @head:	this
 * @tail:	and this
 * @pad:	0
 * @record:	TAKE: its first bytes. A larger one goes on behind this structure, where
 *		bpf_probe_read_kernel() can read it
 */
struct statchan_bpf {
	__u64 key;
	__u32 op;
	__u32 answer;
	__u32 cpu;
	__u32 room;
	__u32 slot;
	__u32 reserved;
	__u64 size;
	__u64 head;
	__u64 tail;
	__u64 pad;
	__u64 record[159];
};

/* ---- transports ---- */

enum statchan_transport_id {
	STATCHAN_T_IOCTL = 1,
	STATCHAN_T_NETLINK = 2,
	STATCHAN_T_RELAY = 3,
	STATCHAN_T_MMAP = 4,
	STATCHAN_T_READ = 5,
	STATCHAN_T_PROCFS = 6,
	STATCHAN_T_BPF = 7,
};

#define STATCHAN_CAP_SNAPSHOT	0x0001U	/* snapshots on request */
#define STATCHAN_CAP_LIVE	0x0002U	/* snapshots refreshed by the kernel */
#define STATCHAN_CAP_SAMPLES	0x0004U
#define STATCHAN_CAP_EVENTS	0x0008U
#define STATCHAN_CAP_MULTICAST	0x0010U	/* many subscribers share one send */
#define STATCHAN_CAP_ZEROCOPY	0x0020U	/* reader sees the kernel's memory */
#define STATCHAN_CAP_OVERWRITE	0x0040U	/* mode overwrite */
#define STATCHAN_CAP_FILES	0x0080U	/* plain tools can read it */

struct statchan_transport_info {
	__u32 id;			/* enum statchan_transport_id */
	__u32 caps;			/* STATCHAN_CAP_* */
	char  name[STATCHAN_NAME_MAX];
};

/* ---- ioctl structures: size first, then in, then out ---- */

struct statchan_version {
	__u32 size;
	__u32 abi;		/* out: STATCHAN_ABI of the module */
	__u32 page_size;	/* out */
	__u32 nr_cpus;		/* out: possible CPUs, highest number + 1 */
};

struct statchan_transports {
	__u32 size;
	__u32 count;		/* in: room in buf; out: number there are */
	__aligned_u64 buf;	/* struct statchan_transport_info[] */
};

/* params: "key=value key=value", ended by 0, STATCHAN_PARAMS_MAX at most */
struct statchan_source_req {
	__u32 size;
	__u32 id;			/* out, add only: of the source */
	char  name[STATCHAN_NAME_MAX];
	char  kind[STATCHAN_NAME_MAX];	/* add only */
	__aligned_u64 params;		/* add and set; 0: none */
};

struct statchan_source_info {
	__u32 size;
	__u32 id;			/* in: 0 = by name; out */
	char  name[STATCHAN_NAME_MAX];	/* in if id is 0; out */
	char  kind[STATCHAN_NAME_MAX];
	char  params[STATCHAN_PARAMS_MAX]; /* in force, "key=value key=value" */
	__u64 n_counters;
	__u64 schema_hash;
	__u64 generation;		/* of the newest snapshot, 0: none */
	__u64 observed;			/* packets seen by the sampler */
	__u64 emitted;			/* records emitted, all CPUs */
	__u32 rate;			/* 1 in rate is sampled */
	__u32 channels;			/* of samples, that listen */
};

/* The source with the smallest id greater than id; -ENOENT after the last. */
struct statchan_source_next {
	__u32 size;
	__u32 id;
};

struct statchan_schema_req {
	__u32 size;
	__u32 source;
	__aligned_u64 buf;
	__u64 len;		/* in: room; out: bytes of the blob */
};				/* too small: -EMSGSIZE, len set, buf untouched */

#define STATCHAN_GET_DIGEST	0x1U	/* flags: compute digest, too */
/* flags, SNAPSHOT_MAP only and alone, with max_age_ns and generation 0: no snapshot.
 * What the descriptor holds is let go of; len and offset are 0
 */
#define STATCHAN_LET_GO		0x2U

struct statchan_snapshot_req {
	__u32 size;
	__u32 source;
	__u32 flags;		/* STATCHAN_GET_*, or STATCHAN_LET_GO */
	__u32 reserved;
	__u64 max_age_ns;	/* share a snapshot at most so old; 0: take one */
	__u64 generation;	/* in: 0, or just this one (-ESTALE); out */
	__aligned_u64 buf;
	__u64 len;		/* in: room; out: bytes of the image */
	__u64 digest;		/* out: xxHash64, seed 0, of the counters */
	__u64 offset;		/* out, SNAPSHOT_MAP only: where to mmap(), or 0 */
};				/* too small: -EMSGSIZE, len set, buf untouched */

enum statchan_channel_kind {
	STATCHAN_CHANNEL_SAMPLES = 1,
	STATCHAN_CHANNEL_SNAPSHOT = 2,	/* for SNAPSHOT_MAP, pread() */
	STATCHAN_CHANNEL_LIVE = 3,
};

enum statchan_mode {
	STATCHAN_MODE_DISCARD = 0,	/* full: the newest record is lost */
	STATCHAN_MODE_OVERWRITE = 1,	/* full: the oldest records are lost */
};

/**
 * struct statchan_channel_config - what a channel may choose; 0: the default
 * @rate:	1 in rate packets. A channel that opens while none listens sets the
 *		source's rate; a later one must ask for a multiple of it. 0: as it is
 * @snaplen:	captured bytes of a record, at most
 * @watermark_records: announce after so many records, or
 * @watermark_bytes:   so many bytes, per CPU, whichever comes first
 * @timeout_ns: announce what waits so long, at most 2^63 - 1.
 *		STATCHAN_TIMEOUT_NEVER: don't
 * @buffer_size: bytes per CPU
 * @subbufs:	relay: sub-buffers per CPU, at least 2
 * @mode:	enum statchan_mode
 * @period_ns:	live snapshots: between refreshes, at most 1 day
 *
 * In the answer: what is in force; 0 is what this channel has no use for.
 */
struct statchan_channel_config {
	__u32 rate;
	__u32 snaplen;
	__u32 watermark_records;
	__u32 watermark_bytes;
	__u64 timeout_ns;
	__u64 buffer_size;
	__u32 subbufs;
	__u32 mode;
	__u64 period_ns;
};

struct statchan_channel_req {
	__u32 size;
	__u32 source;
	__u32 transport;	/* enum statchan_transport_id */
	__u32 kind;		/* enum statchan_channel_kind */
	struct statchan_channel_config want;
	struct statchan_channel_config got;	/* out: in force */
	__u32 id;		/* out: of the channel */
	__u32 page_size;	/* out */
	__u32 nr_cpus;		/* out: rings or files */
	__u32 follows;		/* id of the channel that this one continues, or 0 */
	__u64 ring_stride;	/* out, mmap samples */
	__u64 map_len;		/* out, mmap live: bytes to map */
	char  path[STATCHAN_PATH_MAX];	/* out, relay: folder of cpu0, cpu1, ... */
	__u64 key;		/* bpf: what the program knows the channel by, not 0 */
	__u32 step;		/* out: it takes records whose seq is a multiple */
	__u32 flags;		/* out: STATCHAN_CHAN_SHARED */
};

/* Channel with the smallest id greater than id, in the caller's namespace. */
struct statchan_channel_info {
	__u32 size;
	__u32 id;		/* in: after this; out */
	__u32 source;
	__u32 transport;
	__u32 kind;
	__u32 flags;		/* STATCHAN_CHAN_* */
	__u32 pid;		/* that opened it */
	__u32 subscribers;	/* netlink: sockets that share it */
	struct statchan_channel_config want;
	struct statchan_channel_config got;
};

/* the source is gone, or ended its streams, or the channel was stopped */
#define STATCHAN_CHAN_EOS	0x1U
#define STATCHAN_CHAN_SHARED	0x2U	/* netlink: others had opened it before */

/* START, STOP: see above. A channel that has ended stays as it is. */
struct statchan_channel_run {
	__u32 size;
	__u32 reserved;
};

struct statchan_read {
	__u32 size;
	__u32 flags;		/* out: STATCHAN_CHAN_EOS when drained and ended */
	__aligned_u64 buf;
	__u64 len;		/* in: room; out: bytes of whole records */
	__u64 records;		/* out */
};		/* next record does not fit: -EMSGSIZE, len = room it needs */

/* Ledger of a channel: an entry for each number below nr_cpus; zeroes, and first_seq
 * unavailable, for a CPU that is not possible
 */
struct statchan_ledger_req {
	__u32 size;
	__u32 channel;		/* 0: the one of this descriptor */
	__u32 count;		/* in: room in buf; out: entries there are */
	__u32 flags;		/* out: STATCHAN_CHAN_* */
	__aligned_u64 buf;	/* struct statchan_ledger[] */
};

/* State of a relay file for programs that map it; read and splice need it not. In mode
 * overwrite, to consume or to flush is -EBUSY until the channel has been stopped.
 */
struct statchan_relay_state {
	__u32 size;
	__u32 cpu;
	__u64 consume;		/* in: sub-buffers to give back first */
	__u64 produced;		/* out: complete sub-buffers since the open */
	__u64 consumed;		/* out */
	__u32 subbuf_size;	/* out: bytes */
	__u32 subbufs;		/* out */
	__u32 flags;		/* in: STATCHAN_RELAY_FLUSH; out: STATCHAN_CHAN_* */
	__u32 filled;		/* out: bytes in the sub-buffer being written */
};

#define STATCHAN_RELAY_FLUSH	0x100U	/* complete a begun sub-buffer first */

/* What STATCHAN_IOC_CALIBRATE measures */
enum statchan_calibration {
	STATCHAN_CAL_CLOCK = 1,	/* ktime_get_ns() */
	STATCHAN_CAL_VFS = 2,	/* kernel_read() of 0 bytes, an empty tmpfs file */
	STATCHAN_CAL_FOP = 3,	/* the same by the file's read_iter() */
	STATCHAN_CAL_COPY = 4,	/* copy_to_user() of @bytes from vmalloc() memory */
	STATCHAN_CAL_REMAP = 5,	/* a page put into a mapping, and zapped */
	STATCHAN_CAL_SKB = 6,	/* alloc_skb() of @bytes, consume_skb() */
	STATCHAN_CAL_NOBODY = 7, /* a sample offered while nobody listens to any source */
	STATCHAN_CAL_UNHEARD = 8, /* the same while somebody listens to another one */
};

/**
 * struct statchan_calibrate - time a step of the kernel's own; CAP_SYS_ADMIN
 * @step:	enum statchan_calibration
 * @flags:	0
 * @iterations:	in: how often, at most STATCHAN_CAL_ITERATIONS; out: how often it
 *		was done, less if that would have taken longer than some 40 ms
 * @bytes:	COPY: 1 to 16 MiB. SKB: 1 to 32 KiB. REMAP: whole pages, 1 MiB at
 *		most; an iteration is a page. Else 0
 * @buf:	COPY: where to. REMAP: a shared, read-only mapping of at least @bytes
 *		of the device at offset STATCHAN_MMAP_CALIBRATE, which needs no
 *		channel; its pages are there only during the call. Else 0
 * @ns:		out: that all of it took
 */
struct statchan_calibrate {
	__u32 size;
	__u32 step;
	__u32 flags;
	__u32 reserved;
	__u64 iterations;
	__u64 bytes;
	__aligned_u64 buf;
	__u64 ns;
};

#define STATCHAN_CAL_ITERATIONS	(1ULL << 30)

/* The sentence about this descriptor's last failed ioctl or read. */
struct statchan_error {
	__u32 size;
	char  text[STATCHAN_ERROR_MAX];
};

#define STATCHAN_IOC_MAGIC	0xE7
#define STATCHAN_IOC_VERSION	_IOWR(STATCHAN_IOC_MAGIC, 0, struct statchan_version)
#define STATCHAN_IOC_ERROR	_IOWR(STATCHAN_IOC_MAGIC, 1, struct statchan_error)
#define STATCHAN_IOC_TRANSPORTS	_IOWR(STATCHAN_IOC_MAGIC, 2, struct statchan_transports)
#define STATCHAN_IOC_SOURCE_ADD	_IOWR(STATCHAN_IOC_MAGIC, 3, struct statchan_source_req)
#define STATCHAN_IOC_SOURCE_DEL	_IOWR(STATCHAN_IOC_MAGIC, 4, struct statchan_source_req)
#define STATCHAN_IOC_SOURCE_SET	_IOWR(STATCHAN_IOC_MAGIC, 5, struct statchan_source_req)
#define STATCHAN_IOC_SOURCE_INFO _IOWR(STATCHAN_IOC_MAGIC, 6, struct statchan_source_info)
#define STATCHAN_IOC_SOURCE_NEXT _IOWR(STATCHAN_IOC_MAGIC, 7, struct statchan_source_next)
#define STATCHAN_IOC_SCHEMA	_IOWR(STATCHAN_IOC_MAGIC, 8, struct statchan_schema_req)
#define STATCHAN_IOC_SNAPSHOT	_IOWR(STATCHAN_IOC_MAGIC, 9, struct statchan_snapshot_req)
#define STATCHAN_IOC_SNAPSHOT_MAP _IOWR(STATCHAN_IOC_MAGIC, 10, struct statchan_snapshot_req)
#define STATCHAN_IOC_CHANNEL_OPEN _IOWR(STATCHAN_IOC_MAGIC, 11, struct statchan_channel_req)
#define STATCHAN_IOC_CHANNEL_NEXT _IOWR(STATCHAN_IOC_MAGIC, 12, struct statchan_channel_info)
#define STATCHAN_IOC_READ	_IOWR(STATCHAN_IOC_MAGIC, 13, struct statchan_read)
#define STATCHAN_IOC_LEDGER	_IOWR(STATCHAN_IOC_MAGIC, 14, struct statchan_ledger_req)
#define STATCHAN_IOC_RELAY_STATE _IOWR(STATCHAN_IOC_MAGIC, 15, struct statchan_relay_state)
#define STATCHAN_IOC_CHANNEL_STOP _IOWR(STATCHAN_IOC_MAGIC, 16, struct statchan_channel_run)
#define STATCHAN_IOC_CHANNEL_START _IOWR(STATCHAN_IOC_MAGIC, 17, struct statchan_channel_run)
#define STATCHAN_IOC_CALIBRATE	_IOWR(STATCHAN_IOC_MAGIC, 18, struct statchan_calibrate)

/* ---- generic netlink ---- */

enum statchan_cmd {
	STATCHAN_CMD_UNSPEC,
	STATCHAN_CMD_VERSION_GET,	/* do: ABI, NR_CPUS */
	STATCHAN_CMD_TRANSPORT_GET,	/* dump: TRANSPORT, NAME, CAPS */
	STATCHAN_CMD_SOURCE_GET,	/* do by SOURCE or NAME, dump: SOURCE, NAME,
					 * SOURCE_INFO
					 */
	STATCHAN_CMD_SOURCE_ADD,	/* do: NAME, KIND, PARAMS; SOURCE */
	STATCHAN_CMD_SOURCE_DEL,	/* do: NAME */
	STATCHAN_CMD_SOURCE_SET,	/* do: NAME, PARAMS; -EPERM for what waits, as
					 * emit, but for root of the machine
					 */
	STATCHAN_CMD_SCHEMA_GET,	/* dump: SOURCE, LENGTH; pieces: SOURCE,
					 * OFFSET, DATA; in the first LENGTH
					 */
	STATCHAN_CMD_SNAPSHOT_GET,	/* dump: SOURCE, MAX_AGE, GENERATION, FLAGS,
					 * LENGTH; pieces: GENERATION, SOURCE,
					 * OFFSET, DATA; in the first LENGTH,
					 * and DIGEST if asked
					 */
	STATCHAN_CMD_CHANNEL_OPEN,	/* do: SOURCE, CONFIG, FOLLOWS; CHANNEL,
					 * GROUP, CONFIG, EFFECTIVE, STEP, FLAGS
					 */
	STATCHAN_CMD_CHANNEL_CLOSE,	/* do: CHANNEL */
	STATCHAN_CMD_CHANNEL_GET,	/* dump: CHANNEL, SOURCE, TRANSPORT,
					 * CHANNEL_INFO
					 */
	STATCHAN_CMD_LEDGER_GET,	/* dump: CHANNEL; a message per CPU: CHANNEL,
					 * FLAGS, CPU, LEDGER
					 */
	STATCHAN_CMD_SAMPLES,		/* notification, groups "samples*": CHANNEL,
					 * SOURCE, CPU, COUNT, POSITION, DATA. The
					 * last: CHANNEL, SOURCE, FLAGS with EOS
					 */
	STATCHAN_CMD_EVENT,		/* notification, group "events": EVENT, TIME,
					 * NAME, TEXT, SOURCE or CHANNEL if there
					 * is one
					 */
	STATCHAN_CMD_CHANNEL_STOP,	/* do: CHANNEL, one that a single socket has */
	STATCHAN_CMD_CHANNEL_START,	/* do: CHANNEL, one that follows another */
	__STATCHAN_CMD_MAX,
};

#define STATCHAN_CMD_MAX (__STATCHAN_CMD_MAX - 1)

enum statchan_attr {
	STATCHAN_A_UNSPEC,
	STATCHAN_A_PAD,
	STATCHAN_A_ABI,		/* u32 */
	STATCHAN_A_NR_CPUS,	/* u32 */
	STATCHAN_A_TRANSPORT,	/* u32, enum statchan_transport_id */
	STATCHAN_A_CAPS,	/* u32, STATCHAN_CAP_* */
	STATCHAN_A_SOURCE,	/* u32, id */
	STATCHAN_A_NAME,	/* string */
	STATCHAN_A_KIND,	/* string */
	STATCHAN_A_PARAMS,	/* string, "key=value key=value" */
	STATCHAN_A_SOURCE_INFO,	/* binary, struct statchan_source_info */
	STATCHAN_A_MAX_AGE,	/* u64, ns */
	STATCHAN_A_GENERATION,	/* u64 */
	STATCHAN_A_FLAGS,	/* u32, STATCHAN_GET_* in, STATCHAN_CHAN_* out */
	STATCHAN_A_LENGTH,	/* u64, bytes of the whole; in a request: bytes
				 * the reader receives at once
				 */
	STATCHAN_A_DIGEST,	/* u64 */
	STATCHAN_A_CHANNEL,	/* u32, id */
	STATCHAN_A_GROUP,	/* string, multicast group to join */
	STATCHAN_A_FOLLOWS,	/* u32, id of the channel to continue */
	STATCHAN_A_CONFIG,	/* nest (NLA_F_NESTED) of STATCHAN_C_*: wanted */
	STATCHAN_A_EFFECTIVE,	/* nest of STATCHAN_C_*: in force */
	STATCHAN_A_CHANNEL_INFO, /* binary, struct statchan_channel_info */
	STATCHAN_A_LEDGER,	/* binary, struct statchan_ledger */
	STATCHAN_A_CPU,		/* u32 */
	STATCHAN_A_POSITION,	/* u64: sample records accepted on this CPU by this
				 * channel before this message; a step between
				 * messages is what the socket lost
				 */
	STATCHAN_A_COUNT,	/* u32: sample records in this message */
	STATCHAN_A_EVENT,	/* u32, enum statchan_event */
	STATCHAN_A_TIME,	/* u64, CLOCK_MONOTONIC ns */
	STATCHAN_A_TEXT,	/* string, for people */
	STATCHAN_A_STEP,	/* u32, as statchan_channel_req.step */
	/*
	 * OFFSET and DATA come last, in this order: bulk can be received in
	 * place. The payload of DATA is a multiple of 8 from the start of its
	 * message; an empty PAD before sees to that.
	 */
	STATCHAN_A_OFFSET,	/* u64 */
	STATCHAN_A_DATA,	/* binary */
	__STATCHAN_A_MAX,
};

#define STATCHAN_A_MAX (__STATCHAN_A_MAX - 1)

enum statchan_config_attr {
	STATCHAN_C_UNSPEC,
	STATCHAN_C_PAD,
	STATCHAN_C_RATE,	/* u32 */
	STATCHAN_C_SNAPLEN,	/* u32 */
	STATCHAN_C_WATERMARK_RECORDS, /* u32 */
	STATCHAN_C_WATERMARK_BYTES, /* u32 */
	STATCHAN_C_TIMEOUT,	/* u64, ns */
	STATCHAN_C_BUFFER_SIZE,	/* u64, bytes per CPU */
	__STATCHAN_C_MAX,
};

#define STATCHAN_C_MAX (__STATCHAN_C_MAX - 1)

enum statchan_event {
	STATCHAN_EVENT_SOURCE_ADDED = 1,
	STATCHAN_EVENT_SOURCE_GONE = 2,
	STATCHAN_EVENT_SOURCE_CHANGED = 3,	/* parameters or sampling rate */
	STATCHAN_EVENT_CHANNEL_OPENED = 4,
	STATCHAN_EVENT_CHANNEL_CLOSED = 5,
	STATCHAN_EVENT_THRESHOLD = 6,		/* for sources to raise */
};

#endif /* _UAPI_LINUX_STATCHAN_H */
