/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _STATCHAN_SYNTH_H
#define _STATCHAN_SYNTH_H

#include <linux/types.h>
#include <statchan/source.h>

enum synth_mode {
	SYNTH_PACED,
	SYNTH_BACK_TO_BACK,
};

enum synth_context {
	SYNTH_PROCESS,
	SYNTH_SOFTIRQ,
	SYNTH_HARDIRQ,
};

/**
 * struct synth_config - how samples are generated
 * @pps:	packets per second offered on each producing CPU; paced only,
 *		0: none
 * @count:	packets each CPU offers and then stops, 0: endless
 * @size:	bytes of payload
 * @cpus:	the first so many online CPUs produce, 0: all
 * @mode:	enum synth_mode
 * @context:	enum synth_context
 * @run:	whether to generate at all while someone listens
 */
struct synth_config {
	u64 pps;
	u64 count;
	u32 size;
	u32 cpus;
	u32 mode;
	u32 context;
	bool run;
};

/* Producers at work: synth_gen.c. All calls: process context, may sleep. */
struct synth_run;

struct synth_run *synth_run_start(struct statchan_source *src,
				  const struct synth_config *cfg);
int synth_run_wait(struct synth_run *run, unsigned long timeout);
void synth_run_cancel(struct synth_run *run);
u64 synth_run_stop(struct synth_run *run);

#endif /* _STATCHAN_SYNTH_H */
