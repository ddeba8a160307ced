#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# statctl calibrate with the module: all of it for root, the user's part for everybody.
#   tests/guest/run BUILD calibrate
set -u

# shellcheck source=tests/guest/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$STATCHAN_BUILD/cli:$PATH
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all)

# holds FILTER: true of the JSON in $scratch/out.
holds() {
	jq -e "$1" "$scratch/out" >/dev/null || fail "not so: $1: $(jq -c '.primitives[] | del(.what, .value.values)' "$scratch/out")"
}

# measured FILTER: so many primitives as are chosen have a value that makes sense.
measured() {
	holds "[.primitives[] | select($1)] | length > 0 and all(.unavailable == \"\" and
		.value.median > 0 and .value.min <= .value.median and .value.median <= .value.max)"
}

# what is not for everybody, and of it what the module measures
kernel='.name | test("kernel|copy_to_user|page.remap|skb.alloc|emit|bpf")'
module='.name | test("kernel|copy_to_user|page.remap|skb.alloc|emit")'

test_root_gets_all() {
	wants 0 statctl -j calibrate --quick || return
	[[ ! -s $scratch/err ]] || fail "$(<"$scratch/err")" || return
	measured true && holds '.primitives | length == 28' && holds '.environment.abi > 0' || return
	holds "[.primitives[] | select($kernel)] | length == 13"
}

test_as_a_table() {
	wants 0 statctl calibrate --quick || return
	says out NAME MEDIAN 'NOISE %' clock.kernel copy_to_user '16 MiB' page.remap 'Linux ' || return
	! grep -q unavailable "$scratch/out" || fail "$(<"$scratch/out")"
}

test_everybody_gets_the_part_of_user_space() {
	wants 0 "${nobody[@]}" statctl -j calibrate --quick && says err 'permission denied' root && one_line || return
	measured "$kernel | not" && holds "[.primitives[] | select($kernel)] | all(.unavailable | test(\"root\"))"
}

# Where the administrator gave the device to all.
test_the_device_alone_is_not_enough() {
	local status
	chmod 666 /dev/statchan
	wants 0 "${nobody[@]}" statctl -j calibrate --quick && says err CAP_SYS_ADMIN && one_line &&
		holds "[.primitives[] | select($module)] | all(.unavailable | test(\"CAP_SYS_ADMIN\"))"
	status=$?
	chmod 600 /dev/statchan
	return "$status"
}

test_one_cpu_has_no_other_to_wake() {
	wants 0 taskset -c 0 statctl -j calibrate --user-only --quick || return
	holds '[.primitives[] | select(.name | startswith("wakeup"))] | all(.unavailable | test("two CPUs"))' || return
	measured '.name == "context.switch"'
}

run_tests "$@"
