#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# statctl with real interfaces, in the guest: every command over every transport, captures that
# tshark and tcpdump agree on, and what goes wrong in the middle.
#   tests/guest/run BUILD statctl
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$PATH
transports=(ioctl read netlink netlink-nl relay mmap bpf)
can_snapshot=(ioctl read procfs netlink netlink-nl mmap)

# Two namespaces for all tests, without packets that nobody asked for.
make_namespaces() {
	local side
	for side in left right; do
		ip netns add "$side"
		# no ARP later than the first
		ip netns exec "$side" sysctl -qw net.ipv4.neigh.default.delay_first_probe_time=3600
		[[ ! -e /proc/sys/net/ipv6 ]] || ip netns exec "$side" sysctl -qw net.ipv6.conf.{all,default}.disable_ipv6=1
	done
}

drop_namespaces() {
	ip netns del left
	ip netns del right
}

# left[veth0 10.7.0.1] -- right[veth0 10.7.0.2]; left's is a source
make_link() {
	ip link add veth0 netns left type veth peer name veth0 netns right &&
		ip -n left -batch - <<<$'addr add 10.7.0.1/24 dev veth0\nlink set veth0 up' &&
		ip -n right -batch - <<<$'addr add 10.7.0.2/24 dev veth0\nlink set veth0 up' &&
		"${left[@]}" statctl source add netdev veth0 >/dev/null
}

drop_link() {
	ip -n left link del veth0
}

left=(ip netns exec left)

sources_are() {
	[[ $(statctl -j sources | jq -r 'map(.name) | join(" ")') = "$1" ]]
}

# channels_are N: so many sample channels are open in left.
channels_are() {
	(($("${left[@]}" statctl -j ledger | jq length) == $1))
}

