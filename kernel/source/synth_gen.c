// SPDX-License-Identifier: GPL-2.0
/*
 * The packet generator of source kind "synth".
 *
 * A run is a set of producers, one kernel thread on each producing CPU. The
 * thread decides when, and offers packets in batches: itself, or by a tasklet
 * (softirq), or by an irq_work (hardirq, on PREEMPT_RT too) on its CPU, whose
 * end it awaits. So a CPU in an endless back-to-back run still schedules, and
 * whoever stops the thread has stopped everything.
 *
 * A run never changes: for other parameters stop it and start another.
 *
 * CPU hotplug: a thread whose CPU goes away is moved to another one. So each
 * batch first pins itself with migrate_disable(), which hotplug waits for, and
 * then looks where it is; the producer ends if that is not its CPU. It ends,
 * too, when its CPU is about to go: waiting for the end of a batch schedules
 * while pinned, and a thread that the scheduler only ever meets pinned it can
 * not move, so hotplug would wait for ever. It comes back with the next run.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/statchan.h>
#include <linux/statchan_synth.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "synth.h"

/* A batch bounds the time in softirq and hardirq: packets and bytes of them */
#define SYNTH_BATCH		64
#define SYNTH_BATCH_BYTES	65536

/**
 * struct synth_producer - one CPU's part of a run
 * @run:	that it is part of
 * @src:	that emits
 * @task:	the thread; holds a reference until synth_run_stop()
 * @cpu:	on which it offers
 * @context:	enum synth_context
 * @batch:	packets in one go, at most
 * @paced:	on schedule, not as fast as possible
 * @endless:	@left does not count
 * @left:	packets still to offer
 * @todo:	packets of the batch still to offer
 * @now:	ns; when the batch began
 * @due:	ns; when the next packet is due
 * @period:	ns between packets, whole part, and
 * @period_rem:	the rest in units of 1/@pps ns
 * @due_rem:	what @due is behind, in the same unit
 * @pps:	packets per second
 * @sample:	what is emitted, again and again
 * @tasklet:	offers a batch in softirq
 * @irq_work:	offers a batch in hardirq
 * @done:	the batch is over
 *
 * Written by the thread, and by tasklet and irq_work while the thread waits.
 */
struct synth_producer {
	struct synth_run *run;
	struct statchan_source *src;
	struct task_struct *task;
	u32 cpu;
	u32 context;
	u32 batch;
	bool paced;
	bool endless;
	u64 left;

	u32 todo;
	u64 now;
	u64 due;
	u64 period;
	u64 period_rem;
	u64 due_rem;
	u64 pps;
	struct statchan_sample sample;

	struct tasklet_struct tasklet;
	struct irq_work irq_work;
	struct completion done;
} ____cacheline_aligned_in_smp;

/**
 * struct synth_run - producers at work
 * @active:	producers that may still offer
 * @finished:	when @active is 0
 * @n:		producers whose thread exists
 * @producer:	one per producing CPU
 */
struct synth_run {
	atomic_t active;
	struct completion finished;
	u32 n;
	struct synth_producer producer[];
};

static void synth_payload(void *dst, u32 len, u32 cpu, u64 seq)
{
	u64 word = statchan_synth_key(cpu, seq);
	__le64 *to = dst;
	__le64 last;

	for (; len >= sizeof(*to); len -= sizeof(*to)) {
		*to++ = cpu_to_le64(word);
		word += STATCHAN_SYNTH_K1;
	}
	if (len) {
		last = cpu_to_le64(word);
		memcpy(to, &last, len);
	}
}

/* ---- a batch, in its context ---- */

static void synth_offer_paced(struct synth_producer *p)
{
	for (; p->todo && p->due <= p->now; p->todo--) {
		/* latency counts from when the packet was due: open loop */
		p->sample.time_ns = p->due;
		if (statchan_sampled(p->src))
			statchan_emit(p->src, &p->sample);
		p->due += p->period;
		p->due_rem += p->period_rem;
		if (p->due_rem >= p->pps) {
			p->due_rem -= p->pps;
			p->due++;
		}
	}
}

/* This loop is what a benchmark measures besides the core: nothing more in it */
static void synth_offer(struct synth_producer *p)
{
	struct statchan_source *src = p->src;
	u32 todo;

	if (p->paced) {
		synth_offer_paced(p);
		return;
	}
	for (todo = p->todo; todo; todo--)
		if (statchan_sampled(src))
			statchan_emit(src, &p->sample);
	p->todo = 0;
}

static void synth_tasklet(struct tasklet_struct *t)
{
	struct synth_producer *p = from_tasklet(p, t, tasklet);

	synth_offer(p);
	complete(&p->done);
}

static void synth_irq_work(struct irq_work *work)
{
	struct synth_producer *p = container_of(work, struct synth_producer,
						irq_work);

	synth_offer(p);
	complete(&p->done);
}

/* Offer up to p->batch packets. Return: false if the CPU is not ours any more. */
static bool synth_batch(struct synth_producer *p)
{
	u32 n = p->batch;
	bool here;

	if (!p->endless)
		n = min_t(u64, n, p->left);
	p->todo = n;

	migrate_disable();
	here = smp_processor_id() == p->cpu && cpu_active(p->cpu);
	if (here) {
		switch (p->context) {
		case SYNTH_SOFTIRQ:
			/* enabling runs it at once if ksoftirqd does not */
			local_bh_disable();
			tasklet_schedule(&p->tasklet);
			local_bh_enable();
			wait_for_completion(&p->done);
			break;
		case SYNTH_HARDIRQ:
			irq_work_queue(&p->irq_work);
			wait_for_completion(&p->done);
			break;
		default:
			synth_offer(p);
		}
	}
	migrate_enable();
	if (here)
		p->left -= n - p->todo;
	return here;
}

