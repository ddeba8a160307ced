#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# statctl compare and report: what is measured adds up, is written, and can be shown again. How fast
# anything is, is no test.
#   tests/guest/run BUILD compare
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$PATH
TEST_SECONDS=300

# compare FOLDER ARGUMENT...: quick, each point once.
compare() {
	statctl compare --quick --repeat 1 --out "$@"
}

test_every_workload_over_every_transport_adds_up() {
	local t
	export XDG_STATE_HOME=$scratch/state
	wants 1 statctl advise --snapshot 1M --every 100ms && one_line && says err 'statctl compare --quick' || return
	wants 0 statctl compare --quick --repeat 1 --sizes 256 || return
	ln -s state/statchan/compare "$scratch/all" # where advise looks
	for t in snapshot/{ioctl,read,procfs,netlink,netlink-nl,mmap} samples/{ioctl,read,netlink,netlink-nl,relay,mmap,bpf}; do
		jq -e --arg of "$t" 'any(.points[]; .workload + "/" + .transport == $of)' \
			"$scratch/all/results.json" >/dev/null || fail "not measured: $t" || return
	done
	# what each has to show, and that nothing was lost without a word
	jq -e '[.points[].workload] | unique == ["control","events","latency","lossless","producer","samples","snapshot"]' \
		"$scratch/all/results.json" >/dev/null || fail 'a workload is missing' || return
	jq -e '[.points[] | select(.workload == "samples" or .workload == "latency")
		| .books.closes and (.fault // "") == ""] | all' "$scratch/all/results.json" >/dev/null ||
		fail 'books do not close' || return
	jq -e '[.points[] | select(.workload == "snapshot") | .books.digests_checked // "0" | tonumber > 0] | all' \
		"$scratch/all/results.json" >/dev/null || fail 'digests were not checked' || return
	jq -e '.environment | .kernel != "" and .cpus > 0 and .page_size > 0' "$scratch/all/results.json" >/dev/null ||
		fail 'the environment is missing' || return
	jq -e '[.points[] | select((.fault // "") != "")] == []' "$scratch/all/results.json" >/dev/null ||
		fail 'a point has a fault' || return
	jq -e '[.points[] | select(.workload == "latency") | .latency.count | map(tonumber) | add > 0] | all' \
		"$scratch/all/results.json" >/dev/null || fail 'no histogram' || return
	jq -e '.primitives | length > 20' "$scratch/all/results.json" >/dev/null || fail 'no primitives' || return
	[[ $(statctl -j sources | jq length) = 0 ]] || fail 'its source is still there' || return
	wants 0 statctl advise --snapshot 512 --every 100ms --readers 3 && says out 'Use ' ioctl netlink mmap 'Mind: ' || return
	# of 256 bytes nobody knows
	wants 1 statctl advise --snapshot 1M --every 100ms && says err 'statctl compare --quick --out near --sizes' || return
	wants 0 statctl -j advise --samples 1000 --size 256 --no-root || return
	jq -e '[.[] | select(.can == false) | .transport] | index("relay")' "$scratch/out" >/dev/null ||
		fail "$(<"$scratch/out")" || return
	wants 2 statctl advise --snapshot 1M && says err '--every' || return
	wants 2 statctl advise --snapshot 1M --every 1s --no-loss && says err '--no-loss' || return
	wants 1 statctl advise --samples 900000000 --size 256 --no-loss && says err 'no transport can'
}

test_results_are_shown_again_and_side_by_side() {
	wants 0 compare "$scratch/a" --transports ioctl,mmap --workload snapshot --sizes 4K || return
	cp "$scratch/out" "$scratch/first"
	wants 0 statctl report "$scratch/a" && cmp "$scratch/first" "$scratch/out" || return
	wants 0 statctl report "$scratch/a/results.pb" || return
	wants 0 compare "$scratch/b" --transports ioctl,mmap --workload snapshot --sizes 4K || return
	wants 0 statctl report "$scratch/a" "$scratch/b" && says out 'of 5 figures differ' ioctl mmap || return
	wants 0 statctl -j report "$scratch/a" && jq -e .points "$scratch/out" >/dev/null || return
	# in a browser: tests/report
	grep -q '"transport":"mmap"' "$scratch/a/report.html" || fail 'report.html has no data' || return
	wants 0 statctl report "$scratch/a" "$scratch/b" --html "$scratch/page" && [[ -s $scratch/page ]]
}

test_control_c_keeps_what_was_measured() {
	local status
	statctl compare --out "$scratch/part" --workload snapshot --sizes 4K </dev/null >"$scratch/out" 2>"$scratch/err" &
	local comparison=$!
	wait_for sh -c "statctl -j sources | jq -e 'length == 1'" || return
	# between two points there is no child; the next one is measured: the first is done
	wait_for sh -c "pgrep -P $comparison >'$scratch/first'" || fail 'no point is measured' || return
	wait_for sh -c "pgrep -P $comparison >'$scratch/next' && ! cmp -s '$scratch/first' '$scratch/next'" ||
		fail "no point but the first: $(<"$scratch/err")" || return
	kill -INT "$comparison"
	wait "$comparison"
	status=$?
	((status == 0)) || fail "status $status: $(<"$scratch/err")" || return
	says out 'ended early' || return
	jq -e '(.complete // false) == false and (.points | length > 0)' "$scratch/part/results.json" >/dev/null ||
		fail "$(head -c 300 "$scratch/part/results.json")" || return
	[[ $(statctl -j sources | jq length) = 0 ]] || fail 'its source is still there'
}

test_what_is_wrong_is_said() {
	wants 2 statctl compare --transports pigeon && one_line && says err pigeon 'statctl transports' || return
	wants 1 statctl compare --workload nonsense && one_line && says err nonsense 'snapshot, samples' || return
	wants 2 statctl compare --sizes much && says err much || return
	wants 1 statctl report /nowhere && one_line && says err /nowhere || return
	echo nonsense >"$scratch/file"
	wants 1 statctl report "$scratch/file" && one_line && says err 'no file of statctl compare'
}

run_tests "$@"
