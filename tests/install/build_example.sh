#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the build to a scratch folder; builds docs/examples against it with CMake, with
# pkg-config, and statically; and runs each, which without the module ends with a sentence.
#   build_example.sh BUILD CXX [SANITIZE]
set -euo pipefail

build=$1 cxx=$2 sanitize=${3:-}
here=$(cd "$(dirname "$0")" && pwd -P)
examples=$here/../../docs/examples
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/usr

# A library with a sanitizer's calls in it needs that sanitizer in every program.
if [[ -n $sanitize ]]; then
	echo "not with sanitizers" && exit 77
fi

cmake --install "$build" --prefix "$prefix" --component Unspecified >"$scratch/log" ||
	{ cat "$scratch/log"; exit 1; }
for file in include/statchan/statchan.hpp include/linux/statchan.h; do
	[[ -e $prefix/$file ]] || { echo "not installed: $file"; exit 1; }
done

# check NAME PROGRAM ARGUMENT...: it starts, and says what is the matter where there is no module
check() {
	local out name=$1
	shift
	if out=$(STATCHAN_TRANSPORT=ioctl "$@" 2>&1); then
		echo "$1: should have failed" && exit 1
	fi
	[[ $out == "$name":* ]] || { echo "$1: $out"; exit 1; }
	echo "ok: $1: $out"
}

cmake -S "$examples" -B "$scratch/by-cmake" -DCMAKE_PREFIX_PATH="$prefix" \
	-DCMAKE_CXX_COMPILER="$cxx" >"$scratch/log" ||
	{ cat "$scratch/log"; exit 1; }
cmake --build "$scratch/by-cmake" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
check sampler "$scratch/by-cmake/statchan_sampler" nosuch 1
check statchan_raw_reader "$scratch/by-cmake/statchan_raw_reader" ioctl nosuch 1

libdir=$(dirname "$(find "$prefix" -name statchan.pc)")
export PKG_CONFIG_PATH=$libdir
# As a packager would move it: the prefix follows the file.
read -ra flags < <(pkg-config --cflags --libs statchan)
"$cxx" -std=c++20 "$examples/sampler.cpp" -o "$scratch/by-pkg-config" "${flags[@]}"
LD_LIBRARY_PATH=$libdir/.. check sampler "$scratch/by-pkg-config" nosuch 1

read -ra flags < <(pkg-config --static --cflags --libs statchan)
"$cxx" -std=c++20 "$examples/sampler.cpp" -o "$scratch/static" \
	"${flags[@]/-lstatchan/$libdir/../libstatchan.a}"
check sampler "$scratch/static" nosuch 1

# A program that needs the header only.
cc -std=c99 -Wall -Werror -I"$prefix/include" "$examples"/raw_*.c -o "$scratch/raw"
check statchan_raw_reader "$scratch/raw" netlink nosuch 1

# The C header by itself, as C89 and C++.
printf '#include <linux/statchan.h>\nint main(void) { return STATCHAN_ABI - 1; }\n' >"$scratch/c.c"
cc -std=gnu89 -Wall -Werror -I"$prefix/include" "$scratch/c.c" -o "$scratch/c" && "$scratch/c"
"$cxx" -x c++ -I"$prefix/include" "$scratch/c.c" -o "$scratch/cxx" && "$scratch/cxx"
