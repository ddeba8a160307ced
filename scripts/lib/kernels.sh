# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What a kernel is to the lab: a folder with
#     image                 what QEMU boots: an uncompressed vmlinux with PVH, or a bzImage
#     lib/modules/RELEASE/  its modules, with depmod's data
#     release               one line: what uname -r prints in the guest
# Debian's three flavours are fetched into the cache in this shape, the lab's own two are built
# there (scripts/lib/debug-kernels.sh). A kernel built elsewhere is given as the path of such a folder.
#
# kernel_resolve NAME|FOLDER sets KERNEL_NAME, KERNEL_DIR and KERNEL_RELEASE.

# The folder's layout has a number: raise it when the steps below change.
KERNEL_LAYOUT=2

kernel_resolve() {
	case $1 in
	stock | cloud | rt) kernel_from_debian "$1" ;;
	debug | kcsan) kernel_from_source "$1" ;;
	*/*) kernel_from_folder "$1" ;;
	*) die "$EXIT_LAB" "unknown kernel '$1': use stock, cloud, rt, debug, kcsan, or the path of a kernel folder" ;;
	esac
	KERNEL_RELEASE=$(<"$KERNEL_DIR/release")
}

kernel_from_folder() {
	KERNEL_DIR=$(cd "$1" 2>/dev/null && pwd -P) || die "$EXIT_LAB" "no kernel folder $1"
	KERNEL_NAME=${KERNEL_DIR##*/}
	[[ -e $KERNEL_DIR/image && -e $KERNEL_DIR/release ]] ||
		die "$EXIT_LAB" "$1 is not a kernel folder: see scripts/lib/kernels.sh for its contents"
}

kernel_from_source() {
	KERNEL_NAME=$1
	KERNEL_DIR=$(debug_kernel_folder "$1")
	[[ -n $KERNEL_DIR ]] || die "$EXIT_LAB" "Debian's kernel source is not installed: run scripts/install-deps"
	debug_kernel_ensure "$1" "$KERNEL_DIR" || die "$EXIT_LAB" "there is no $1 kernel"
}

kernel_from_debian() {
	local flavour=$1 release version
	read -r release version < <(kernel_headers "$flavour")
	[[ -n $release ]] ||
		die "$EXIT_LAB" "no kernel headers for '$flavour' are installed: run scripts/install-deps"
	KERNEL_NAME=$flavour
	KERNEL_DIR=$(lab_cache)/kernels/$release-$version-$KERNEL_LAYOUT
	[[ -e $KERNEL_DIR/release ]] && return
	with_lock "$KERNEL_DIR.lock" kernel_fetch "$release" "$version" "$KERNEL_DIR" ||
		die "$EXIT_LAB" "could not prepare the $flavour kernel $release"
}

# The newest installed headers of a flavour: "RELEASE PACKAGE-VERSION".
kernel_headers() {
	local suffix
	case $1 in
	stock) suffix='[0-9]+-amd64' ;;
	*) suffix="[0-9]+-$1-amd64" ;;
	esac
	dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' 'linux-headers-*' 2>/dev/null |
		sed -nE "s/^installed linux-headers-([0-9.]+-$suffix) (.*)/\1 \2/p" | sort -V | tail -n 1
}

kernel_fetch() {
	local release=$1 version=$2 dir=$3 work
	[[ -e $dir/release ]] && return
	note "fetching the kernel image $release (once)"
	work=$(mktemp -d "$dir.XXXXXX") || return
	# shellcheck disable=SC2064 # with_lock made this a subshell: its end cleans up
	trap "rm -rf '$work'" EXIT
	chmod 755 "$work"
	kernel_download "$release" "$version" "$work" && kernel_unpack "$release" "$work" &&
		rm -rf "$dir" && mv "$work" "$dir"
}

# apt's remark that it could not download as the user _apt is noise.
kernel_download() {
	local release=$1 version=$2 work=$3 log=$3/apt.log
	(cd "$work" && apt-get -q download "linux-image-$release=$version") >"$log" 2>&1 && return
	cat "$log" >&2
	note "apt can not download linux-image-$release version $version;" \
		"run 'apt-get update' as root, and upgrade the kernel headers if the version is gone"
	return 1
}

kernel_unpack() {
	local release=$1 work=$2
	dpkg-deb -x "$work"/linux-image-*.deb "$work" || return
	rm -rf "${work:?}"/{*.deb,usr,etc,apt.log}
	kernel_uncompress "$work/boot/vmlinuz-$release" >"$work/image" || {
		note "booting the compressed image of $release instead (slower)"
		cp "$work/boot/vmlinuz-$release" "$work/image"
	}
	mv "$work/boot/config-$release" "$work/config"
	mv "$work/boot/System.map-$release" "$work/System.map"
	rm -rf "$work"/boot*
	# modules_install and out-of-tree builds look for these two in the guest, too.
	local link
	for link in build source; do
		[[ -e /lib/modules/$release/$link ]] &&
			ln -sf "$(readlink -f "/lib/modules/$release/$link")" "$work/lib/modules/$release/$link"
	done
	[[ -e $work/lib/modules/$release/modules.dep ]] || depmod_tool -b "$work" "$release" || return
	printf '%s\n' "$release" >"$work/release"
}

depmod_tool() {
	PATH=$PATH:/usr/sbin:/sbin depmod "$@"
}

# The payload of a bzImage, uncompressed: QEMU then boots it through PVH and the guest
# need not run a decompressor under emulation (1.9 s to init in place of 4.9 s).
# Offsets: Documentation/x86/boot.rst, setup_sects, payload_offset, payload_length.
kernel_uncompress() {
	local image=$1 sects offset length
	sects=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
	read -r offset length < <(od -An -tu4 -j $((0x248)) -N 8 "$image")
	tail -c +$(((sects + 1) * 512 + offset + 1)) "$image" | head -c "$length" | unpack_stream
}

# The last four bytes of the payload are its uncompressed size, which is not part of
# the stream: the tools complain about it after having written everything.
unpack_stream() {
	local file magic
	file=$(mktemp) || return
	cat >"$file"
	magic=$(od -An -tx1 -N 4 "$file" | tr -d ' ')
	case $magic in
	fd377a58) xz -dc --single-stream <"$file" ;;
	28b52ffd) head -c -4 "$file" | zstd -dc ;;
	02214c18) head -c -4 "$file" | lz4 -dc ;;
	1f8b*) head -c -4 "$file" | gzip -dc ;;
	*) note "unknown kernel compression $magic" && false ;;
	esac
	local status=$?
	rm -f "$file"
	return "$status"
}
