#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every ioctl, every structure with its fields, every operation and every attribute of a request in
uapi/linux/statchan.h is in the syzkaller descriptions, and what they name is in the header."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADER = (HERE.parents[2] / "uapi/linux/statchan.h").read_text()
TEXT = (HERE / "dev_statchan.txt").read_text()
POLICY = (HERE.parents[2] / "kernel/genl_policy.c").read_text()

# Sent by the kernel alone.
NOTIFICATIONS = {"STATCHAN_CMD_UNSPEC", "STATCHAN_CMD_SAMPLES", "STATCHAN_CMD_EVENT", "STATCHAN_CMD_MAX"}


def fields(text, pattern):
    """{structure: [its fields]} of what a pattern finds."""
    found = {}
    for name, body in re.findall(pattern, text, re.M | re.S):
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        found[name] = re.findall(r"^\s+(?:__\w+|char|struct \w+)?\s*(\w+)(?:\[\w+\])?\s*(?:;|\s\S)", body, re.M)
    return found


def complaints():
    for name in sorted(set(re.findall(r"\bSTATCHAN_(?:IOC|CMD|A|C|T|CAL|MMAP)_\w+", TEXT))):
        if not re.search(rf"\b{name}\b", HEADER):
            yield f"{name} is not in the header"
    for name in sorted(set(re.findall(r"#define (STATCHAN_IOC_\w+)\s+_IOWR", HEADER))):
        if f"ioctl${name}(" not in TEXT:
            yield f"{name} is not described"
    for name in sorted(set(re.findall(r"\bSTATCHAN_CMD_[A-Z_]+\b", HEADER)) - NOTIFICATIONS):
        if f"sendmsg${name}(" not in TEXT:
            yield f"{name} is not described"
    for name in sorted(set(re.findall(r"\[(STATCHAN_[AC]_\w+)\] =", POLICY))):
        if f"\t{name}\t" not in TEXT:
            yield f"{name} is accepted, and not described"
    in_header = fields(HEADER, r"^struct (statchan_\w+) \{\n(.*?)^\};")
    in_text = fields(TEXT, r"^(statchan_\w+) \{\n(.*?)^\}")
    for name in re.findall(r"_IOWR\(STATCHAN_IOC_MAGIC, \d+, struct (\w+)\)", HEADER):
        if in_header.get(name) != in_text.get(name):
            yield f"struct {name}: {in_header.get(name)} in the header, {in_text.get(name)} described"


def main():
    found = list(complaints())
    for complaint in found:
        print(complaint)
    print(f"syzkaller descriptions: {len(found)} complaints")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
