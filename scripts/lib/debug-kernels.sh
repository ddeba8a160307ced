# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# The lab's own kernels, debug and kcsan: Debian's kernel source package, configured from
# nothing but the lines in tests/lab/kernels/, and built in the shape of scripts/lib/kernels.sh
# with one folder more:
#     build/                what modules are built against
# They live in the cache, by the source's version and the hash of their lines.

# How they are made has a number, too: raise it when the steps below change.
DEBUG_KERNEL_LAYOUT=2
DEBUG_KERNELS=(debug kcsan)

debug_kernel_known() {
	[[ " ${DEBUG_KERNELS[*]} " == *" $1 "* ]]
}

debug_kernel_fragments() {
	printf '%s\n' "$PROJECT/tests/lab/kernels/common.config" "$PROJECT/tests/lab/kernels/$1.config"
}

debug_kernel_archive() {
	find /usr/src -maxdepth 1 -name 'linux-source-*.tar.xz' | sort -V | tail -n 1
}

# The archive's version as Debian names it: 6.1.192-2
debug_kernel_source_version() {
	local package
	package=$(basename "$(debug_kernel_archive)" .tar.xz)
	dpkg-query -W -f '${Version}' "$package" 2>/dev/null
}

# Where a kernel is, or will be.
debug_kernel_folder() {
	local version hash
	local -a fragments
	version=$(debug_kernel_source_version)
	[[ -n $version ]] || return
	mapfile -t fragments < <(debug_kernel_fragments "$1")
	hash=$(cat "${fragments[@]}" | sha256sum | head -c 12)
	printf '%s\n' "$(lab_cache)/kernels/$1-$version-$hash-$DEBUG_KERNEL_LAYOUT"
}

# debug_kernel_build_folder NAME: for modules. Nothing if it is not built yet.
debug_kernel_build_folder() {
	find "$(debug_kernel_folder "$1")/lib/modules" -mindepth 2 -maxdepth 2 -name build 2>/dev/null
}

# debug_kernel_ensure NAME FOLDER: build it if it is not there.
debug_kernel_ensure() {
	[[ -e $2/release ]] || with_lock "$2.lock" debug_kernel_build "$1" "$2"
}

debug_kernel_build() {
	local name=$1 dir=$2 work source begin=$SECONDS
	[[ -e $dir/release ]] && return
	note "building the $name kernel from Debian's source (once; some minutes)"
	source=$(lab_cache)/linux-$(debug_kernel_source_version)-$DEBUG_KERNEL_LAYOUT
	# kernels are built one beside the other
	with_lock "$source.lock" debug_kernel_source "$source" || return
	mkdir -p "$dir/build" || return
	work=$dir/build.log
	{
		debug_kernel_configure "$name" "$source" "$dir/build" &&
			debug_kernel_make "$name" "$source" "$dir" &&
			debug_kernel_trim "$dir/build"
	} >"$work" 2>&1 || {
		tail -n 30 "$work" >&2
		note "the $name kernel could not be built; the whole output is in $work"
		return 1
	}
	make -s -C "$dir/build" kernelrelease 2>/dev/null >"$dir/release.new" && mv "$dir/release.new" "$dir/release"
	note "the $name kernel is in $dir ($((SECONDS - begin)) s)"
}

# Without what no build of ours reads: two thirds of it.
debug_kernel_source() {
	local source=$1
	[[ -e $source/Makefile ]] && return
	rm -rf "$source.new"
	mkdir -p "$source.new" || return
	tar -xf "$(debug_kernel_archive)" -C "$source.new" --strip-components=1 \
		--exclude='*/drivers/gpu/drm/*.[ch]' --exclude='*/drivers/net/ethernet/*.[ch]' \
		--exclude='*/drivers/net/wireless/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
		--exclude='*/sound/*.[ch]' --exclude='*.rst' --exclude='*.dts' --exclude='*.dtsi' &&
		debug_kernel_choose_watched "$source.new" && mv "$source.new" "$source"
}

# KASAN watches what our modules call, and what calls them; not drivers, nor what of a processor
# there is (see debug_kernel_make). Modules are watched by their own rule.
KASAN_WATCHES=(fs kernel lib mm net/core net/netlink)

debug_kernel_choose_watched() {
	local folder
	for folder in "${KASAN_WATCHES[@]}"; do
		printf '\nKASAN_SANITIZE := y\n' >>"$1/$folder/Makefile" || return
	done
}

# Each wanted line must be in the result: kconfig drops in silence what it can not have.
debug_kernel_configure() {
	local name=$1 source=$2 build=$3 lines line symbol missing=0
	lines=$build/wanted.config
	debug_kernel_fragments "$name" | xargs -d '\n' cat >"$lines"
	make -s -C "$source" O="$build" KCONFIG_ALLCONFIG="$lines" allnoconfig || return
	while IFS= read -r line; do
		symbol=$(grep -oE 'CONFIG_[A-Z0-9_]+' <<<"$line")
		case $line in
		CONFIG_*) grep -qxF -- "$line" "$build/.config" && continue ;;
		'# CONFIG_'*' is not set') ! grep -q "^$symbol=" "$build/.config" && continue ;;
		*) continue ;;
		esac
		printf '%s: wanted "%s", and the configuration says "%s"\n' "$name" "$line" \
			"$(grep -E "^(# )?${symbol}[= ]" "$build/.config" || echo nothing)"
		missing=1
	done <"$lines"
	return "$missing"
}

debug_kernel_make() {
	local name=$1 source=$2 dir=$3
	local -a make=(make -s -C "$source" "O=$dir/build" "-j$(nproc)" KBUILD_BUILD_TIMESTAMP=@0)
	command -v ccache >/dev/null && make+=('CC=ccache gcc')
	# Modules are instrumented by kbuild's own rule; this switches it off for the kernel alone.
	[[ $name == kcsan ]] && make+=(KCSAN_SANITIZE=n)
	# The environment's is what a Makefile says nothing else about.
	local -x KASAN_SANITIZE=n
	"${make[@]}" bzImage modules &&
		"${make[@]}" INSTALL_MOD_PATH="$dir" modules_install &&
		cp "$dir/build/arch/x86/boot/bzImage" "$dir/image" && cp "$dir/build/.config" "$dir/config" || return
	ln -sfn ../../../build "$(find "$dir/lib/modules" -mindepth 1 -maxdepth 1)/build"
}

# What modules need stays: headers, scripts, objtool, symbol versions.
debug_kernel_trim() {
	local build=$1
	find "$build" \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name 'vmlinux*' \) \
		-not -path '*/scripts/*' -not -path '*/tools/*' -delete
}
