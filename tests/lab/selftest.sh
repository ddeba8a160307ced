#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests of the lab itself: what scripts/vm promises its callers.
#   tests/lab/selftest.sh [TEST...]     (names without "test_"; default: all)
# Each test boots at least one guest; JOBS tests run at a time.
set -u

HERE=$(cd "$(dirname "$0")" && pwd -P)
TOP=$(cd "$HERE/../.." && pwd -P)
JOBS=${JOBS:-$(nproc)}
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

vm() {
	"$TOP/scripts/vm" "$@"
}

fail() {
	printf '    %s\n' "$*"
	return 1
}

# wants STATUS COMMAND...: runs it without input, keeps its streams in out and err.
wants() {
	local wanted=$1 status
	shift
	"$@" </dev/null >out 2>err
	status=$?
	((status == wanted)) || {
		sed 's/^/    | /' err
		fail "exit status $status, wanted $wanted: $*"
	}
}

says() {
	grep -q -- "$2" "$1" || fail "no '$2' in $1: $(head -c 300 "$1")"
}

# --- the command's result

test_status_passes_through() {
	wants 7 vm -- sh -c 'exit 7' && wants 127 vm -- no-such-command
}

test_signal_death_is_128_plus_n() {
	# shellcheck disable=SC2016
	wants 143 vm -- sh -c 'kill -TERM $$' || return
	[[ ! -s err ]] || fail "noise on standard error: $(<err)"
}

test_streams_are_separate_and_exact() {
	head -c 65536 /dev/urandom >"$EXCHANGE/a"
	head -c 65536 /dev/urandom >"$EXCHANGE/b"
	wants 0 vm -- sh -c "cat $EXCHANGE/a; cat $EXCHANGE/b >/dev/stderr" &&
		cmp out "$EXCHANGE/a" && cmp err "$EXCHANGE/b"
}

test_input_reaches_the_command() {
	head -c 65536 /dev/urandom >in
	vm -- cat <in >out && cmp in out && : | vm -- cat >out && [[ ! -s out ]]
}

test_arguments_and_environment_arrive() {
	local expected
	export GTEST_FILTER="it's a \$test"
	local -a words=("a b" '' "it's" "\"\$HOME\"" $'two\nlines' \\)
	printf -v expected '%s|' "${words[@]}" "$GTEST_FILTER" tcg
	# shellcheck disable=SC2016
	wants 0 vm --accel tcg -- sh -c 'printf "%s|" "$@" "$GTEST_FILTER" "$STATCHAN_ACCEL"' sh "${words[@]}" || return
	[[ $(<out) = "$expected" ]] || fail "got: $(<out)"
}

test_reader_that_leaves_ends_the_guest() {
	timeout 300 "$TOP/scripts/vm" -- yes </dev/null 2>err | head -n 1 >out
	[[ $(<out) = y ]]
}

test_background_process_does_not_hold_the_guest() {
	wants 0 vm --timeout 300 -- sh -c 'sleep 1000 & echo ready' && says out ready
}

test_terminal() {
	script -qec "$TOP/scripts/vm -t -- sh -c 'tty; exit 9'" /dev/null </dev/null >out 2>&1
	(($? == 9)) || fail "status is not 9: $(<out)" || return
	says out /dev/hvc0
}

# --- the host's files

test_working_directory_is_the_same() {
	(cd "$HERE" && vm -- sh -c 'pwd && cat selftest.sh' </dev/null) >out
	cmp out <(echo "$HERE" && cat "$HERE/selftest.sh")
}

test_exchange_is_writable_and_shared() {
	# shellcheck disable=SC2016
	wants 0 vm -- sh -c 'echo from the guest >$STATCHAN_EXCHANGE/'"${EXCHANGE##*/}/f" &&
		says "$EXCHANGE/f" 'from the guest'
}

test_nothing_else_changes_on_the_host() {
	# under /tmp the guest may write, but to memory of its own
	wants 0 vm -- sh -c "touch $HERE/written; echo x >/tmp/lab-$$-written && echo x >/root/lab-$$-written" &&
		! ls "$HERE/written" "/tmp/lab-$$-written" "/root/lab-$$-written" 2>/dev/null
}

test_kernel_modules_load() {
	# shellcheck disable=SC2016
	wants 0 vm -- sh -ec 'modprobe -a veth dummy ifb 8021q bridge vxlan tun sch_netem nf_tables
		ip netns add a
		ip link add type veth peer netns a
		test -d "/lib/modules/$(uname -r)/build/include"
		test -d /sys/kernel/tracing/events'
}

test_every_flavour_boots() {
	local flavour
	for flavour in rt cloud; do
		wants 0 vm --kernel "$flavour" -- uname -r && says out "-$flavour-" || return
	done
}

# --- what goes wrong in the kernel

test_panic_is_seen() {
	wants 122 vm -- sh -c 'echo c >/proc/sysrq-trigger' && says err 'sysrq triggered crash'
}

