#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The part of scripts/fuzz-kernel that runs in the guest; STATCHAN_FUZZ: options of the fuzzer.
#   tests/guest/run BUILD fuzz
set -u

read -ra options <<<"${STATCHAN_FUZZ-}"
out=$STATCHAN_EXCHANGE/fuzz-kernel
[[ -e /sys/class/net/dummy0 ]] || ip link add dummy0 type dummy
ip link set dummy0 up
"$STATCHAN_BUILD/tests/fuzz/kernel/statchan_fuzz_kernel" --coverage "$out/coverage.txt" \
	--last "$out/last-program.txt" "${options[@]}"
status=$?
ip link del dummy0
exit "$status"
