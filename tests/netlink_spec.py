#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/netlink/statchan.yaml says what the header and the kernel half say.

Reads the sources, needs no kernel: names and numbers of commands, attributes,
enums and flags; types of attributes; layouts of structures; which attributes each
operation accepts and its policy; permissions; multicast groups.
"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
passed = failed = 0


def check(what, spec, code):
    global passed, failed
    if spec == code:
        passed += 1
        return
    failed += 1
    print(f"FAIL {what}\n  spec: {spec}\n  code: {code}")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def bare(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def c_name(*parts):
    return "".join(parts).upper().replace("-", "_")


# ---- the header ----

class Header:
    def __init__(self, text):
        self.text = text
        self.bare = bare(text)
        self.defines = {}
        for name, value in re.findall(r"^#define\s+(\w+)\s+(.+)$", self.bare, re.M):
            self.defines[name] = value.strip()

    def number(self, name):
        """Of a define: literals, products and shifts."""
        value = self.defines.get(name)
        if value is None:
            return None
        value = re.sub(r"\b(0x[0-9A-Fa-f]+|\d+)(?:ULL|UL|U)\b", r"\1", value)
        return eval(value, {"__builtins__": {}}) if re.fullmatch(r"[\w\s()<*+|-]+", value) else None

    def string(self, name):
        return self.defines[name].split('"')[1]

    def enum(self, name):
        body = re.search(r"enum " + name + r" \{(.*?)\};", self.bare, re.S).group(1)
        values, following = {}, 0
        for entry in filter(None, (e.strip() for e in body.split(","))):
            key, _, value = (p.strip() for p in entry.partition("="))
            following = int(value, 0) if value else following
            values[key] = following
            following += 1
        return values

    def attr_type(self, attr):
        """The first word of the comment behind an attribute."""
        found = re.search(r"^\t" + attr + r",\s*/\* (\w+)", self.text, re.M)
        return found.group(1) if found else None

    def struct(self, name):
        """[(member, type, length)], structures inside flattened."""
        body = re.search(r"struct " + name + r" \{(.*?)\};", self.bare, re.S).group(1)
        members = []
        for line in filter(None, (l.strip() for l in body.split(";"))):
            kind, names = re.fullmatch(r"((?:struct )?\w+)\s+(.+)", line, re.S).groups()
            member, _, count = names.partition("[")
            count = count.rstrip("]")
            if kind.startswith("struct "):
                members += [(f"{member}-{m}", t, n)
                            for m, t, n in self.struct(kind.split()[1])]
            elif kind == "char":
                members.append((member, "string", self.number(count)))
            elif count:
                members += [(f"{member}-{i}", kind.strip("_"), None)
                            for i in range(self.enum_value(count))]
            else:
                members.append((member, kind.strip("_"), None))
        return [(m.replace("_", "-"), t, n) for m, t, n in members]

    def enum_value(self, name):
        found = re.search(r"\b" + name + r" = (\d+)", self.bare)
        return int(found.group(1)) if found else self.number(name)


def aligned(members):
    """Natural alignment without holes, as the header promises."""
    offset = 0
    for _, kind, length in members:
        size = length or SIZES[kind]
        if not length and offset % size:
            return False
        offset += size
    return offset % 8 == 0


# ---- the kernel half ----

class Kernel:
    def __init__(self, genl, policy):
        self.policies = {}
        for name, body in re.findall(r"nla_policy statchan_genl_(\w+)_policy\[\] = \{(.*?)\n\};",
                                     bare(policy), re.S):
            self.policies[name] = re.findall(r"\[(STATCHAN_\w+)\] = (.+?)(?=,\n\t\[|,\s*$)", body, re.S)
        table = re.search(r"struct genl_ops ops\[\] = \{(.*?)\n\};", bare(genl), re.S).group(1)
        self.ops = {}
        for entry in table.split("}, {"):
            field = dict(re.findall(r"\.(\w+) = (\w+)", entry))
            self.ops[field["cmd"]] = field
        self.groups = re.findall(r"SAMPLES_GROUP\((\d+)\)", genl)
        self.group_flag = re.search(r"SAMPLES_GROUP\(n\) \{.*?\.flags = (\w+)", genl, re.S).group(1)

    def accepts(self, cmd, attrs):
        """Names of the attributes the policy of @cmd lets through."""
        op = self.ops[cmd]
        if "policy" not in op:
            return {}
        name = re.fullmatch(r"statchan_genl_(\w+)_policy", op["policy"]).group(1)
        return {a: p for a, p in self.policies[name] if attrs[a] <= attrs[op["maxattr"]]}


def policy_type(text):
    if "NLA_NUL_STRING" in text:
        return "string"
    if "NESTED" in text:
        return "nest"
    return re.search(r"NLA_(U\d+)", text).group(1).lower()


# ---- checks ----

def check_definitions(spec, header):
    for d in spec["definitions"]:
        name = d["name"]
        if d["type"] == "struct":
            want = [(m["name"], m["type"], m.get("len")) for m in d["members"]]
            got = header.struct("statchan_" + name.replace("-", "_"))
            reasons = header.enum("statchan_lost_reason")
            short = {v: k[len("STATCHAN_LOST_"):].lower().replace("_", "-")
                     for k, v in reasons.items() if k.startswith("STATCHAN_LOST_")}
            got = [(re.sub(r"^lost-(\d+)$", lambda m: "lost-" + short.get(int(m[1]), m[1]), g[0]),)
                   + g[1:] for g in got]
            check(f"struct {name}", want, got)
            check(f"struct {name} has no holes", True, aligned(want))
        elif d["type"] == "enum":
            want = {c_name(d["name-prefix"], e["name"]): e["value"] for e in d["entries"]}
            check(f"enum {name}", want, header.enum(d["enum-name"].replace("-", "_")))
        else:
            prefix = c_name(d["name-prefix"])
            want = {c_name(prefix, e): 1 << i for i, e in enumerate(d["entries"])}
            got = {k: header.number(k) for k in header.defines if k.startswith(prefix)}
            check(f"flags {name}", want, got)


def check_attributes(spec, header):
    for space in spec["attribute-sets"]:
        prefix = space["name-prefix"]
        want = {c_name(prefix, a["name"]): i + 1 for i, a in enumerate(space["attributes"])}
        got = header.enum(space["enum-name"].replace("-", "_"))
        got = {k: v for k, v in got.items() if not k.startswith("__") and v}
        check(f"attributes {space['name']}", want, got)
        for a in space["attributes"]:
            if a["type"] != "pad":
                attr = c_name(prefix, a["name"])
                check(f"type of {attr}", a["type"], header.attr_type(attr))


def check_request(op, cmd, attrs, spec_attrs, header, accepted):
    want = set()
    for half in ("do", "dump"):
        want |= set(op.get(half, {}).get("request", {}).get("attributes", []))
    check(f"{cmd} accepts", sorted(c_name("statchan-a-", a) for a in want), sorted(accepted))
    for a in want:
        attr, policy = spec_attrs[a], accepted.get(c_name("statchan-a-", a), "")
        if not policy:
            continue
        check(f"{cmd} policy type of {a}", attr["type"], policy_type(policy))
        checks = attr.get("checks", {})
        check(f"{cmd} minimum of {a}", checks.get("min"),
              int(re.search(r"MIN\(\w+, (\d+)\)", policy)[1]) if "_MIN(" in policy else None)
        length = re.search(r"\.len = (\w+) - 1", policy)
        check(f"{cmd} length of {a}", checks.get("max-len"),
              header.number(length[1]) - 1 if length else None)


def check_operations(spec, header, kernel):
    prefix = spec["operations"]["name-prefix"]
    ops = spec["operations"]["list"]
    want = {c_name(prefix, op["name"]): i + 1 for i, op in enumerate(ops)}
    got = {k: v for k, v in header.enum("statchan_cmd").items() if not k.startswith("__") and v}
    check("commands", want, got)

    attrs = header.enum("statchan_attr")
    spec_attrs = {a["name"]: a for a in spec["attribute-sets"][0]["attributes"]}
    check("operations with code", [c for c, op in zip(want, ops) if "event" not in op],
          list(kernel.ops))
    for cmd, op in zip(want, ops):
        named = [a for half in ("do", "dump") for side in ("request", "reply")
                 for a in op.get(half, {}).get(side, {}).get("attributes", [])]
        named += op.get("event", {}).get("attributes", [])
        check(f"{cmd} names known attributes", [], [a for a in named if a not in spec_attrs])
        if "event" in op:
            continue
        code = kernel.ops[cmd]
        check(f"{cmd} can do", "do" in op, "doit" in code)
        check(f"{cmd} can dump", "dump" in op, "dumpit" in code)
        check(f"{cmd} permission", "uns-admin-perm" in op.get("flags", []),
              code.get("flags") == "GENL_UNS_ADMIN_PERM")
        check_request(op, cmd, attrs, spec_attrs, header, kernel.accepts(cmd, attrs))


def check_config(spec, kernel):
    space = spec["attribute-sets"][1]
    want = {c_name(space["name-prefix"], a["name"]): a["type"]
            for a in space["attributes"] if a["type"] != "pad"}
    check("policy of config", want, {a: policy_type(p) for a, p in kernel.policies["config"]})


def check_groups(spec, header, kernel):
    n = header.number("STATCHAN_GENL_N_SAMPLES")
    samples = header.string("STATCHAN_GENL_SAMPLES")
    groups = spec["mcast-groups"]["list"]
    check("groups", [g["name"] for g in groups],
          [header.string("STATCHAN_GENL_EVENTS")] + [f"{samples}{i}" for i in range(n)])
    check("groups in code", [str(i) for i in range(n)], kernel.groups)
    check("events are open to all", None, groups[0].get("flags"))
    check("samples need a capability", [["uns-admin-perm"]] * n, [g.get("flags") for g in groups[1:]])
    check("samples need a capability in code", "GENL_MCAST_CAP_NET_ADMIN", kernel.group_flag)


def main():
    try:
        import yaml
    except ImportError:
        print("SKIP: python3-yaml is missing")
        return 77
    spec = yaml.safe_load(read("docs/netlink/statchan.yaml"))
    header = Header(read("uapi/linux/statchan.h"))
    kernel = Kernel(read("kernel/genl.c"), read("kernel/genl_policy.c"))
    check("family", spec["name"], header.string("STATCHAN_GENL_NAME"))
    check("version", spec.get("version", 1), header.number("STATCHAN_GENL_VERSION"))
    check_definitions(spec, header)
    check_attributes(spec, header)
    check_operations(spec, header, kernel)
    check_config(spec, kernel)
    check_groups(spec, header, kernel)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
