# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the shell parts of the guest tests. scratch: a folder of the test that runs. STATCHAN_BUILD and STATCHAN_MODULES: see run.

scratch=

# A kernel that looks at every access takes several times as long.
case $(uname -r) in
*-debug | *-kcsan) slowness=10 ;;
*) slowness=1 ;;
esac

# As Debian's kernels come: not everybody loads BPF programs.
[[ $(</proc/sys/kernel/unprivileged_bpf_disabled) != 0 ]] || echo 2 >/proc/sys/kernel/unprivileged_bpf_disabled

# What root of a user namespace does to the kernel is tested, too.
load_modules() {
	insmod "$STATCHAN_MODULES/statchan.ko" && insmod "$STATCHAN_MODULES/statchan_synth.ko" user_namespaces=1 &&
		insmod "$STATCHAN_MODULES/statchan_netdev.ko" user_namespaces=1
}

unload_modules() {
	rmmod statchan_netdev && rmmod statchan_synth && rmmod statchan
}

# wait_for CONDITION...: asks the command until it succeeds; not for ever.
wait_for() {
	local deadline=$((SECONDS + 60 * slowness))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

fail() {
	printf '    %s\n' "$*"
	return 1
}

# wants STATUS COMMAND...: runs it without input; its streams are in $scratch/out and err.
wants() {
	local wanted=$1 status
	shift
	"$@" </dev/null >"$scratch/out" 2>"$scratch/err"
	status=$?
	((status == wanted)) && return
	sed 's/^/    | /' "$scratch/err"
	fail "exit status $status, wanted $wanted: $*"
}

# says STREAM TEXT...: each text is in what the last command wrote.
says() {
	local stream=$scratch/$1 text
	shift
	for text; do
		grep -qF -- "$text" "$stream" || fail "no '$text' in: $(head -c 400 "$stream")" || return
	done
}

one_line() {
	(($(wc -l <"$scratch/err") == 1)) || fail "not one line: $(<"$scratch/err")"
}

# run_one NAME: in a process group of its own, which ends with the test, or after TEST_SECONDS (240).
run_one() {
	local test watch status
	set -m
	(set +m -o pipefail && "test_$1") >"$scratch/report" 2>&1 &
	test=$!
	(sleep $((${TEST_SECONDS:-240} * slowness)) && echo '    its time is over' >>"$scratch/report" && kill -- "-$test") 2>/dev/null &
	watch=$!
	set +m
	wait "$test"
	status=$?
	kill -- "-$watch" "-$test" 2>/dev/null
	wait "$watch" 2>/dev/null
	return "$status"
}

# run_tests [NAME...]: the functions test_NAME, all if none is named.
run_tests() {
	local name begin passed=0
	local -a names=("$@") broken=()
	((${#names[@]} > 0)) || mapfile -t names < <(declare -F | sed -n 's/^declare -f test_//p')
	for name in "${names[@]}"; do
		begin=${EPOCHREALTIME/./}
		scratch=$(mktemp -d)
		if run_one "$name"; then
			passed=$((passed + 1))
			printf 'ok    %s (%d ms)\n' "$name" $(((${EPOCHREALTIME/./} - begin) / 1000))
		else
			broken+=("$name")
			printf 'FAIL  %s\n%s\n' "$name" "$(<"$scratch/report")"
		fi
		rm -rf "$scratch"
	done
	printf '%d passed, %d failed\n' "$passed" "${#broken[@]}"
	((${#broken[@]} == 0 && passed > 0))
}
