# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Two folders of the host in the guest: "root" (/, which the guest mounts read-only)
# and "exchange" (the project's out/, writable). virtio-fs is the quick way; QEMU's
# virtiofsd needs root for it. 9p needs none, and the cloud kernel does not have it.
#
# share_choose sets SHARE (virtiofs|9p); share_start adds to QEMU_ARGS and SHARE_PIDS.

VIRTIOFSD=${STATCHAN_VIRTIOFSD:-/usr/lib/qemu/virtiofsd}
SHARE_PIDS=()

share_choose() {
	SHARE=${STATCHAN_SHARE:-9p}
	if [[ -z ${STATCHAN_SHARE-} && $EUID = 0 && -x $VIRTIOFSD ]]; then SHARE=virtiofs; fi
	case $SHARE in
	virtiofs) ;;
	9p) [[ $KERNEL != cloud ]] ||
		die "$EXIT_LAB" "the cloud kernel has no 9p, and virtio-fs needs root: run as root, or use --kernel stock" ;;
	*) die "$EXIT_LAB" "STATCHAN_SHARE is '$SHARE': use virtiofs or 9p" ;;
	esac
}

share_start() {
	case $SHARE in
	virtiofs)
		share_virtiofs root / always
		share_virtiofs exchange "$EXCHANGE" auto
		;;
	9p)
		share_9p root / on
		share_9p exchange "$EXCHANGE" off
		;;
	esac
}

share_virtiofs() {
	local tag=$1 folder=$2 cache=$3 socket=$RUN_DIR/$1.sock
	setpriv --pdeathsig TERM "$VIRTIOFSD" --socket-path="$socket" -o source="$folder" \
		-o cache="$cache" -o sandbox=chroot -f </dev/null >"$RUN_DIR/virtiofsd-$tag.log" 2>&1 &
	SHARE_PIDS+=($!)
	QEMU_ARGS+=(
		-chardev "socket,id=fs-$tag,path=$socket"
		-device "vhost-user-fs-pci,queue-size=1024,chardev=fs-$tag,tag=$tag"
	)
}

share_9p() {
	local tag=$1 folder=$2 readonly=$3
	QEMU_ARGS+=(-virtfs "local,path=$folder,mount_tag=$tag,security_model=none,multidevs=remap,readonly=$readonly")
}

# QEMU connects once, so the sockets must be there first.
share_wait() {
	local tag tries
	[[ $SHARE = virtiofs ]] || return 0
	for tag in root exchange; do
		for ((tries = 0; tries < 300; tries++)); do
			[[ -S $RUN_DIR/$tag.sock ]] && continue 2
			sleep 0.01
		done
		cat "$RUN_DIR/virtiofsd-$tag.log" >&2
		die "$EXIT_LAB" "virtiofsd did not start: try STATCHAN_SHARE=9p"
	done
}
