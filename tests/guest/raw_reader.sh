#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/examples/raw_reader.c, which knows nothing but <linux/statchan.h>, gets what the library gets.
#   tests/guest/run BUILD raw_reader
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$STATCHAN_BUILD/docs/examples:$STATCHAN_BUILD/tests/guest:$PATH

TRANSPORTS=(ioctl read mmap relay netlink)

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
	local t name count=3000
	local -A pids=()
	statctl source add synth sw0 run=0 size=200 >/dev/null || return
	for t in "${TRANSPORTS[@]}"; do
		start "raw-$t" statchan_raw_reader -b 4194304 "$t" sw0 $((2 * count))
		start "library-$t" statchan_library_reader "$t" sw0 $((2 * count))
	done
	wait_for channels_are 10 || fail "$(tail -n 1 "$scratch"/raw-* "$scratch"/library-*)" || return
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
	local t
	local -A pids=()
	statctl source add synth sw1 run=0 size=128 cpus=2 >/dev/null || return
	for t in "${TRANSPORTS[@]}"; do
		start "$t" statchan_raw_reader -b 65536 "$t" sw1 20000
	done
	wait_for channels_are 5 || fail "$(tail -n 1 "$scratch"/*)" || return
	statctl set sw1 emit=100 >/dev/null || return
	kill -STOP "${pids[@]}"
	statctl set sw1 emit=5000 >/dev/null || return
	kill -CONT "${pids[@]}"
	statctl set sw1 emit=5000 >/dev/null || return
	# of a socket it may be the last that was lost: the end tells it
	statctl source del sw1 || return
	end_well || return
	for t in ioctl read mmap relay; do
		grep -q '^lost ' "$scratch/$t" || fail "$t: no loss was told" || return
	done
	grep -qE 'lost by the socket [1-9]' "$scratch/netlink" || fail "$(tail -n 3 "$scratch/netlink")"
}

test_stop_is_the_end() {
	local t
	statctl source add synth sw2 mode=back-to-back cpus=2 size=64 >/dev/null || return
	for t in "${TRANSPORTS[@]}"; do
		wants 0 statchan_raw_reader "$t" sw2 5000 || fail "$t" || return
		says out 'books close' || return
	done
	statctl source del sw2
}

# The counters of a synth are a function of the generation, so two chips that are alike count alike.
test_snapshots() {
	local t generation=0
	statctl source add synth sw3 ports=512 fields=64 queues=0 >/dev/null || return
	for t in ioctl read mmap netlink; do
		wants 0 statchan_raw_reader snapshot "$t" sw3 || return
		generation=$((generation + 1))
		says out "generation $generation counters 32768 fnv" || return
		cp "$scratch/out" "$scratch/raw-$t"
	done
	statctl source del sw3 && statctl source add synth sw3 ports=512 fields=64 queues=0 >/dev/null || return
	for t in ioctl read mmap netlink; do
		wants 0 statchan_library_reader snapshot "$t" sw3 || return
		cmp "$scratch/out" "$scratch/raw-$t" || fail "$t: $(cat "$scratch/out" "$scratch/raw-$t")" || return
	done
	statctl source del sw3
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
