/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _STATCHAN_RELAY_FILE_H
#define _STATCHAN_RELAY_FILE_H

struct file_operations;
struct rchan;

/* of the files of relay channels */
extern struct file_operations statchan_relay_fops;

/* rchan.private_data of a channel of mode overwrite that has not ended */
extern const int statchan_relay_overwrites;

void statchan_relay_ended(struct rchan *chan);

#endif /* _STATCHAN_RELAY_FILE_H */
