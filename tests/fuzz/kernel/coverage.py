#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much of each source file of the modules was reached.

    coverage.py MODULES-FOLDER COVERAGE-FILE

MODULES-FOLDER has the modules as the debug kernel loaded them: every call of
__sanitizer_cov_trace_pc in them is a point. COVERAGE-FILE is what the fuzzer wrote: MODULE SECTION
OFFSET, the offset being where that call returns to. Fails if the search was blind: if it reached less
than what the first programs do, which are no search at all.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys

CALL = "__sanitizer_cov_trace_pc"
LEAST_PERCENT = 10


def points_of(module):
    """All points of a module: {(section, return address)}."""
    text = subprocess.run(["readelf", "-rW", module], check=True, capture_output=True, text=True).stdout
    points, section = set(), None
    for line in text.splitlines():
        if match := re.match(r"Relocation section '\.rela(\S+)'", line):
            section = match[1]
        elif CALL in line:
            points.add((section, int(line.split()[0], 16) + 4))
    return points


def files_of(module, points):
    """The source file of each point."""
    found = {}
    by_section = collections.defaultdict(list)
    for section, offset in points:
        by_section[section].append(offset)
    for section, offsets in by_section.items():
        # the call, not what it returns to
        asked = "\n".join(hex(offset - 1) for offset in offsets)
        answer = subprocess.run(["addr2line", "-j", section, "-e", module], check=True,
                                input=asked, capture_output=True, text=True).stdout
        for offset, line in zip(offsets, answer.splitlines(), strict=True):
            found[section, offset] = line.split(":")[0]
    return found


def short(path):
    """kernel/emit.c, or "inlined from elsewhere" for a function of the kernel's own headers."""
    parts = pathlib.PurePath(os.path.normpath(path)).parts
    return "/".join(parts[parts.index("kernel"):]) if "kernel" in parts and "include" not in parts else None


def main():
    folder, coverage = sys.argv[1:]
    reached = collections.defaultdict(set)
    for line in pathlib.Path(coverage).read_text().splitlines():
        module, section, offset = line.split()
        reached[module].add((section, int(offset, 16)))
    counts = collections.defaultdict(lambda: [0, 0])
    for module in ("statchan", "statchan_synth", "statchan_netdev"):
        path = f"{folder}/{module}.ko"
        points = points_of(path)
        if not points:
            sys.exit(f"{path} has no points of coverage")
        for point, source in files_of(path, points).items():
            if point[0] not in (".text", ".text.unlikely"):
                continue  # loading and unloading are not what it calls
            if name := short(source):
                counts[name][0] += 1
                counts[name][1] += point in reached[module]
    print(f"{'file':<40}{'points':>8}{'reached':>9}{'':>7}")
    for name, (points, hit) in sorted(counts.items()):
        print(f"{name:<40}{points:>8}{hit:>9}{100 * hit // points:>6}%")
    points = sum(c[0] for c in counts.values())
    hit = sum(c[1] for c in counts.values())
    print(f"{len(counts)} files{'':<33}{points:>8}{hit:>9}{100 * hit // points:>6}%")
    if 100 * hit < LEAST_PERCENT * points:
        sys.exit(f"less than {LEAST_PERCENT} % was reached: the search sees nothing")


if __name__ == "__main__":
    main()
