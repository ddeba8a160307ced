# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Reading the guest's kernel log: which lines mean that the kernel is unhappy.

# Each is matched at the start of a message, after "[   12.345678] ". Anchoring keeps
# the CPU notices of a normal boot out ("Spectre V2 : WARNING: ...").
KLOG_COMPLAINTS=(
	'((watchdog|rcu|NMI watchdog): )?(WARNING|BUG): '       # KASAN, KCSAN, lockdep, too
	'kernel BUG at '
	'Oops: '
	'general protection fault'
	'Kernel panic'
	'UBSAN: '
	'KASAN: '
	'KFENCE: '
	'BUG [^ ]+ \(.*\): '                            # SLUB's own checks
	'INFO: task .* blocked for more than'
	'(rcu: )?INFO: rcu_.* (stall|detected)'
	'INFO: (trying to register|possible|suspicious|lockdep|inconsistent)'
	'possible (recursive|circular|irq lock)'
	'kmemleak: [0-9]+ new suspected'
	# what watches has given up
	'kmemleak: (Cannot allocate a kmemleak_object|Kernel memory leak detector disabled)'
	'ODEBUG: '
	'refcount_t: '
	'list_(add|del) corruption'
	'sysfs: cannot create duplicate'
	'unregister_netdevice: waiting for'
	'watchdog: .*stuck for'
)

klog_pattern() {
	local IFS='|'
	printf '^(\\[ *[0-9.]+\\](\\[ *[TC][0-9]+\\])? )?(%s)' "${KLOG_COMPLAINTS[*]}"
}

klog_complaints() {
	tr -d '\r' <"$1" | grep -aE "$(klog_pattern)"
}

klog_panicked() {
	grep -aq 'Kernel panic' "$1"
}

# A CPU sleeps though its timer is long due: QEMU has lost that timer's interrupt. (It was seen once in some
# hundred guests of QEMU 10 with two threads.) A CPU that our code keeps busy does not idle.
klog_lost_timer() {
	grep -aq "kthread timer wakeup didn't happen" "$1" && grep -aq 'NMI backtrace for cpu [0-9]* skipped: idling' "$1"
}

# A CPU met a breakpoint where the memory holds none: the kernel sets one while it changes its code, and
# emulation in several threads kept what it had translated meanwhile. (Seen once, beside compilers.)
klog_stale_code() {
	local code
	code=$(grep -a -A40 'int3: 0000 \[#1\]' "$1" | grep -am1 'Code: ')
	[[ $code && $code != *' cc <'* ]]
}

# klog_excerpt FILE: from the first complaint on, else the end; for a person to read.
klog_excerpt() {
	local first
	first=$(tr -d '\r' <"$1" | grep -anE "$(klog_pattern)" | head -n 1 | cut -d : -f 1)
	[[ -n $first ]] || first=$(grep -anE '(sysrq: Show Blocked State|lab: )' "$1" | head -n 1 | cut -d : -f 1)
	if [[ -n $first ]]; then
		tr -d '\r' <"$1" | tail -n +"$first" | head -n 60
	else
		tr -d '\r' <"$1" | tail -n 15
	fi | sed 's/^/  kernel: /'
}

# Logs are kept in the cache, the newest fifty.
klog_new() {
	local dir
	dir=$(lab_cache)/logs
	mkdir -p "$dir"
	# of a day ago: a guest that is up may say nothing for long
	find "$dir" -name '*.log' -mmin +1440 -printf '%T@ %p\n' | sort -rn | tail -n +50 | cut -d ' ' -f 2- | xargs -r -d '\n' rm -f
	printf '%s/%(%Y%m%d-%H%M%S)T-%s.log\n' "$dir" -1 "$$"
}
