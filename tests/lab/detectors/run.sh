#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do the lab's own kernels say what they are there to say? A module does wrong on purpose, and
# the guest's log is looked at, by what scripts/vm looks at it with.
#   tests/lab/detectors/run.sh debug|kcsan
set -u

HERE=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=scripts/lib/exit-codes.sh
. "$HERE/../../../scripts/lib/exit-codes.sh"
# shellcheck source=scripts/lib/common.sh
. "$HERE/../../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/debug-kernels.sh
. "$HERE/../../../scripts/lib/debug-kernels.sh"
# shellcheck source=scripts/lib/klog.sh
. "$HERE/../../../scripts/lib/klog.sh"

# shellcheck disable=SC2034 # by name
# Lock dependencies first: after most other complaints lockdep trusts nothing any more.
ON_debug=(
	'rcu suspicious_RCU_usage'
	'order-of-locks possible_circular_locking_dependency'
	'sleep sleeping_function_called_from_invalid_context'
	'shift UBSAN:_shift-out-of-bounds'
	'index UBSAN:_array-index-out-of-bounds'
	'bool UBSAN:_invalid-load'
	'free-of-active ODEBUG:_free_active'
	'leak kmemleak:_[0-9]+_new_suspected'
	'use-after-free KASAN:_slab-use-after-free|KASAN:_use-after-free'
	'out-of-bounds KASAN:_vmalloc-out-of-bounds'
)
# shellcheck disable=SC2034 # by name
ON_kcsan=('race KCSAN:_data-race_in_count')

# In the guest: each is done, and seen.
in_guest() {
	local module=$1 pair what pattern failed=0 log=/tmp/detectors.log
	for pair in "${@:2}"; do
		read -r what pattern <<<"$pair"
		dmesg -C
		insmod "$module" "what=$what" && rmmod wrong
		# young blocks are not told of
		[[ $what != leak ]] || { sleep 6 && echo scan >/sys/kernel/debug/kmemleak; }
		dmesg >"$log"
		if klog_complaints "$log" | grep -qE "${pattern//_/ }"; then
			printf 'ok    %s\n' "$what"
		else
			printf 'FAIL  %s: no complaint of %s\n' "$what" "${pattern//_/ }"
			tail -n 5 "$log"
			failed=1
		fi
	done
	return "$failed"
}

main() {
	local kernel=$1 folder log status
	local -n done_there=ON_$kernel
	[[ ${2-} != guest ]] || { in_guest "$3" "${done_there[@]}"; return; }
	folder=$(modules_folder "$kernel" "${STATCHAN_BUILD:-$PROJECT/build}")/wrong
	mkdir -p "$folder" && cp "$HERE/Kbuild" "$HERE/wrong.c" "$folder" &&
		make -s -C "$(kernel_build_folder "$kernel")" "M=$folder" modules || return
	log=$folder/log
	"$PROJECT/scripts/vm" --kernel "$kernel" --append kasan_multi_shot -- \
		"$HERE/run.sh" "$kernel" guest "$folder/wrong.ko" </dev/null >"$log" 2>&1
	status=$?
	grep -aE '^(ok|FAIL) ' "$log"
	((status == EXIT_COMPLAINT)) || { printf 'FAIL  scripts/vm ended with %d, wanted %d\n' "$status" "$EXIT_COMPLAINT"; return 1; }
	! grep -aq '^FAIL ' "$log" && (($(grep -ac '^ok ' "$log") == ${#done_there[@]}))
}

main "$@"
