// SPDX-License-Identifier: GPL-2.0
/*
 * Source kind "synth": a simulated switch chip of any size.
 *
 * It needs no hardware, fills snapshots of 4 KiB to 64 MiB, and emits samples
 * from process, softirq and hardirq context at any rate, with contents that a
 * reader can check byte by byte: see <linux/statchan_synth.h>.
 *
 *	statctl source add synth sw0 ports=64 fields=32 pps=1000 size=128
 *	statctl source set sw0 cpus=2 context=hardirq emit=5000
 *
 * While someone listens and run=1, the generator runs; each change of one of
 * its parameters starts a new run, and with it the count. So for a run of
 * exactly count packets: set run=0, open the channel, then set the rest and
 * run=1 together. (A run that begins with a channel's open may offer its first
 * packets before the channel is there.)
 *
 * emit=K is apart from that: it offers K packets on each producing CPU, back to
 * back, and the set returns when all are offered. Keys that are set together
 * apply in the order of synth_params[], emit last.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/statchan.h>
#include <linux/statchan_synth.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>

#include "synth.h"

/* A chip's registers are cheap, but a 64 MiB snapshot must not stall a CPU */
#define SYNTH_RESCHED_COUNTERS	8192

/* emit= holds up who else sets the source, and other users of generic netlink */
#define SYNTH_EMIT_TIME		(10 * HZ)

/* Every so manieth field of a group is a gauge; powers of two */
#define SYNTH_PORT_GAUGE	8
#define SYNTH_QUEUE_GAUGE	4

/**
 * struct synth - one simulated chip
 * @src:	NULL until statchan_source_register() has returned; @lock
 * @lock:	of what follows. Inside the core's locks; the core is never
 *		called with it held.
 * @listening:	someone listens
 * @dying:	to be destroyed: no run may start
 * @emitting:	what emit= waits for, or NULL
 * @cfg:	of the next run
 * @run:	producers at work, or NULL
 * @generation:	of the newest snapshot; only the snapshot callback, which the
 *		core serialises. The core counts the same: one per success
 * @ports:	instances of group port
 * @fields:	of each
 * @queues:	instances of group queue, of all ports together
 * @qfields:	of each
 */
struct synth {
	struct statchan_source *src;
	struct mutex lock;		/* see above */
	bool listening;
	bool dying;
	struct synth_config cfg;
	struct synth_run *run;
	struct synth_run *emitting;

	u64 generation;
	u32 ports;
	u32 fields;
	u32 queues;
	u32 qfields;
};

/* ---- parameters ---- */

enum {
	SYNTH_P_PORTS,
	SYNTH_P_FIELDS,
	SYNTH_P_QUEUES,
	SYNTH_P_QFIELDS,
	SYNTH_P_PPS,
	SYNTH_P_COUNT,
	SYNTH_P_SIZE,
	SYNTH_P_CPUS,
	SYNTH_P_MODE,
	SYNTH_P_CONTEXT,
	SYNTH_P_RUN,
	SYNTH_P_EMIT,
};

static const char *const synth_modes[] = {
	[SYNTH_PACED] = "paced",
	[SYNTH_BACK_TO_BACK] = "back-to-back",
	NULL
};

static const char *const synth_contexts[] = {
	[SYNTH_PROCESS] = "process",
	[SYNTH_SOFTIRQ] = "softirq",
	[SYNTH_HARDIRQ] = "hardirq",
	NULL
};

