# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the guest is told: guest.conf for the two stages, job for the command. Both are
# read by busybox's shell, so everything is in plain single quotes.

job_write() {
	{
		job_line token "$TOKEN"
		job_line release "$KERNEL_RELEASE"
		job_line modules "$KERNEL_DIR/lib/modules/$KERNEL_RELEASE"
		job_line exchange "$EXCHANGE"
		job_line terminal "$TERMINAL"
		job_line hung_task_seconds "$(job_hung_task_seconds)"
		job_line stdin "$(job_input)"
		job_line rows "$(tput lines 2>/dev/null || echo 24)"
		job_line cols "$(tput cols 2>/dev/null || echo 80)"
	} >"$RUN_DIR/guest.conf"
	{
		printf 'cd %s || exit 125\n' "$(job_quote "$PWD")"
		printf 'exec /usr/bin/env -i'
		job_environment
		local word
		for word in "$@"; do printf ' %s' "$(job_quote "$word")"; done
		printf '\n'
	} >"$RUN_DIR/job"
}

job_quote() {
	printf "'%s'" "${1//\'/\'\\\'\'}"
}

job_line() {
	printf '%s=%s\n' "$1" "$(job_quote "$2")"
}

# Under --icount the clock jumps over idle time: while a task waits 0.1 s of ours for a
# file, its own minute may pass. So nobody watches for hung tasks then.
job_hung_task_seconds() {
	if [[ $ICOUNT = yes ]]; then echo 0; else echo 60; fi
}

# A terminal is not forwarded unless --terminal asks for it: a loop over scripts/vm
# must not eat what the user types.
job_input() {
	if [[ -t 0 || /dev/stdin -ef /dev/null || ! -e /dev/stdin ]]; then echo null; else echo forward; fi
}

job_environment() {
	local name
	for name in $(compgen -e); do
		case $name in
		TERM | LANG | LC_* | NO_COLOR | COLUMNS | STATCHAN_* | GTEST_* | *SAN_OPTIONS)
			printf ' %s' "$(job_quote "$name=${!name}")"
			;;
		esac
	done
	printf ' %s' HOME=/root USER=root SHELL=/bin/bash \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"$(job_quote "STATCHAN_EXCHANGE=$EXCHANGE")" "STATCHAN_ACCEL=$ACCEL_REPORTED" \
		"$(job_quote "STATCHAN_KERNEL=$KERNEL_NAME")"
}
