#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/examples/raw_reader.c, which knows nothing but <linux/statchan.h>, gets what the library gets;
# compiled for 32 bits, too.
#   tests/guest/run BUILD raw_reader
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$STATCHAN_BUILD/docs/examples:$STATCHAN_BUILD/tests/guest:$PATH

TRANSPORTS=(ioctl read mmap relay netlink)
RAW=(statchan_raw_reader statchan_raw_reader32)
# Netlink's channels are shared by who asks for the same: so each program asks for another size.
declare -A BUFFER_TIMES=([statchan_raw_reader]=1 [statchan_raw_reader32]=2)

channels_are() {
	statctl -j ledger | jq -e "length == $1"
}

# start NAME COMMAND...: in the background, its output in $scratch/NAME.
start() {
	local name=$1
	shift
	"$@" >"$scratch/$name" 2>&1 &
	pids[$name]=$!
}

# All that were started end well and their books close.
end_well() {
	local name
	for name in "${!pids[@]}"; do
		wait "${pids[$name]}" && grep -qx 'books close' "$scratch/$name" ||
			fail "$name: $(tail -n 3 "$scratch/$name")" || return
	done
}

# Each CPU's records, in the order in which they came.
records() {
	grep -E '^[0-9]+ [0-9]+ [0-9]+ [0-9a-f]{16}$' "$scratch/$1" | sort -s -n -k 1,1
}

test_raw_readers_and_library_get_the_same_records() {
	local t raw name count=3000
	local -A pids=()
	statctl source add synth sw0 run=0 size=200 >/dev/null || return
	for t in "${TRANSPORTS[@]}"; do
		for raw in "${RAW[@]}"; do
			start "$raw-$t" "$raw" -b $((BUFFER_TIMES[$raw] * 4194304)) "$t" sw0 $((2 * count))
		done
		start "library-$t" statchan_library_reader "$t" sw0 $((2 * count))
	done
	wait_for channels_are $((3 * ${#TRANSPORTS[@]})) || fail "$(tail -n 1 "$scratch"/*-*)" || return
	statctl set sw0 cpus=2 pps=10000 count=$count run=1 >/dev/null || return
	end_well || return
	for name in "${!pids[@]}"; do
		records "$name" >"$scratch/records"
		(($(wc -l <"$scratch/records") == 2 * count)) ||
			fail "$name: $(wc -l <"$scratch/records") records" || return
		[[ -e $scratch/expected ]] || cp "$scratch/records" "$scratch/expected"
		cmp "$scratch/records" "$scratch/expected" || fail "$name" || return
	done
	(($(cut -d ' ' -f 1 "$scratch/expected" | uniq | wc -l) == 2)) || fail 'not of two CPUs' || return
	statctl source del sw0
}

# The readers sleep while more comes than their buffers hold.
test_overload_is_told_and_books_close() {
	local t raw
	local -A pids=()
	statctl source add synth sw1 run=0 size=128 cpus=2 >/dev/null || return
	for t in "${TRANSPORTS[@]}"; do
		for raw in "${RAW[@]}"; do
			start "$raw-$t" "$raw" -b $((BUFFER_TIMES[$raw] * 65536)) "$t" sw1 20000
		done
	done
	wait_for channels_are $((2 * ${#TRANSPORTS[@]})) || fail "$(tail -n 1 "$scratch"/*)" || return
	statctl set sw1 emit=100 >/dev/null || return
	kill -STOP "${pids[@]}"
	statctl set sw1 emit=5000 >/dev/null || return
	kill -CONT "${pids[@]}"
	statctl set sw1 emit=5000 >/dev/null || return
	# of a socket it may be the last that was lost: the end tells it
	statctl source del sw1 || return
	end_well || return
	for raw in "${RAW[@]}"; do
		for t in ioctl read mmap relay; do
			grep -q '^lost ' "$scratch/$raw-$t" || fail "$raw $t: no loss was told" || return
		done
		grep -qE 'lost by the socket [1-9]' "$scratch/$raw-netlink" ||
			fail "$raw: $(tail -n 3 "$scratch/$raw-netlink")" || return
	done
}

test_stop_is_the_end() {
	local t raw
	statctl source add synth sw2 mode=back-to-back cpus=2 size=64 >/dev/null || return
	for t in "${TRANSPORTS[@]}"; do
		for raw in "${RAW[@]}"; do
			wants 0 "$raw" "$t" sw2 5000 || fail "$raw $t" || return
			says out 'books close' || return
		done
	done
	statctl source del sw2
}

# The counters of a synth are a function of the generation, so two chips that are alike count alike.
test_snapshots() {
	local t program generation
	for program in "${RAW[@]}" statchan_library_reader; do
		generation=0
		statctl source add synth sw3 ports=512 fields=64 queues=0 >/dev/null || return
		for t in ioctl read mmap netlink; do
			wants 0 "$program" snapshot "$t" sw3 || return
			generation=$((generation + 1))
			says out "generation $generation counters 32768 fnv" || return
			[[ -e $scratch/snapshot-$t ]] || cp "$scratch/out" "$scratch/snapshot-$t"
			cmp "$scratch/out" "$scratch/snapshot-$t" ||
				fail "$program $t: $(cat "$scratch/out" "$scratch/snapshot-$t")" || return
		done
		statctl source del sw3 || return
	done
}

test_failures_have_the_kernels_sentence() {
	local t
	for t in "${TRANSPORTS[@]}"; do
		wants 1 statchan_raw_reader "$t" nosuch 1 || return
		says err nosuch && one_line || return
	done
	statctl source add synth sw4 run=0 >/dev/null || return
	for t in ioctl read mmap relay; do
		wants 1 statchan_raw_reader -b 999999999999 "$t" sw4 1 || return
		says err buffer && one_line || return
	done
	statctl source del sw4
}

run_tests "$@"