static const struct statchan_param synth_params[] = {
	[SYNTH_P_PORTS] = {
		.key = "ports", .min = 1, .max = 1U << 20, .def = 64,
		.help = "instances of group port",
	},
	[SYNTH_P_FIELDS] = {
		.key = "fields", .min = 1, .max = 4096, .def = 32,
		.help = "fields of group port",
	},
	[SYNTH_P_QUEUES] = {
		.key = "queues", .min = 0, .max = 4096, .def = 8,
		.help = "queues of each port, 0: no group queue",
	},
	[SYNTH_P_QFIELDS] = {
		.key = "qfields", .min = 1, .max = 4096, .def = 4,
		.help = "fields of group queue",
	},
	[SYNTH_P_PPS] = {
		.key = "pps", .min = 0, .max = NSEC_PER_SEC, .def = 0,
		.runtime = true,
		.help = "mode paced: packets per second on each producing CPU, 0: none",
	},
	[SYNTH_P_COUNT] = {
		.key = "count", .min = 0, .max = U64_MAX, .def = 0,
		.runtime = true,
		.help = "packets each producing CPU offers in a run, 0: endless",
	},
	[SYNTH_P_SIZE] = {
		.key = "size", .min = 0, .max = 65535, .def = 128,
		.runtime = true,
		.help = "bytes of each packet",
	},
	[SYNTH_P_CPUS] = {
		.key = "cpus", .min = 0, .max = NR_CPUS, .def = 1,
		.runtime = true,
		.help = "the first so many online CPUs produce, 0: all",
	},
	[SYNTH_P_MODE] = {
		.key = "mode", .def = SYNTH_PACED, .choices = synth_modes,
		.max = ARRAY_SIZE(synth_modes) - 2,
		.runtime = true,
		.help = "on schedule or as fast as possible",
	},
	[SYNTH_P_CONTEXT] = {
		.key = "context", .def = SYNTH_PROCESS,
		.choices = synth_contexts,
		.max = ARRAY_SIZE(synth_contexts) - 2,
		.runtime = true,
		.help = "in which packets are emitted",
	},
	[SYNTH_P_RUN] = {
		.key = "run", .min = 0, .max = 1, .def = 1,
		.runtime = true,
		.help = "generate while someone listens; 1 again: from the start",
	},
	[SYNTH_P_EMIT] = {
		.key = "emit", .min = 0, .max = NSEC_PER_SEC, .def = 0,
		.runtime = true, .waits = true,
		.help = "offer so many packets now on each producing CPU, and wait",
	},
};

/* ---- counters ---- */

static bool synth_is_gauge(u32 field, u32 every)
{
	return (field & (every - 1)) == every - 1;
}

/* Write @n instances of a group, the first value being number @index. */
static u64 *synth_fill_group(u64 *values, u64 *index, u64 generation, u32 n,
			     u32 fields, u32 gauge_every)
{
	u64 i = *index;
	u32 room = SYNTH_RESCHED_COUNTERS;
	u32 f;

	for (; n; n--) {
		for (f = 0; f < fields; f++, i++)
			*values++ = synth_is_gauge(f, gauge_every) ?
				statchan_synth_gauge(generation, i) :
				statchan_synth_counter(generation, i);
		if (room > fields) {
			room -= fields;
		} else {
			room = SYNTH_RESCHED_COUNTERS;
			cond_resched();
		}
	}
	*index = i;
	return values;
}

static int synth_snapshot(void *priv, u64 *values, u32 *flags)
{
	struct synth *s = priv;
	u64 generation = ++s->generation;
	u64 index = 0;

	values = synth_fill_group(values, &index, generation, s->ports,
				  s->fields, SYNTH_PORT_GAUGE);
	synth_fill_group(values, &index, generation, s->queues, s->qfields,
			 SYNTH_QUEUE_GAUGE);
	/* a function of the generation alone: one point in time by nature */
	*flags |= STATCHAN_SNAP_ATOMIC;
	return 0;
}

/* ---- schema ---- */

static const char *const synth_port_names[SYNTH_PORT_GAUGE] = {
	"rx_packets", "rx_bytes", "tx_packets", "tx_bytes",
	"rx_errors", "rx_drops", "tx_drops", "buffer_bytes",
};

static const char *const synth_queue_names[SYNTH_QUEUE_GAUGE] = {
	"packets", "bytes", "drops", "depth_bytes",
};