# one_more ARRAY: a number that none of those in it was given. Readers of different watermarks share no channel, so
# all are there when there are as many channels.
one_more() {
	local -n so_far=$1
	printf '%d\n' $((${#so_far[@]} + 1))
}

# ---- every command

test_transports_are_listed() {
	wants 0 statctl transports && says out "${transports[@]}" procfs
}

commands_over() {
	local s=(statctl -t "$1")
	wants 0 "${s[@]}" source add synth sw0 ports=4 fields=8 run=0 &&
		wants 0 "${s[@]}" sources && says out sw0 synth ports=4 &&
		wants 0 "${s[@]}" schema sw0 && says out port rx_packets queue &&
		wants 0 "${s[@]}" set sw0 size=99 &&
		wants 0 "${s[@]}" -j sources && says out size=99 &&
		snapshots_over "$1" && samples_over "$1" &&
		wants 0 "${s[@]}" ledger &&
		wants 0 "${s[@]}" source del sw0 && sources_are ''
}

snapshots_over() {
	local s=(statctl -t "$1")
	if [[ " ${can_snapshot[*]} " != *" $1 "* ]]; then
		wants 1 "${s[@]}" get sw0 && one_line && says err "${can_snapshot[@]}"
		return
	fi
	wants 0 "${s[@]}" get sw0 --group port --instance 2 --field 'rx_*' && says out rx_bytes &&
		wants 0 "${s[@]}" -j get sw0 --digest && jq -e '.digest' "$scratch/out" >/dev/null &&
		wants 0 "${s[@]}" -j watch sw0 --interval 20ms --count 2 &&
		[[ $(jq -rs 'map(.type // "rates") | join(" ")' "$scratch/out") = 'rates rates ledger' ]]
}

samples_over() {
	local s=(statctl -t "$1")
	local monitor samples
	"${s[@]}" -j monitor --count 1 >"$scratch/events" 2>"$scratch/err" &
	monitor=$!
	"${s[@]}" -j samples sw0 --count 20 --snaplen 64 >"$scratch/samples" 2>"$scratch/err" &
	samples=$!
	wait_for sh -c "statctl -j ledger | jq -e 'length == 1'" || fail "no channel: $(<"$scratch/err")" || return
	wants 0 statctl set sw0 emit=20 && wait "$samples" || fail "status $?: $(<"$scratch/err")" || return
	# it may have begun to listen by now only
	wait_for sh -c "statctl set sw0 size=98 && [ -s $scratch/events ]" && wait "$monitor" || fail 'no event' || return
	[[ $(jq -rs 'map(select(.type == "ledger")) | .[0].total | "\(.received) \(.in_flight)"' \
		"$scratch/samples") = '20 0' ]] ||
		fail "ledger: $(tail -n 1 "$scratch/samples"); source: $(statctl -j sources); events: $(<"$scratch/events")" || return
	jq -e .event "$scratch/events" >/dev/null || fail "monitor: $(<"$scratch/events")"
}

for transport in "${transports[@]}"; do
	eval "test_every_command_over_${transport//-/_}() { commands_over $transport || { statctl source del sw0 2>/dev/null; false; }; }"
done

# ---- captures

# The packets of a capture file, as tcpdump prints them, every byte.
bytes_of() {
	tcpdump -r "$1" -nn -t -e -xx 2>/dev/null | sed -e ':a' -e '$!N; s/\n\t/ /; ta' -e 'P; D' | sort
}

# The same as tshark understands them: somebody else's reader of the format.
packets_of() {
	tshark -r "$1" -T fields -e frame.len -e eth.src -e eth.dst -e eth.type -e ip.id -e ip.proto \
		-e icmp.type -e icmp.seq -e _ws.malformed "${@:2}" 2>/dev/null | sort
}

enough_in() {
	(($(tcpdump -r "$1" --count 2>/dev/null | cut -d ' ' -f 1) >= 50))
}

# tcpdump and statctl over every transport at once, all of the same packets.
test_captures_are_those_of_tcpdump() {
	local t tcpdump
	local -A readers=()
	make_link || return
	"${left[@]}" tcpdump -Z root -i veth0 -n -s 0 -U --immediate-mode -w "$scratch/tcpdump" 2>"$scratch/err" &
	tcpdump=$!
	wait_for grep -q 'listening on' "$scratch/err" || fail "$(<"$scratch/err")" || return
	for t in "${transports[@]}"; do
		"${left[@]}" statctl -t "$t" samples veth0 --watermark "$(one_more readers)" --snaplen 2000 -w "$scratch/$t" 2>"$scratch/$t.err" &
		readers[$t]=$!
	done
	wait_for channels_are 7 || fail "$(cat "$scratch"/*.err)" || return
	# an ARP exchange, and pings of one and of three frames
	"${left[@]}" ping -q -i 0.01 -c 10 10.7.0.2 >/dev/null || return
	"${left[@]}" ping -q -i 0.01 -c 5 -s 3000 10.7.0.2 >/dev/null || return
	for t in tcpdump "${transports[@]}"; do
		wait_for enough_in "$scratch/$t" || fail "$t: too few packets" || return
	done
	kill "$tcpdump" "${readers[@]}"
	wait "$tcpdump" || return
	for t in "${transports[@]}"; do
		wait "${readers[$t]}" || fail "$t: status $?: $(<"$scratch/$t.err")" || return
	done
	drop_link
	bytes_of "$scratch/tcpdump" >"$scratch/wanted"
	for t in "${transports[@]}"; do
		diff "$scratch/wanted" <(bytes_of "$scratch/$t") || fail "$t" || return
	done
	packets_of "$scratch/mmap" -e frame.interface_name >"$scratch/out"
	diff <(packets_of "$scratch/tcpdump" | sed 's/$/\tveth0/') "$scratch/out"
}

# Root without the rights of BPF, as in a container. The rest goes on.
test_bpf_may_not_be_usable() {
	local s=(setpriv "--bounding-set=-bpf,-perfmon,-sys_admin")
	statctl source add synth sw0 run=0 >/dev/null || return
	wants 0 "${s[@]}" statctl transports && says out unusable && one_line &&
		says err bpf 'CAP_BPF' 'as root' || return
	wants 0 "${s[@]}" statctl -j transports &&
		[[ $(jq -r 'map(select(.usable | not) | .transport) | join(" ")' "$scratch/out") = bpf ]] ||
		fail "$(<"$scratch/out")" || return
	wants 1 "${s[@]}" statctl -t bpf samples sw0 && one_line && says err "'sw0'" 'BPF program' 'CAP_BPF' || return
	wants 0 "${s[@]}" statctl -j calibrate --quick &&
		jq -e '.primitives[] | select(.name | startswith("bpf")) | .unavailable | test("CAP_BPF")' \
			"$scratch/out" >/dev/null || fail "$(<"$scratch/out")" || return
	statctl source del sw0 || return
	wants 0 "${s[@]}" "$STATCHAN_BUILD/tests/guest/statchan_guest_tests" --gtest_filter='Sequence.*/bpf' &&
		says out 'SKIPPED' 'bpf: BPF programs may not be loaded'
}

# ---- what goes wrong in the middle

# An interface of no other use
make_dummy() {
	ip -n left link add dummy0 type dummy && "${left[@]}" statctl source add netdev dummy0 >/dev/null
}

test_interface_vanishes_while_it_is_read() {
	local t
	local -A readers=()
	make_dummy || return
	for t in "${transports[@]}"; do
		"${left[@]}" statctl -t "$t" samples dummy0 --watermark "$(one_more readers)" >"$scratch/out" 2>"$scratch/$t" &
		readers[$t]=$!
	done
	wait_for channels_are 7 || fail "$(cat "$scratch"/*)" || return
	ip -n left link del dummy0
	for t in "${transports[@]}"; do
		wait "${readers[$t]}" || fail "$t: status $?: $(<"$scratch/$t")" || return
		says "$t" "'dummy0'" 'end of stream' 'PRODUCED' || return
	done
}

test_interface_vanishes_while_it_is_watched() {
	local t
	local -A watchers=()
	make_dummy || return
	for t in "${can_snapshot[@]}"; do
		"${left[@]}" statctl -t "$t" watch dummy0 -a --interval 50ms >"$scratch/$t.out" 2>"$scratch/$t" &
		watchers[$t]=$!
	done
	for t in "${can_snapshot[@]}"; do
		wait_for grep -q rx_packets "$scratch/$t.out" || fail "$t: $(<"$scratch/$t")" || return
	done
	ip -n left link del dummy0
	for t in "${can_snapshot[@]}"; do
		wait "${watchers[$t]}" || fail "$t: status $?: $(<"$scratch/$t")" || return
		says "$t" "'dummy0'" 'gone' || return
		says "$t" 'snapshots of dummy0' || return
		(($(wc -l <"$scratch/$t") == 2)) || fail "not one line and the account: $(<"$scratch/$t")" || return
	done
}

# The readers of the pipes sleep: packets pass on, and when the pipes are gone statctl ends as if
# all had been well.
test_reader_that_never_reads() {
	local t
	local -A sleepers=() readers=()
	make_link || return
	for t in "${transports[@]}"; do
		mkfifo "$scratch/$t.pipe"
		sh -c "exec 3<'$scratch/$t.pipe' && exec sleep 1000" &
		sleepers[$t]=$!
		"${left[@]}" statctl -t "$t" samples veth0 --watermark "$(one_more readers)" --buffer 8K --receive-buffer 8K \
			--batch 4K --snaplen 64 \
			>"$scratch/$t.pipe" 2>"$scratch/$t" &
		readers[$t]=$!
	done
	wait_for channels_are 7 || fail "$(cat "$scratch"/*)" || return
	"${left[@]}" ping -q -f -c 3000 10.7.0.2 >"$scratch/ping" || fail "packets were held up: $(<"$scratch/ping")" || return
	kill "${sleepers[@]}"
	wait "${sleepers[@]}" 2>/dev/null
	for t in "${transports[@]}"; do
		wait "${readers[$t]}" || fail "$t: status $?: $(<"$scratch/$t")" || return
	done
	drop_link
}

test_module_that_is_not_loaded() {
	local t status=0
	unload_modules || return
	for t in "${transports[@]}"; do
		wants 1 statctl -t "$t" sources && one_line && says err 'statchan' 'not loaded' 'modprobe' || status=1
	done
	load_modules && return "$status"
}

test_kind_that_is_not_loaded() {
	rmmod statchan_synth || return
	wants 1 statctl source add synth sw0 && one_line && says err synth statchan_synth
	local status=$?
	insmod "$STATCHAN_MODULES/statchan_synth.ko" && return "$status"
}

test_source_of_another_namespace() {
	make_dummy || return
	wants 1 statctl get dummy0 && one_line && says err "'dummy0'" 'network namespace'
	local status=$?
	ip -n left link del dummy0
	return "$status"
}

main() {
	local status
	make_namespaces
	run_tests "$@"
	status=$?
	drop_namespaces
	return "$status"
}

main "$@"
