#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What statctl shows of the books: one snapshot over all transports, ledgers, gaps, switching, the
# flight recorder.
#   tests/guest/run BUILD books
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$PATH
transports=(ioctl read netlink netlink-nl relay mmap bpf)
can_snapshot=(ioctl read procfs netlink netlink-nl mmap)

# source_with PARAMS...: sw0, which rests until it is told to emit; a test that failed may have left
# its own.
source_with() {
	statctl source del sw0 2>/dev/null
	statctl source add synth sw0 run=0 size=64 "$@" >/dev/null
}

# in_background COMMAND...: its streams in $scratch/out and err, its process in $reader.
in_background() {
	"$@" </dev/null >"$scratch/out" 2>"$scratch/err" &
	reader=$!
}

has_channel() {
	statctl -j ledger | jq -e 'map(select(.kind == "samples")) | length == 1'
}

# ends_with STATUS: the command in the background, told to stop.
ends_with() {
	local status
	kill -INT "$reader"
	wait "$reader"
	status=$?
	((status == $1)) || fail "status $status, wanted $1: $(<"$scratch/err")"
}

# account FILTER: of the ledger at the end of the JSON in $scratch/out.
account() {
	jq -rs "map(select(.type == \"ledger\")) | last | $1" "$scratch/out"
}

# ---- snapshots

agree() {
	local t
	wants 0 statctl verify "$1" || return
	for t in "${can_snapshot[@]}"; do
		grep -qE "^$t +[0-9]+ +[0-9]+ +[0-9a-f]+ +same$" "$scratch/out" || fail "$t: $(<"$scratch/out")" || return
	done
	wants 0 statctl -j verify "$1" || return
	[[ $(jq 'map("\(.generation) \(.bytes) \(.digest)") | unique | length' "$scratch/out") = 1 ]] ||
		fail "$(<"$scratch/out")"
}

test_verify_agrees_on_all_transports() {
	local size
	for size in 'ports=1 fields=8' 'ports=64 fields=64' 'ports=1024 fields=128'; do
		# shellcheck disable=SC2086 # several parameters
		source_with $size && agree sw0 && statctl source del sw0 || return
	done
	modprobe -q veth
	ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up &&
		statctl source add netdev veth0 >/dev/null && agree veth0 && statctl source del veth0 &&
		ip link del veth0
}

test_verify_says_what_there_is_not() {
	wants 1 statctl verify nowhere && one_line && says err "nowhere"
}

test_one_generation_has_one_digest() {
	local t first
	source_with ports=16 fields=64 || return
	wants 0 statctl -t ioctl -j get sw0 --digest || return
	first=$(jq -r '"\(.generation) \(.digest)"' "$scratch/out")
	for t in "${can_snapshot[@]}"; do
		wants 0 statctl -t "$t" -j get sw0 --digest --generation "${first% *}" || return
		[[ $(jq -r '"\(.generation) \(.digest)"' "$scratch/out") = "$first" ]] || fail "$t" || return
	done
	statctl source del sw0
}

# ---- ledgers

# However small the buffers: what was lost is in the books, and they close.
strict_over() {
	source_with cpus=2 || return
	in_background statctl -t "$1" -j samples sw0 --strict --quiet --buffer 4k --subbufs 2 --receive-buffer 16k
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	kill -STOP "$reader"
	statctl set sw0 emit=5000
	kill -CONT "$reader"
	ends_with 0 || return
	[[ $(account '"\(.closes) \(.total.produced) \(.total.in_flight)"') = 'true 10000 0' ]] ||
		fail "$(account .)" || return
	(($(account '[.total.lost[]? // 0] | add') > 0)) || fail 'nothing lost: the test shows nothing' || return
	statctl source del sw0
}

for transport in "${transports[@]}"; do
	eval "test_strict_books_close_over_${transport//-/_}() { strict_over $transport; }"
done