static u16 synth_unit(const char *name)
{
	if (strstr(name, "bytes"))
		return STATCHAN_UNIT_BYTES;
	if (strstr(name, "packets") || strstr(name, "drops"))
		return STATCHAN_UNIT_PACKETS;
	return STATCHAN_UNIT_EVENTS;
}

/* The names repeat with a number: rx_packets .. buffer_bytes, rx_packets_1 .. */
static void synth_name_fields(struct statchan_field_desc *fields, u32 n,
			      char (*names)[STATCHAN_NAME_MAX],
			      const char *const *base, u32 n_base)
{
	u32 f;

	for (f = 0; f < n; f++) {
		const char *name = base[f % n_base];

		if (f < n_base)
			strscpy(names[f], name, sizeof(names[f]));
		else
			snprintf(names[f], sizeof(names[f]), "%s_%u", name,
				 f / n_base);
		fields[f].name = names[f];
		fields[f].unit = synth_unit(name);
		fields[f].type = synth_is_gauge(f, n_base) ? STATCHAN_GAUGE :
							     STATCHAN_COUNTER;
	}
}

/* ---- listening and runs ---- */

static void synth_stop(struct synth *s)
{
	lockdep_assert_held(&s->lock);
	if (s->run)
		synth_run_stop(s->run);
	s->run = NULL;
}

/* Begin a new run with s->cfg if there is anything to do. */
static int synth_restart(struct synth *s)
{
	struct synth_run *run;

	synth_stop(s);
	if (!s->src || !s->listening || s->dying || !s->cfg.run)
		return 0;
	if (s->cfg.mode == SYNTH_PACED && !s->cfg.pps)
		return 0;
	run = synth_run_start(s->src, &s->cfg);
	if (IS_ERR(run))
		return PTR_ERR(run);
	s->run = run;
	return 0;
}

static int synth_listen(void *priv, bool on, struct statchan_err *err)
{
	struct synth *s = priv;
	int ret;

	mutex_lock(&s->lock);
	s->listening = on;
	ret = synth_restart(s);
	if (ret) {
		s->listening = false;
		statchan_err(err, ret, "can't start the generator: error %d",
			     -ret);
	}
	mutex_unlock(&s->lock);
	return ret;
}

static int synth_rate(void *priv, u32 rate, struct statchan_err *err)
{
	/* all packets pass statchan_sampled() */
	return 0;
}

static const struct statchan_source_ops synth_ops = {
	.owner = THIS_MODULE,
	.snapshot = synth_snapshot,
	.listen = synth_listen,
	.rate = synth_rate,
};

/*
 * Offer @count packets on each producing CPU and return when that is done. A
 * run goes on beside it. At rate 1 each packet is a record if someone listens;
 * else each passes the sampler. If nobody listens this costs what a source
 * costs then, which is worth measuring, so it is no error.
 */
static int synth_emit(struct synth *s, u64 count, struct statchan_err *err)
{
	struct synth_config cfg;
	struct synth_run *run;
	bool dying;
	u32 online;
	u64 left;
	int ret;

	if (!count)
		return 0;
	mutex_lock(&s->lock);
	cfg = s->cfg;
	mutex_unlock(&s->lock);
	cfg.mode = SYNTH_BACK_TO_BACK;
	cfg.count = count;

	online = num_online_cpus();
	if (cfg.cpus > online)
		return statchan_err(err, -ENODEV, "emit on cpus=%u: only %u online",
				    cfg.cpus, online);
	/* s->src stays: the core serialises this with destroy */
	run = synth_run_start(s->src, &cfg);
	if (IS_ERR(run))
		return statchan_err(err, PTR_ERR(run), "emit: can't start producers: error %ld",
				    -PTR_ERR(run));
	mutex_lock(&s->lock);
	s->emitting = run;
	if (s->dying)
		synth_run_cancel(run);
	mutex_unlock(&s->lock);
	ret = synth_run_wait(run, SYNTH_EMIT_TIME);
	mutex_lock(&s->lock);
	s->emitting = NULL;
	dying = s->dying;
	mutex_unlock(&s->lock);
	left = synth_run_stop(run);
	if (ret == -ETIME && left)
		return statchan_err(err, ret, "emit: %d s are over, %llu packets not offered: ask for fewer at a time",
				    SYNTH_EMIT_TIME / HZ, left);
	if (ret && left)
		return statchan_err(err, -EINTR, "emit: killed, %llu packets not offered",
				    left);
	if (left && dying)
		return statchan_err(err, -ENODEV, "emit: the source is being deleted, %llu packets not offered",
				    left);
	if (left)
		return statchan_err(err, -ENODEV, "emit: CPU offline, %llu packets not offered",
				    left);
	return 0;
}

