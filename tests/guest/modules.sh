#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Loading and unloading: refused while in use, complete when not.
#   tests/guest/run BUILD modules
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$PATH

users_of() {
	cat "/sys/module/$1/refcnt"
}

# What the kernel's allocators hold for the modules.
areas() {
	grep -c '\[statchan' /proc/vmallocinfo
}

test_load_and_unload_again_and_again() {
	local i
	for i in 1 2 3; do
		unload_modules || fail "round $i" || return
		load_modules || fail "round $i" || return
	done
	[[ $(users_of statchan_synth) = 0 && $(users_of statchan_netdev) = 0 ]]
}

test_core_stays_while_sources_need_it() {
	wants 1 rmmod statchan && says err 'in use'
}

test_sources_go_with_their_module() {
	statctl source add synth sw0 run=0 && rmmod statchan_synth || return
	[[ $(statctl -j sources) = '[]' ]] || fail "$(statctl -j sources)" || return
	insmod "$STATCHAN_MODULES/statchan_synth.ko"
}

# For each transport: refused while a channel is open, whatever the source does, done when closed.
test_unload_waits_for_no_channel() {
	local t reader
	for t in ioctl read netlink netlink-nl relay mmap bpf; do
		statctl source add synth sw0 size=64 mode=back-to-back cpus=0 >/dev/null || return
		statctl -t "$t" samples sw0 --quiet >"$scratch/out" 2>"$scratch/err" &
		reader=$!
		wait_for sh -c "statctl -j ledger | jq -e 'length == 1'" || fail "$t: $(<"$scratch/err")" || return
		wants 1 rmmod statchan_synth || fail "$t" || return
		says err 'in use' || fail "$t" || return
		kill -9 "$reader"
		wait "$reader" 2>/dev/null
		wait_for rmmod statchan_synth || fail "$t: $(users_of statchan_synth) users remain" || return
		insmod "$STATCHAN_MODULES/statchan_synth.ko" || return
		(($(areas) == 0)) || fail "$t: memory remains: $(grep '\[statchan' /proc/vmallocinfo)" || return
	done
}

# A snapshot that a program still has mapped holds its memory, but not for longer than that.
test_large_sources_give_their_memory_back() {
	local before
	before=$(awk '/^VmallocUsed/ { print $2 }' /proc/meminfo)
	statctl source add synth big ports=16384 fields=256 queues=0 >/dev/null || return
	local t
	for t in ioctl read procfs netlink netlink-nl mmap; do
		wants 0 statctl -t "$t" get big --group port --instance 1 --field rx_packets || return
	done
	statctl source del big || return
	(($(areas) == 0)) || fail "$(grep '\[statchan' /proc/vmallocinfo)" || return
	wait_for sh -c "[ \$(awk '/^VmallocUsed/ { print \$2 }' /proc/meminfo) -lt $((before + 4096)) ]"
}

run_tests "$@"
