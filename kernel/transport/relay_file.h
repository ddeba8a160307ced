/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _STATCHAN_RELAY_FILE_H
#define _STATCHAN_RELAY_FILE_H

struct file_operations;

/* of the files of relay channels */
extern struct file_operations statchan_relay_fops;

#endif /* _STATCHAN_RELAY_FILE_H */
