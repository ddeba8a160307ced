# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What every script of the project shares: messages, the project's folders, locks.

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# Everything the lab downloads or derives lives here; deleting it is always safe.
lab_cache() {
	printf '%s\n' "${STATCHAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/statchan}"
}

# Of cmake, for builds from nothing: several files are compiled as one, which takes about half
# of the time. -g1: names and lines, for backtraces.
FROM_NOTHING=(-G Ninja -DCMAKE_DISABLE_PRECOMPILE_HEADERS=OFF -DCMAKE_CXX_FLAGS_DEBUG=-g1
	-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=6
	-DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O2 -g1')

# Of the build that searches (scripts/fuzz) and in which the tests on this machine meet
# AddressSanitizer and UndefinedBehaviorSanitizer: one, since it takes minutes.
FUZZ_BUILD=${STATCHAN_FUZZ_BUILD:-$PROJECT/build-fuzz}
FUZZ_OPTIONS=("${FROM_NOTHING[@]}" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
	-DSTATCHAN_WERROR=ON -DSTATCHAN_FUZZ=ON "-DSTATCHAN_SANITIZE=address,undefined")

# ccache, where it is used: what a file depends on is asked of the compiler, not of a run of the
# preprocessor before it; and precompiled headers are no reason not to remember an object.
export CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros

note() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die STATUS MESSAGE: one line that names the problem and the way out.
die() {
	local status=$1
	shift
	note "$*"
	exit "$status"
}

need_tool() {
	command -v "$1" >/dev/null || [[ -x $1 ]] ||
		die "$EXIT_LAB" "$1 is missing: run scripts/install-deps"
}

# What modules for a kernel are built against: the newest installed headers (6.1.0-56-amd64,
# 6.1.0-56-rt-amd64), or the lab's own kernel; the caller has scripts/lib/debug-kernels.sh for those.
kernel_build_folder() {
	local version='*[0-9]-amd64'
	case $1 in
	debug | kcsan) debug_kernel_build_folder "$1"; return ;;
	esac
	[[ $1 == stock ]] || version="*[0-9]-$1-amd64"
	find /lib/modules -mindepth 1 -maxdepth 1 -name "$version" -printf '%p/build\n' |
		sort -V | tail -n 1
}

# modules_copy FOLDER: the kernel sources, as far as they differ from what is there.
modules_copy() {
	mkdir -p "$1" && cmake "-DFROM=$PROJECT" "-DTO=$1" -P "$PROJECT/cmake/copy_kernel_sources.cmake"
}

# modules_make KERNEL FOLDER [WORD...]: builds the modules from the copy in FOLDER.
modules_make() {
	local from
	from=$(kernel_build_folder "$1")
	[[ -d $from ]] || { note "nothing to build modules for $1 with: run scripts/install-deps"; return 1; }
	make -s -C "$from" "M=$2" "-j$(nproc)" modules "${@:3}"
}

# drivers_make KERNEL FOLDER [WORD...]: the drivers in FOLDER/driver, against the modules that were built there.
drivers_make() {
	make -s -C "$(kernel_build_folder "$1")" "M=$2/driver" "STATCHAN=$2" "KBUILD_EXTRA_SYMBOLS=$2/Module.symvers" \
		"-j$(nproc)" modules "${@:3}"
}

# modules_folder KERNEL BUILD: where the build folder BUILD has them, as the target "modules" of
# cmake does.
modules_folder() {
	printf '%s/modules-%s\n' "$2" "$(basename "$(dirname "$(kernel_build_folder "$1")")")"
}

# with_lock FILE COMMAND...: one process at a time; the lock ends with the process.
with_lock() {
	local file=$1
	shift
	mkdir -p "$(dirname "$file")"
	(
		flock 9
		"$@" 9>&-
	) 9>"$file"
}
