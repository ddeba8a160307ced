#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Unit tests in the kernel, where it has KUnit: loading the module runs them.
set -u

module=$STATCHAN_MODULES/statchan_kunit.ko
if [[ ! -e $module ]]; then
	printf 'not here: this kernel has no KUnit (scripts/vm --kernel debug has)\n'
	exit 0
fi
insmod "$module" || exit
results=/sys/kernel/debug/kunit/statchan_ring/results
cat "$results"
grep -q '^ok ' "$results" && ! grep -q 'not ok' "$results"
status=$?
rmmod statchan_kunit && exit "$status"
