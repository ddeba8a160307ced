# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How fast the guest's clock goes. Under TCG its time stamp counter is this machine's. The kernel measures it
# against an emulated timer while it boots: on a busy machine that was wrong by 8 and by 80 times, once in a
# hundred boots, and then all of its time-outs come too early. So it is told.

# clock_resolve ACCELERATOR ICOUNT sets CLOCK_WORDS, for the kernel's command line.
clock_resolve() {
	local khz
	CLOCK_WORDS=
	# KVM has a clock of its own; with icount the counter counts instructions
	[[ $1 = tcg && $2 = no ]] || return 0
	khz=$(clock_tsc_khz) || die "$EXIT_LAB" "can not measure the time stamp counter of this machine"
	CLOCK_WORDS=tsc_early_khz=$khz
}

clock_tsc_khz() {
	local source=$LAB_LIB/tsc_khz.c program
	need_tool cc
	program=$(lab_cache)/tsc_khz-$(sha256sum "$source" | cut -c 1-16)
	[[ -x $program ]] || with_lock "$program.lock" clock_build "$source" "$program" >&2 || return
	"$program"
}

clock_build() {
	[[ -x $2 ]] || { cc -O1 -o "$2.new" "$1" && mv "$2.new" "$2"; }
}
