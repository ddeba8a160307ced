/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoint of transport bpf. A program may write to what it is shown: so the
 * kernel hears what became of the record. See struct statchan_bpf.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM statchan

#if !defined(_STATCHAN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _STATCHAN_TRACE_H

#include <linux/statchan.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(statchan_shot,

	TP_PROTO(struct statchan_bpf *shot),

	TP_ARGS(shot),

	TP_STRUCT__entry(
		__field(u32, op)
		__field(u32, answer)
		__field(u32, cpu)
		__field(u32, room)
	),

	TP_fast_assign(
		__entry->op = shot->op;
		__entry->answer = shot->answer;
		__entry->cpu = shot->cpu;
		__entry->room = shot->room;
	),

	TP_printk("op %u answer %u cpu %u room %u", __entry->op,
		  __entry->answer, __entry->cpu, __entry->room)
);

/* without CONFIG_BPF_EVENTS there is nobody to write */
#ifdef DEFINE_EVENT_WRITABLE
#undef STATCHAN_EVENT_WRITABLE
#define STATCHAN_EVENT_WRITABLE(template, call, proto, args, size)	\
	DEFINE_EVENT_WRITABLE(template, call, PARAMS(proto),		\
			      PARAMS(args), size)
#else
#undef STATCHAN_EVENT_WRITABLE
#define STATCHAN_EVENT_WRITABLE(template, call, proto, args, size)	\
	DEFINE_EVENT(template, call, PARAMS(proto), PARAMS(args))
#endif

STATCHAN_EVENT_WRITABLE(statchan_shot, statchan_bpf,

	TP_PROTO(struct statchan_bpf *shot),

	TP_ARGS(shot),

	sizeof(struct statchan_bpf)
);

#endif /* _STATCHAN_TRACE_H */

/* outside of the protection */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