test_warning_is_seen() {
	local line='WARNING: CPU: 0 PID: 1 at foo'
	wants 123 vm -- sh -c "echo '$line' >/dev/kmsg; exit 3" && says err "$line" && says err 'status was 3' &&
		wants 3 vm --allow-warn -- sh -c "echo '$line' >/dev/kmsg; exit 3" && says err "$line"
}

test_hang_is_seen() {
	wants 124 vm --timeout $((4 * BOOT_SECONDS + 4)) -- sleep 1000 && says err 'process .*: sleep 1000'
}

test_termination_leaves_nothing_running() {
	ends_with TERM 143 && ends_with KILL 137
}

# ends_with SIGNAL STATUS: what scripts/vm started ends with it, however it ends.
ends_with() {
	local guest family status tries alive
	: >out # the last one was ready, too
	"$TOP/scripts/vm" -- sh -c 'echo ready && exec sleep 1000' </dev/null >out 2>err &
	guest=$!
	until grep -q ready out || ! kill -0 "$guest"; do sleep 0.1; done
	family=$(descendants "$guest")
	kill "-$1" "$guest"
	wait "$guest"
	status=$?
	((status == $2)) || fail "status $status after SIG$1" || return
	[[ $(wc -w <<<"$family") -ge 2 ]] || fail "expected a relay, QEMU and more; got: $family" || return
	for ((tries = 0; tries < 200; tries++)); do
		alive=$(of_those_alive "$family")
		[[ $alive ]] || return 0
		# scripts/vm itself has ended everything before it ends; else it is the kernel's doing
		[[ $1 = KILL ]] || break
		sleep 0.1
	done
	fail "still there: $alive"
}

# shellcheck disable=SC2009,SC2086 # a list of process ids
of_those_alive() {
	ps -o pid,stat,args --no-headers $1 | grep -v ' Z'
}

descendants() {
	local child
	for child in $(pgrep -P "$1"); do
		printf '%s ' "$child"
		descendants "$child"
	done
}

# --- ways to run

test_two_guests_at_once() {
	vm -- sh -c 'sleep 1; echo one' </dev/null >one 2>&1 &
	vm -- sh -c 'sleep 1; echo two' </dev/null >two 2>&1 &
	wait
	[[ $(<one) = one && $(<two) = two ]] || fail "$(cat one two)"
}

test_icount_counts_instructions() {
	# shellcheck disable=SC2016
	wants 0 vm --icount -- sh -c 'echo $STATCHAN_ACCEL; nproc' && says out icount && says out '^1$'
}

# What the guest's kernel measures itself on a busy machine may be far off.
test_clock_is_told() {
	local khz
	wants 0 vm --accel tcg -- sh -c 'cat /proc/cmdline; dmesg' || return
	khz=$(sed -n '1s/.* tsc_early_khz=\([0-9]*\) .*/\1/p' out)
	[[ $khz ]] && says out "tsc: Detected $((khz / 1000))\.$(printf %03d $((khz % 1000))) MHz"
}

test_bad_usage_is_explained() {
	wants 125 vm --kernel nonsense -- true && says err "unknown kernel 'nonsense'" &&
		wants 125 vm --smp x -- true && says err '--smp takes'
}

# --- runner

run_test() {
	local name=$1 begin=$SECONDS
	mkdir "$SCRATCH/$name" && cd "$SCRATCH/$name" || return
	EXCHANGE=$TOP/out/selftest-$$-$name
	mkdir -p "$EXCHANGE"
	if "test_$name" >report 2>&1; then
		printf 'ok    %s (%d s)\n' "$name" $((SECONDS - begin))
		touch "$SCRATCH/$name/passed"
	else
		printf 'FAIL  %s (%d s)\n%s\n' "$name" $((SECONDS - begin)) "$(<"$SCRATCH/$name/report")"
	fi
	rm -rf "$EXCHANGE"
}

measure_boot() {
	local begin=${EPOCHREALTIME/./} end
	vm -- true </dev/null || return
	end=${EPOCHREALTIME/./}
	printf 'boot, run "true", end: %d ms wall\n' $(((end - begin) / 1000))
	BOOT_SECONDS=$((1 + (end - begin) / 1000000))
}

main() {
	local name passed
	local -a names=("$@")
	((${#names[@]} > 0)) || mapfile -t names < <(declare -F | sed -n 's/^declare -f test_//p')
	vm --prepare || exit 1
	measure_boot
	for name in "${names[@]}"; do
		while (($(jobs -rp | wc -l) >= JOBS)); do wait -n; done
		run_test "$name" &
	done
	wait
	passed=$(find "$SCRATCH" -name passed | wc -l)
	printf '%d passed, %d failed\n' "$passed" $((${#names[@]} - passed))
	((passed == ${#names[@]}))
}

main "$@"
