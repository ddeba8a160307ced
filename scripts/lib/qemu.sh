# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2054
# QEMU's command line. The relay adds the sockets behind ctl, in, out, err and tty.

qemu_arguments() {
	QEMU_ARGS+=(
		-nodefaults -no-user-config -display none -no-reboot
		-machine q35,memory-backend=mem
		-object "memory-backend-memfd,id=mem,size=$MEM,share=on" -m "$MEM"
		-smp "$SMP"
		-kernel "$KERNEL_DIR/image" -initrd "$INITRAMFS"
		-append "$(qemu_kernel_words)"
		-serial "file:$LOG"
		-mon chardev=qmp,mode=control
		-device virtio-serial-pci
		-device virtserialport,nr=1,chardev=ctl
	)
	qemu_accelerator
	qemu_streams
}

# TCG runs the kernel's rep movsb copies a byte at a time, so it must not offer ERMS.
qemu_accelerator() {
	ACCEL_REPORTED=$ACCEL
	case $ACCEL in
	kvm) QEMU_ARGS+=(-accel kvm -cpu host) ;;
	tcg*) QEMU_ARGS+=(-cpu 'max,-erms,-fsrm') ;;
	esac
	if [[ $ICOUNT = yes ]]; then
		ACCEL_REPORTED=icount
		QEMU_ARGS+=(-accel 'tcg,thread=single' -icount 'shift=0,align=off,sleep=off')
	elif [[ $ACCEL = tcg ]]; then
		QEMU_ARGS+=(-accel 'tcg,thread=multi')
	fi
}

# PVH skips the decompressor, and with it KASLR. The crypto self-tests of every boot
# cost a quarter of a second. printk.devkmsg: /dev/kmsg is not rate-limited. The two
# about panics: on a time-out the relay sends an NMI to see what each CPU does.
# softlockup_panic, panic_on_rcu_stall: such a guest has failed, and would use up its time.
# init_on_alloc (Debian's default): what virtiofsd writes into the guest's memory QEMU does not see, so a page
# that had text once is run as the old text still, unless the guest itself has written there in between.
# norandmaps: a program that starts again finds its code translated; that halves what a start takes.
qemu_kernel_words() {
	printf '%s ' console=ttyS0 loglevel=7 panic=-1 tsc=reliable cryptomgr.notests=1 \
		printk.devkmsg=on norandmaps kunit.enable=1 unknown_nmi_panic softlockup_panic=1 sysctl.kernel.panic_on_rcu_stall=1 init_on_alloc=1 panic_print=0x40 "statchan.share=$SHARE" "statchan.run=$RUN_DIR"
	printf '%s %s' "$CLOCK_WORDS" "$APPEND"
}

qemu_streams() {
	RELAY_ARGS=()
	if [[ $TERMINAL = yes ]]; then
		RELAY_ARGS+=(--terminal)
		QEMU_ARGS+=(-device virtconsole,nr=0,chardev=tty)
		return
	fi
	QEMU_ARGS+=(
		-device virtserialport,nr=2,chardev=in
		-device virtserialport,nr=3,chardev=out
		-device virtserialport,nr=4,chardev=err
	)
	[[ $(job_input) = null ]] || RELAY_ARGS+=(--stdin)
}
