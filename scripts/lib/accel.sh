# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Which accelerator to use. /dev/kvm may exist and still not boot a stock kernel, so
# the answer is found by booting one, with a time limit, and remembered per machine.

ACCEL_PROBE_SECONDS=8

# accel_resolve auto|kvm|tcg sets ACCEL.
accel_resolve() {
	ACCEL=$1
	[[ $ACCEL = auto ]] || return 0
	ACCEL=tcg
	if [[ -r /dev/kvm && -w /dev/kvm ]]; then ACCEL=$(accel_remembered); fi
}

accel_remembered() {
	local key file
	key=$({ uname -rvm && grep -m 1 '^model name' /proc/cpuinfo && qemu-system-x86_64 --version; } |
		sha256sum | cut -c 1-16)
	file=$(lab_cache)/accel/$key
	[[ -s $file ]] || with_lock "$file.lock" accel_probe "$file"
	cat "$file"
}

accel_probe() {
	local file=$1 answer=tcg
	[[ ! -s $file ]] || return 0
	note "trying hardware virtualisation (once, at most $ACCEL_PROBE_SECONDS s)"
	if accel_kvm_boots; then answer=kvm; fi
	note "will use $answer on this machine (remembered in $file)"
	printf '%s\n' "$answer" >"$file.new" && mv "$file.new" "$file"
}

# Stage 1 finds no share and switches the machine off: then the kernel has booted.
accel_kvm_boots() {
	local log status
	log=$(mktemp)
	local words='console=ttyS0 panic=-1 statchan.share=none'
	{
		timeout -k 1 "$ACCEL_PROBE_SECONDS" qemu-system-x86_64 -nodefaults -no-user-config \
			-display none -no-reboot -machine q35 -accel kvm -cpu host -smp 2 -m 512M \
			-serial "file:$log" -kernel "$KERNEL_DIR/image" -initrd "$INITRAMFS" \
			-append "$words" </dev/null >/dev/null
	} 2>/dev/null # the shell's own "Aborted", too
	grep -aq 'lab: stage 1' "$log"
	status=$?
	rm -f "$log"
	return "$status"
}
