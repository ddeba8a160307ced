#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/examples/driver does what it shows: a driver's own source, which no kind has made.
#   tests/guest/run BUILD driver
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$PATH

load_driver() {
	insmod "$STATCHAN_MODULES/driver/toy_switch.ko"
}

test_counters_and_samples_over_every_transport() {
	local t
	load_driver || return
	wants 0 statctl sources && says out toy0 driver || return
	wait_for eval 'statctl -j get toy0 --instance 3 --field rx_packets | jq -e ".counters[0].value > 0"' ||
		fail "$(statctl -j get toy0)" || return
	wants 0 statctl verify toy0 || return
	for t in ioctl read netlink netlink-nl relay mmap bpf; do
		wants 0 statctl -t "$t" -j samples toy0 -c 3 --strict || fail "$t" || return
		[[ $(jq -r 'select(.type == "sample") | .protocol' "$scratch/out" | uniq -c | tr -s ' ') = ' 3 36864' ]] ||
			fail "$t: $(<"$scratch/out")" || return
	done
	wants 0 statctl -j samples toy0 -c 2 --rate 1:4 || return
	[[ $(jq 'select(.type == "sample") | .rate' "$scratch/out" | sort -u) = 4 ]] || fail "$(<"$scratch/out")" || return
	rmmod toy_switch
}

test_it_belongs_to_its_driver() {
	load_driver || return
	wants 0 statctl set toy0 rate=2 || return
	wants 1 statctl set toy0 ports=8 && one_line && says err 'has only rate' || return
	wants 1 statctl source del toy0 && one_line && says err 'belongs to a driver' || return
	rmmod toy_switch && wants 1 statctl get toy0 && says err "no source 'toy0'"
}

test_its_events_are_heard() {
	load_driver || return
	statctl -j monitor --seconds $((60 * slowness)) >"$scratch/events" &
	local monitor=$!
	wait_for grep -q threshold "$scratch/events" || fail "$(<"$scratch/events")" || return
	kill "$monitor" && wait "$monitor" && rmmod toy_switch
}

test_it_stays_while_somebody_reads() {
	load_driver || return
	statctl -j samples toy0 >"$scratch/samples" 2>/dev/null &
	local reader=$!
	wait_for grep -q sample "$scratch/samples" || return
	wants 1 rmmod toy_switch && says err 'in use' || return
	kill "$reader" && wait "$reader"
	rmmod toy_switch
}

run_tests "$@"
