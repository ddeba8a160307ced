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
# What a program asks the loader for: another minor version is another library.
version=$(pkg-config --modversion statchan)
soname=libstatchan.so.${version%.*}
for file in "$libdir/../$soname" "$scratch/by-cmake/statchan_sampler"; do
	readelf -d "$file" | grep -qF "[$soname]" || { echo "$file: not of $soname"; exit 1; }
done

# The static library by CMake: it works, or says what it lacks.
mkdir "$scratch/by-cmake-static"
cat >"$scratch/by-cmake-static/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(by_cmake_static LANGUAGES CXX)
find_package(statchan COMPONENTS static REQUIRED)
add_executable(sampler $examples/sampler.cpp)
target_link_libraries(sampler PRIVATE statchan::statchan_static)
END
static_cmake() {
	cmake -S "$scratch/by-cmake-static" -B "$scratch/$1" -DCMAKE_PREFIX_PATH="$prefix" \
		-DCMAKE_CXX_COMPILER="$cxx" >"$scratch/log" 2>&1
}
static_cmake static-all || { cat "$scratch/log"; exit 1; }
cmake --build "$scratch/static-all" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
check sampler "$scratch/static-all/sampler" nosuch 1
if PKG_CONFIG_LIBDIR=$scratch/none PKG_CONFIG_PATH='' static_cmake static-none; then
	echo "found without what it needs" && exit 1
fi
tr -s '\n ' ' ' <"$scratch/log" | grep -q 'the static library needs .* libmnl' ||
	{ cat "$scratch/log"; exit 1; }
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
