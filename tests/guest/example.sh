#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/examples/sampler.cpp does what it shows.
#   tests/guest/run BUILD example
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$STATCHAN_BUILD/docs/examples:$PATH

# In its second; on a busy machine it may be another.
samples_over() {
	STATCHAN_TRANSPORT=$1 wants 0 statchan_sampler sw0 1 && grep -qE ': [1-9][0-9]* samples' "$scratch/out"
}

test_sampler_shows_counters_and_samples() {
	local t
	statctl source add synth sw0 pps=2000 cpus=1 >/dev/null || return
	for t in ioctl read netlink netlink-nl mmap; do
		wait_for samples_over "$t" || fail "$t: $(<"$scratch/out") $(<"$scratch/err")" || return
		says out 'sw0, generation' 'port/' || fail "$t" || return
	done
	# relay carries no snapshots, and says who does
	STATCHAN_TRANSPORT=relay wants 1 statchan_sampler sw0 1 || return
	says err 'use one that can: ioctl, read, procfs, netlink, netlink-nl, mmap' && one_line || return
	statctl source del sw0
}

test_sampler_ends_with_its_source() {
	statctl source add synth sw1 pps=2000 cpus=1 >/dev/null || return
	stdbuf -oL statchan_sampler sw1 >"$scratch/out" 2>"$scratch/err" &
	local sampler=$!
	wait_for grep -q generation "$scratch/out" || fail "$(<"$scratch/err")" || return
	statctl source del sw1 || return
	wait "$sampler" || fail "status $?: $(<"$scratch/err")"
}

run_tests "$@"
