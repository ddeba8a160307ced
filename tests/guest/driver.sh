#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/examples/driver does what it shows: a driver's own source, which no kind has made. And a driver that
# does what none should (odd_driver/) harms who reads it, and nobody else.
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

# ---- odd_driver

load_odd_driver() {
	insmod "$STATCHAN_MODULES/driver/odd_driver.ko" || fail "kinds that are wrong: $(dmesg | grep odd_driver)"
}

odd() {
	echo "$2" >"/sys/module/odd_driver/parameters/$1"
}

# A positive number, as some buses return, is no pointer and no success.
test_wrong_answers_are_errors() {
	local t
	load_odd_driver || return
	for t in ioctl read netlink procfs mmap; do
		odd snapshot_says 2
		wants 1 statctl -t "$t" get odd0 && one_line || return
		odd snapshot_says 0
		wants 0 statctl -t "$t" get odd0 || return
	done
	for t in ioctl read netlink relay mmap bpf; do
		odd listen_says 1
		wants 1 statctl -t "$t" samples odd0 -c 1 && one_line && says err odd0 || return
		odd listen_says 0
	done
	odd rate_says 4096
	wants 1 statctl set odd0 rate=2 && one_line || return
	wants 1 statctl samples odd0 --rate 1:3 && one_line || return
	odd rate_says 0
	wants 0 statctl set odd0 rate=2 || return
	wants 0 dmesg && says out "source 'odd0': snapshot() of its driver returned 2" || return
	wants 1 statctl source add odd x && one_line && says err odd || return
	rmmod odd_driver
}

# Whoever asks it waits; who only wants to know what there is does not, nor who ends it behind them.
test_slow_driver_holds_up_nobody() {
	local readers=() t remover
	load_odd_driver && odd hold 1 || return
	for t in ioctl netlink procfs ioctl netlink procfs; do
		statctl -t "$t" get odd0 >/dev/null 2>&1 &
		readers+=($!)
	done
	wait_for grep -q 1 /sys/module/odd_driver/parameters/held || return
	for t in ioctl netlink; do
		wants 0 timeout 20 statctl -t "$t" -j sources && says out odd0 || return
		wants 0 timeout 20 statctl -t "$t" source add synth sw0 run=0 || return
		wants 0 timeout 20 statctl -t "$t" get sw0 || return
		wants 0 timeout 20 statctl source del sw0 || return
	done
	rmmod odd_driver &
	remover=$!
	# the removal waits for the one snapshot that has begun, and the rest are told at once
	wait_for sh -c '! statctl -j sources | grep -q odd0' || fail 'still there' || return
	wants 0 timeout 20 statctl -t netlink -j sources || return
	odd hold 0
	wait "$remover" || return
	wait "${readers[@]}" || true
	[[ ! -d /sys/module/odd_driver ]]
}

run_tests "$@"
