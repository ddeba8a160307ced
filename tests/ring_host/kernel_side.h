/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's emit path with one source and one channel, in a program. A thread says
 * which CPU it is; SIGUSR1 is that CPU's interrupt, and emits one record. SIGUSR2 is its
 * NMI: nothing keeps it away, and it tries to emit one, too.
 */
#ifndef KERNEL_SIDE_H
#define KERNEL_SIDE_H

#include <linux/statchan.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KERNEL_CPUS 2
#define KERNEL_NMI_LEN 300	/* of what an NMI tries to emit */

struct kernel;

/**
 * struct kernel_config - of the channel
 * @overwrite:	mode; else discard
 * @reader:	the consumer is kernel_read(), not mapped memory
 * @buffer_size: of a ring
 * @watermark:	records
 * @start:	where positions and sequence numbers begin
 */
struct kernel_config {
	bool overwrite;
	bool reader;
	__u64 buffer_size;
	__u32 watermark;
	__u64 start;
};

struct kernel *kernel_open(const struct kernel_config *config);
void kernel_close(struct kernel *k);

/* Producer */
void kernel_be_cpu(__u32 cpu, struct kernel *k);	/* this thread, until it ends */
void kernel_emit(struct kernel *k, __u32 len);
__u64 kernel_interrupts(void);			/* of this thread */
/* Each so many records of this thread an interrupt comes in the middle of one; 0: none */
void kernel_interrupt_in_record(__u32 every);
void kernel_irqs_obey(bool obey);
void kernel_nmi(void);				/* now, in this thread */
void kernel_nmi_in_record(bool come);		/* in the middle of each record of this thread */
void kernel_nmis_known(bool known);		/* false: in_nmi() does not tell */
__u64 kernel_nmis(void);			/* of this thread; they came to their end */
/* Warnings do no more than count, from 0; else they end the program */
void kernel_count_warnings(bool count);
__u32 kernel_warnings(void);

/* The timeout, on no particular CPU */
void kernel_timer(struct kernel *k, __u32 cpu);
void kernel_stop(struct kernel *k);

/* Consumer */
void *kernel_memory(struct kernel *k, __u32 cpu);
bool kernel_poll(struct kernel *k, int timeout_ms);	/* false: it passed */
int kernel_read(struct kernel *k, void *to, size_t size, bool told, size_t *len, bool *ended);
void kernel_ledger(struct kernel *k, __u32 cpu, struct statchan_ledger *out);

/* What the payload of a record is */
void kernel_payload(void *dst, __u32 len, __u32 cpu, __u64 seq);

#ifdef __cplusplus
}
#endif

#endif /* KERNEL_SIDE_H */
