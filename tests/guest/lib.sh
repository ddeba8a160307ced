# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the shell parts of the guest tests. STATCHAN_BUILD and STATCHAN_MODULES: see run.

load_modules() {
	local module
	for module in statchan statchan_synth statchan_netdev; do
		insmod "$STATCHAN_MODULES/$module.ko" || return
	done
}

unload_modules() {
	rmmod statchan_netdev && rmmod statchan_synth && rmmod statchan
}

# wait_for CONDITION...: asks the command until it succeeds; not for ever.
wait_for() {
	local deadline=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}
