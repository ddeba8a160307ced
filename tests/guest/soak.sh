#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The part of scripts/soak that runs in the guest; STATCHAN_SOAK: options of statchan_soak.
#   tests/guest/run BUILD soak
set -u

read -ra options <<<"${STATCHAN_SOAK-}"
exec "$STATCHAN_BUILD/tests/soak/statchan_soak" "${options[@]}"