/* ---- kind ---- */

/* Change one key of the generator. */
static int synth_config_set(struct synth_config *cfg, u32 param, u64 value,
			    struct statchan_err *err)
{
	switch (param) {
	case SYNTH_P_PPS:
		cfg->pps = value;
		return 0;
	case SYNTH_P_COUNT:
		cfg->count = value;
		return 0;
	case SYNTH_P_SIZE:
		cfg->size = value;
		return 0;
	case SYNTH_P_CPUS:
		if (value > num_possible_cpus())
			return statchan_err(err, -EINVAL, "cpus=%llu: this machine has %u",
					    value, num_possible_cpus());
		cfg->cpus = value;
		return 0;
	case SYNTH_P_MODE:
		cfg->mode = value;
		return 0;
	case SYNTH_P_CONTEXT:
		cfg->context = value;
		return 0;
	case SYNTH_P_RUN:
		cfg->run = value;
		return 0;
	}
	return statchan_err(err, -EINVAL, "parameter can only be chosen with source add");
}

static int synth_set(void *priv, u32 param, u64 value, struct statchan_err *err)
{
	struct synth *s = priv;
	struct synth_config old;
	int ret;

	if (param == SYNTH_P_EMIT)
		return synth_emit(s, value, err);

	mutex_lock(&s->lock);
	old = s->cfg;
	ret = synth_config_set(&s->cfg, param, value, err);
	if (!ret) {
		ret = synth_restart(s);
		if (ret) {
			/* without a run now; the next set tries again */
			s->cfg = old;
			statchan_err(err, ret, "can't start producers: error %d",
				     -ret);
		}
	}
	mutex_unlock(&s->lock);
	return ret;
}

static struct statchan_source *synth_register(struct net *net, const char *name,
					      struct synth *s)
{
	struct statchan_source *src = ERR_PTR(-ENOMEM);
	char (*names)[STATCHAN_NAME_MAX];
	struct statchan_field_desc *fields;
	struct statchan_group_desc groups[2];
	struct statchan_schema_desc desc = { .n_groups = 1, .groups = groups };
	u32 n = s->fields + s->qfields;

	names = kvcalloc(n, sizeof(*names), GFP_KERNEL);
	fields = kvcalloc(n, sizeof(*fields), GFP_KERNEL);
	if (!names || !fields)
		goto out;

	synth_name_fields(fields, s->fields, names, synth_port_names,
			  SYNTH_PORT_GAUGE);
	groups[0] = (struct statchan_group_desc){
		.name = "port", .instances = s->ports,
		.n_fields = s->fields, .fields = fields,
	};
	if (s->queues) {
		synth_name_fields(fields + s->fields, s->qfields,
				  names + s->fields, synth_queue_names,
				  SYNTH_QUEUE_GAUGE);
		groups[1] = (struct statchan_group_desc){
			.name = "queue", .instances = s->queues,
			.n_fields = s->qfields, .fields = fields + s->fields,
		};
		desc.n_groups = 2;
	}
	src = statchan_source_register(net, name, &synth_ops, &desc, s);
out:
	kvfree(fields);
	kvfree(names);
	return src;
}

