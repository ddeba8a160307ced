# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What scripts/vm returns when it is not the command's own status. The command's
# statuses 0..120 and a shell's 126, 127, 128+n pass through unchanged.

EXIT_PANIC=122    # the guest's kernel panicked, or the guest went away
EXIT_COMPLAINT=123 # the command ended, but the kernel logged WARNING, BUG, ...
EXIT_TIMEOUT=124  # the time limit passed (the same number as timeout(1))
EXIT_LAB=125      # the lab itself could not do its work
