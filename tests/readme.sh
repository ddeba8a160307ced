#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the commands of README.md that are marked "run: guest", as they stand there.
# The others (scripts/demo, test and soak) are run by themselves.
set -euo pipefail
cd "$(dirname "$0")/.."

session=$(awk '/^<!-- run: guest -->/ { want = 1; next }
	want && /^```sh/ { inside = 1; next }
	inside && /^```/ { inside = want = 0 }
	inside' README.md)
[[ $session ]] || { echo "readme: no session marked 'run: guest' in README.md" >&2; exit 1; }

output=$(bash -euo pipefail -c "$session" </dev/null 2>&1) || {
	printf '%s\nreadme: the session failed\n' "$output" >&2
	exit 1
}
printf '%s\n' "$output"
# What the reader is promised to see
for promise in 'netlink-nl' 'rx_packets' 'over netlink' 'ICMP echo request' \
	'source_changed lo rate=10' ' same$' 'the books close' 'switched from mmap to relay'; do
	grep -q -- "$promise" <<<"$output" || {
		printf "readme: the session does not show '%s'\n" "$promise" >&2
		exit 1
	}
done
echo '1 passed, 0 failed'
