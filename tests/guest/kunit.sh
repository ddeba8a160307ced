#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Unit tests in the kernel, where it has KUnit: loading the module runs them.
set -u

module=$STATCHAN_MODULES/statchan_kunit.ko
if [[ ! -e $module ]]; then
	printf 'not here: this kernel has no KUnit (scripts/vm --kernel debug has)\n'
	exit 0
fi
# A kernel without KUnit's files in debugfs tells the results in its log only.
insmod "$module" || exit
results=$(dmesg | sed -n '/# Subtest: statchan_ring/,$p')
printf '%s\n' "$results"
rmmod statchan_kunit || exit
grep -qE '(^|\] )ok [0-9]+ (- )?statchan_ring' <<<"$results" && ! grep -q 'not ok' <<<"$results"