/* ---- the thread ---- */

static void synth_sleep_until(u64 ns)
{
	ktime_t t = ns_to_ktime(ns);

	set_current_state(TASK_IDLE);
	if (kthread_should_stop())
		__set_current_state(TASK_RUNNING);
	else
		schedule_hrtimeout(&t, HRTIMER_MODE_ABS);
}

static void synth_wait_for_stop(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int synth_thread(void *data)
{
	struct synth_producer *p = data;
	struct synth_run *run = p->run;

	p->due = ktime_get_ns() + p->period;
	while (!kthread_should_stop() && (p->endless || p->left)) {
		if (p->paced) {
			p->now = ktime_get_ns();
			if (p->due > p->now) {
				synth_sleep_until(p->due);
				continue;
			}
		}
		if (!synth_batch(p))
			break;
		/* an endless run never sleeps: a quiescent state for RCU tasks */
		cond_resched_tasks_rcu_qs();
	}
	if (atomic_dec_and_test(&run->active))
		complete(&run->finished);
	/* whoever stops the run expects the thread to exist */
	synth_wait_for_stop();
	return 0;
}

/* ---- runs ---- */

static void synth_producer_init(struct synth_producer *p, struct synth_run *run,
				struct statchan_source *src, u32 cpu,
				const struct synth_config *cfg)
{
	p->run = run;
	p->src = src;
	p->cpu = cpu;
	p->context = cfg->context;
	p->batch = clamp_t(u32, SYNTH_BATCH_BYTES / (cfg->size + 1), 1,
			   SYNTH_BATCH);
	p->paced = cfg->mode == SYNTH_PACED;
	p->endless = !cfg->count;
	p->left = cfg->count;
	if (p->paced) {
		p->pps = cfg->pps;
		p->period = div64_u64_rem(NSEC_PER_SEC, cfg->pps,
					  &p->period_rem);
	}
	p->sample = (struct statchan_sample){
		.fill = synth_payload,
		.len = cfg->size,
		.flags = STATCHAN_REC_INGRESS,
		.queue = cpu,
	};
	tasklet_setup(&p->tasklet, synth_tasklet);
	p->irq_work = IRQ_WORK_INIT_HARD(synth_irq_work);
	init_completion(&p->done);
}

static int synth_producer_start(struct synth_producer *p)
{
	p->task = kthread_create_on_node(synth_thread, p, cpu_to_node(p->cpu),
					 "statchan_synth/%u", p->cpu);
	if (IS_ERR(p->task))
		return PTR_ERR(p->task);
	/* offline since? it then starts elsewhere, sees that and ends */
	kthread_bind(p->task, p->cpu);
	return 0;
}

/**
 * synth_run_start() - set producers to work
 * @src:	that emits; stays registered until the run has been stopped
 * @cfg:	copied
 *
 * Return: the run, for synth_run_stop(), or ERR_PTR. Fewer CPUs produce if
 * fewer than cfg->cpus are online.
 */
struct synth_run *synth_run_start(struct statchan_source *src,
				  const struct synth_config *cfg)
{
	u32 max = cfg->cpus ?: num_possible_cpus();
	struct synth_run *run;
	u32 i, cpu;
	int ret;

	/* begins on a page, so the producers' alignment is what they ask for */
	run = vzalloc(struct_size(run, producer, max));
	if (!run)
		return ERR_PTR(-ENOMEM);
	init_completion(&run->finished);
	for_each_online_cpu(cpu) {
		struct synth_producer *p = &run->producer[run->n];

		if (run->n == max)
			break;
		synth_producer_init(p, run, src, cpu, cfg);
		ret = synth_producer_start(p);
		if (ret) {
			synth_run_stop(run);
			return ERR_PTR(ret);
		}
		run->n++;
	}
	/* all exist: now let them go, so that they begin together */
	atomic_set(&run->active, run->n);
	for (i = 0; i < run->n; i++)
		wake_up_process(run->producer[i].task);
	return run;
}

/**
 * synth_run_wait() - wait until all producers have offered their count
 * @run:	with a count
 * @timeout:	not for more jiffies
 *
 * Return: 0, also if it was cancelled, -ETIME, or -ERESTARTSYS if the caller was
 * killed; stop the run anyway.
 */
int synth_run_wait(struct synth_run *run, unsigned long timeout)
{
	long left = wait_for_completion_killable_timeout(&run->finished,
							 timeout);

	if (left < 0)
		return left;
	return left ? 0 : -ETIME;
}

/* Who waits for @run goes on. Any context. */
void synth_run_cancel(struct synth_run *run)
{
	complete(&run->finished);
}

/**
 * synth_run_stop() - end of a run
 * @run:	freed
 *
 * No emit runs when it returns. Return: packets of the count not offered.
 */
u64 synth_run_stop(struct synth_run *run)
{
	u64 left = 0;
	u32 i;

	for (i = 0; i < run->n; i++) {
		struct synth_producer *p = &run->producer[i];

		kthread_stop(p->task);
		/* their work is done, but they may not have returned yet */
		tasklet_kill(&p->tasklet);
		irq_work_sync(&p->irq_work);
		if (!p->endless)
			left += p->left;
	}
	/* irq_work_single() looks once more at one that is no longer busy: on PREEMPT_RT
	 * irq_work_sync() of a hard one does not wait for that
	 */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && run->n &&
	    run->producer[0].context == SYNTH_HARDIRQ)
		synchronize_rcu();
	vfree(run);
	return left;
}
