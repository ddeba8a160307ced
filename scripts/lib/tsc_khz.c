/* SPDX-License-Identifier: MIT
 *
 * How fast this machine's time stamp counter is, in kHz: read beside the clock twice, 30 ms apart.
 * Of several readings the one counts that took least: nobody came between its two instructions.
 */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct reading {
	unsigned long long tsc;
	long long ns;
};

static struct reading read_both(void)
{
	struct reading best = { 0, 0 };
	unsigned long long least = ~0ULL;
	int i;

	for (i = 0; i < 200; i++) {
		struct timespec now;
		unsigned long long before, after;

		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &now);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best.tsc = before + least / 2;
		best.ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	}
	return best;
}

int main(void)
{
	const struct timespec pause = { 0, 30 * 1000 * 1000 };
	struct reading from, to;

	from = read_both();
	nanosleep(&pause, NULL);
	to = read_both();
	printf("%.0f\n", (double)(to.tsc - from.tsc) * 1e6 / (double)(to.ns - from.ns));
	return 0;
}
