# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# The initramfs: a static busybox, the modules that reach the shared root, stage 1.
# Built once per kernel and per content of the guest scripts.

LAB_MODULES_virtiofs=(virtio_pci virtio_console overlay virtiofs)
LAB_MODULES_9p=(virtio_pci virtio_console overlay 9pnet_virtio 9p)

# initramfs_ensure sets INITRAMFS.
initramfs_ensure() {
	local key
	key=$({
		stat -c '%n %s %Y' "$(busybox_path)" "$KERNEL_DIR/image" "$KERNEL_DIR"/lib/modules/*/modules.dep
		cat "$LAB_LIB"/guest/* "$LAB_LIB/initramfs.sh"
	} 2>/dev/null | sha256sum | cut -c 1-16)
	INITRAMFS=$(lab_cache)/initramfs/$KERNEL_RELEASE-$key.cpio
	[[ -e $INITRAMFS ]] && return
	with_lock "$INITRAMFS.lock" initramfs_build "$INITRAMFS" ||
		die "$EXIT_LAB" "could not build $INITRAMFS"
}

busybox_path() {
	command -v busybox || printf '/bin/busybox\n'
}

initramfs_build() {
	local target=$1 work
	[[ -e $target ]] && return
	find "${target%/*}" -name '*.cpio' -mtime +7 -delete
	work=$(mktemp -d) || return
	# shellcheck disable=SC2064 # with_lock made this a subshell: its end cleans up
	trap "rm -rf '$work'" EXIT
	mkdir -p "$work"/{bin,modules,proc,dev,newroot,over}
	cp "$(busybox_path)" "$work/bin/busybox"
	busybox --list | while read -r applet; do
		[[ $applet = busybox ]] || ln -s busybox "$work/bin/$applet"
	done
	cp "$LAB_LIB/guest/stage1" "$work/init"
	cp "$LAB_LIB/guest/stage2" "$work/stage2"
	chmod 755 "$work/init"
	initramfs_modules "$work/modules" virtiofs "${LAB_MODULES_virtiofs[@]}"
	initramfs_modules "$work/modules" 9p "${LAB_MODULES_9p[@]}"
	(cd "$work" && find . | cpio -o -H newc --quiet) >"$target.$$" && mv "$target.$$" "$target"
}

# initramfs_modules FOLDER LIST MODULE...: copies the modules and what they need, and
# writes the loading order to the file LIST. A kernel may have one built in
# or not have it at all (the cloud kernel has no 9p): stage 1 finds out by mounting.
initramfs_modules() {
	local dest=$1 list=$2 module
	shift 2
	for module in "$@"; do
		modprobe_tool -d "$KERNEL_DIR" -S "$KERNEL_RELEASE" --show-depends "$module" 2>/dev/null
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
		while read -r path; do
			cp "$path" "$dest/"
			printf '%s\n' "${path##*/}" >>"$dest/$list"
		done
}

modprobe_tool() {
	PATH=$PATH:/usr/sbin:/sbin modprobe "$@"
}