static struct synth *synth_alloc(const u64 *values, struct statchan_err *err)
{
	u64 ports = values[SYNTH_P_PORTS], fields = values[SYNTH_P_FIELDS];
	u64 queues = values[SYNTH_P_QUEUES] * ports;
	u64 qfields = values[SYNTH_P_QFIELDS];
	u64 total = ports * fields + queues * qfields;
	struct synth *s;
	u32 p;
	int ret;

	/* each at most 2^44: the sum can't wrap */
	if (total > STATCHAN_COUNTERS_MAX) {
		statchan_err(err, -E2BIG, "ports=%llu x (fields=%llu + queues=%llu x qfields=%llu) are %llu counters: at most %u",
			     ports, fields, values[SYNTH_P_QUEUES], qfields,
			     total, STATCHAN_COUNTERS_MAX);
		return ERR_PTR(-E2BIG);
	}
	if (values[SYNTH_P_EMIT]) {
		statchan_err(err, -EINVAL, "emit=%llu: nobody can listen yet; use source set once a channel is open",
			     values[SYNTH_P_EMIT]);
		return ERR_PTR(-EINVAL);
	}
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return ERR_PTR(-ENOMEM);
	mutex_init(&s->lock);
	s->ports = ports;
	s->fields = fields;
	s->queues = queues;
	s->qfields = qfields;
	for (p = SYNTH_P_PPS; p < SYNTH_P_EMIT; p++) {
		ret = synth_config_set(&s->cfg, p, values[p], err);
		if (ret) {
			kfree(s);
			return ERR_PTR(ret);
		}
	}
	return s;
}

static void synth_cancel(void *priv)
{
	struct synth *s = priv;

	mutex_lock(&s->lock);
	s->dying = true;
	if (s->emitting)
		synth_run_cancel(s->emitting);
	mutex_unlock(&s->lock);
}

static void synth_destroy(struct statchan_source *src, void *priv)
{
	struct synth *s = priv;

	/* no emit may run or follow when the source is unregistered */
	mutex_lock(&s->lock);
	s->dying = true;
	synth_stop(s);
	mutex_unlock(&s->lock);

	statchan_source_unregister(src);
	mutex_destroy(&s->lock);
	kfree(s);
}

static bool user_namespaces;
module_param(user_namespaces, bool, 0644);
MODULE_PARM_DESC(user_namespaces,
		 "root of a user namespace may make sources, too, whose threads nobody is charged for");

static struct statchan_source *synth_create(struct net *net, const char *name,
					    const u64 *values,
					    struct statchan_err *err)
{
	struct statchan_source *src;
	struct synth *s;
	int ret;

	s = synth_alloc(values, err);
	if (IS_ERR(s))
		return ERR_CAST(s);
	src = synth_register(net, name, s);
	if (IS_ERR(src)) {
		kfree(s);
		return src;
	}
	/* someone may have begun to listen already, and waits for this */
	mutex_lock(&s->lock);
	s->src = src;
	ret = synth_restart(s);
	mutex_unlock(&s->lock);
	if (ret) {
		statchan_err(err, ret, "source '%s': can't start producers: error %d",
			     name, -ret);
		synth_destroy(src, s);
		return ERR_PTR(ret);
	}
	return src;
}

static const struct statchan_kind synth_kind = {
	.name = "synth",
	.owner = THIS_MODULE,
	.user_namespaces = &user_namespaces,
	.n_params = ARRAY_SIZE(synth_params),
	.params = synth_params,
	.create = synth_create,
	.destroy = synth_destroy,
	.set = synth_set,
	.cancel = synth_cancel,
};

static int __init synth_init(void)
{
	return statchan_kind_register(&synth_kind);
}

static void __exit synth_exit(void)
{
	statchan_kind_unregister(&synth_kind);
}

module_init(synth_init);
module_exit(synth_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("statchan source: a simulated switch chip");
MODULE_ALIAS("statchan-kind-synth");