# Somebody else reads the files of our channel: what he took we never see, and nobody tells a loss.
test_strict_fails_when_the_books_do_not_close() {
	source_with || return
	in_background statctl -t relay samples sw0 --strict --quiet
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	kill -STOP "$reader"
	statctl set sw0 emit=50
	cat /sys/kernel/debug/statchan/*-sw0/cpu0 >/dev/null
	kill -CONT "$reader"
	statctl set sw0 emit=10
	ends_with 1 || return
	says err '50 records were accepted and not read' "close the books of 'sw0'" && statctl source del sw0
}

test_ledger_of_a_channel() {
	local channel
	source_with cpus=2 || return
	in_background statctl samples sw0 --quiet
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	statctl set sw0 emit=100
	channel=$(statctl -j ledger | jq '.[0].channel')
	for front in ioctl read netlink; do
		wants 0 statctl -t $front ledger "$channel" && says out PRODUCED 200 || return
		wants 0 statctl -t $front -j ledger "$channel" || return
		[[ $(jq '.produced' "$scratch/out") = 200 ]] || fail "$(<"$scratch/out")" || return
		wants 0 statctl -t $front -j ledger "$channel" --per-cpu || return
		[[ $(jq -c 'map([.cpu, .first_seq, .next_seq, .produced])' "$scratch/out") = '[[0,0,100,100],[1,0,100,100]]' ]] ||
			fail "$(<"$scratch/out")" || return
	done
	ends_with 0 && says err 'the books close' && statctl source del sw0
}

test_gaps_are_lines_and_comments() {
	source_with || return
	in_background statctl samples sw0 --buffer 4k --verbose
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	kill -STOP "$reader"
	statctl set sw0 emit=500
	kill -CONT "$reader"
	wait_for grep -q 'records lost' "$scratch/out" || fail "no gap shown" || return
	ends_with 0 || return
	grep -qE 'cpu 0: [0-9]+ records lost, seq [0-9]+\.\.[0-9]+, reason ring_full' "$scratch/out" ||
		fail "$(grep lost "$scratch/out")" || return
	in_background statctl samples sw0 --buffer 4k -w "$scratch/gap.pcapng"
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	kill -STOP "$reader"
	statctl set sw0 emit=500
	kill -CONT "$reader"
	wait_for sh -c "statctl -j ledger | jq -e '.[0].channel'" || return
	statctl set sw0 emit=1
	wait_for sh -c "tshark -r $scratch/gap.pcapng -T fields -e frame.comment 2>/dev/null | grep -q 'records lost'" ||
		fail 'no comment in the capture' || return
	ends_with 0 && statctl source del sw0
}

# ---- switching

test_signal_switches_the_transport() {
	local n
	# A slow kernel takes seconds to load the program of bpf, and nothing may be lost meanwhile.
	source_with cpus=2 pps=500 || return
	in_background statctl -j samples sw0 --strict --quiet --buffer 4M
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	statctl set sw0 run=1
	for n in 1 2 3 4 5 6 7; do
		kill -USR1 "$reader"
		wait_for sh -c "[ \$(grep -c 'switched from' $scratch/err) -ge $n ]" ||
			fail "switch $n: $(<"$scratch/err")" || return
	done
	statctl set sw0 run=0
	ends_with 0 || return
	says err 'switched from bpf to ioctl' 'switched from ioctl to read' 'switched from read to netlink:' \
		'switched from netlink to netlink-nl' 'switched from netlink-nl to relay' 'switched from relay to mmap' 'switched from mmap to bpf' || return
	[[ $(account '"\(.closes) \(.total.received == .total.produced)"') = 'true true' ]] ||
		fail "$(account .)" || return
	[[ $(account .total.produced) = $(statctl -j sources | jq '.[0].emitted') ]] ||
		fail 'the ledger does not span all transports' || return
	statctl source del sw0
}

test_key_switches_the_transport() {
	source_with || return
	(
		wait_for grep -q 'reading samples' "$scratch/typescript"
		printf t
		wait_for grep -q 'switched from' "$scratch/typescript"
		printf '\003'
	) | script -qfec 'statctl samples sw0 --quiet' "$scratch/typescript" >/dev/null
	grep -q 'switched from mmap to bpf' "$scratch/typescript" || fail "$(<"$scratch/typescript")" || return
	statctl source del sw0
}

# ---- the flight recorder, order

recorder_over() {
	source_with cpus=1 || return
	in_background statctl -t "$1" -j samples sw0 --overwrite --strict --buffer 64k
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	statctl set sw0 emit=5000
	[[ ! -s $scratch/out ]] || fail 'something was shown before the end' || return
	ends_with 0 || return
	[[ $(jq -rs 'map(select(.seq)) | last | .seq' "$scratch/out") = 4999 ]] || fail "$(tail -n 2 "$scratch/out")" || return
	[[ $(account '"\(.closes) \(.total.received + .total.lost.overwritten)"') = 'true 5000' ]] || fail "$(account .)" || return
	statctl source del sw0
}

for transport in mmap relay; do
	eval "test_flight_recorder_over_${transport}() { recorder_over $transport; }"
done

test_flight_recorder_shows_the_last_seconds() {
	source_with || return
	in_background statctl -j samples sw0 --overwrite --last 8
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	statctl set sw0 emit=10
	sleep 8.5 # so that they are older than what is asked for
	statctl set sw0 emit=7
	ends_with 0 || return
	[[ $(jq -s 'map(select(.seq)) | length' "$scratch/out") = 7 ]] || fail "$(<"$scratch/out")" || return
	wants 2 statctl samples sw0 --last 2 && says err --overwrite || return
	wants 1 statctl -t ioctl samples sw0 --overwrite && says err 'relay, mmap' && one_line || return
	statctl source del sw0
}

test_samples_in_the_order_of_time() {
	source_with cpus=2 pps=1000 count=250 || return
	in_background statctl -j samples sw0 --ordered --order-delay 5s --timeout 20ms --count 500
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	statctl set sw0 run=1
	wait "$reader" || fail "$(<"$scratch/err")" || return
	statctl set sw0 run=0
	jq -es 'map(select(.seq) | .unix_ns) | . == sort and length == 500' "$scratch/out" >/dev/null ||
		fail 'not in order' || return
	jq -es 'map(select(.seq) | .cpu) | unique | length == 2' "$scratch/out" >/dev/null || fail 'one CPU only' || return
	# what is held back when the time is up is shown, too
	in_background statctl -j samples sw0 --ordered --order-delay 60s --timeout 20ms --seconds 15
	wait_for has_channel || fail "$(<"$scratch/err")" || return
	statctl set sw0 emit=25
	wait "$reader" || fail "$(<"$scratch/err")" || return
	[[ $(jq -s 'map(select(.seq != null and .cpu != null and .type != "gap")) | length' "$scratch/out") = 50 ]] ||
		fail "not 50: $(tail -n 3 "$scratch/out")" || return
	wants 2 statctl samples sw0 --order-delay 1s && says err --ordered || return
	wants 1 statctl samples sw0 --ordered --order-delay 1ms && says err 'longer than the timeout' || return
	statctl source del sw0
}

run_tests "$@"
