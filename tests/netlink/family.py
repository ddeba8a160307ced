# SPDX-License-Identifier: MIT
"""The family "statchan" over plain sockets, driven by docs/netlink/statchan.yaml.

A second implementation on purpose: it shares no code with the library, and what it can
not decode with the spec alone is a mistake of the spec.
"""
import errno
import os
import socket
import struct

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x2, 0x4, 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NETLINK_GENERIC, SOL_NETLINK = 16, 270
NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP = 1, 2
NETLINK_CAP_ACK, NETLINK_EXT_ACK = 10, 11
SO_RCVBUFFORCE = 33
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
NLA_F_NESTED = 0x8000

SCALARS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q"}


class NetlinkError(OSError):
    """errno, sentence, and the offset or the missing type that extack names."""

    def __init__(self, code, text="", offset=None, missing=None):
        super().__init__(code, text or os.strerror(code))
        self.text, self.offset, self.missing = text, offset, missing


class Spec:
    def __init__(self):
        with open(os.path.join(TOP, "docs/netlink/statchan.yaml"), encoding="utf-8") as f:
            spec = yaml.safe_load(f)
        self.sets = {s["name"]: {i + 1: a for i, a in enumerate(s["attributes"])}
                     for s in spec["attribute-sets"]}
        self.ids = {s: {a["name"]: i for i, a in attrs.items()} for s, attrs in self.sets.items()}
        self.structs = {d["name"]: d["members"] for d in spec["definitions"]
                        if d["type"] == "struct"}
        self.cmds = {op["name"]: i + 1 for i, op in enumerate(spec["operations"]["list"])}
        self.names = {v: k for k, v in self.cmds.items()}

    def unpack(self, name, data):
        fields, offset = {}, 0
        for m in self.structs[name]:
            if m["type"] == "string":
                raw = data[offset:offset + m["len"]]
                fields[m["name"]] = raw.split(b"\0")[0].decode()
                offset += m["len"]
            else:
                code = SCALARS[m["type"]]
                fields[m["name"]], = struct.unpack_from("=" + code, data, offset)
                offset += struct.calcsize(code)
        if offset != len(data):
            raise ValueError(f"struct {name}: {len(data)} bytes, the spec says {offset}")
        return fields

    def decode(self, data, space="statchan"):
        found = {}
        for kind, payload, _ in attributes(data):
            attr = self.sets[space][kind & 0x3fff]
            t = attr["type"]
            if t in SCALARS:
                value, = struct.unpack("=" + SCALARS[t], payload)
            elif t == "string":
                value = payload.rstrip(b"\0").decode()
            elif t == "nest":
                value = self.decode(payload, attr["nested-attributes"])
            elif "struct" in attr:
                value = self.unpack(attr["struct"], payload)
            else:
                value = payload
            if t != "pad":
                found[attr["name"]] = value
        return found

    def encode(self, values, space="statchan"):
        out = b""
        for name, value in values.items():
            kind = self.ids[space][name]
            t = self.sets[space][kind]["type"]
            if isinstance(value, bytes):
                payload = value
            elif t in SCALARS:
                payload = struct.pack("=" + SCALARS[t], value)
            elif t == "nest":
                kind |= NLA_F_NESTED
                payload = self.encode(value, self.sets["statchan"][kind & 0x3fff]["nested-attributes"])
            else:
                payload = value.encode() + b"\0"
            out += nla(kind, payload)
        return out


def nla(kind, payload):
    return struct.pack("=HH", len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def attributes(data):
    """(type, payload, offset of the payload)"""
    offset = 0
    while offset + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, offset)
        if size < 4 or offset + size > len(data):
            raise ValueError("attribute beyond its message")
        yield kind, data[offset + 4:offset + size], offset + 4
        offset += (size + 3) & ~3


def messages(data):
    """(type, flags, seq, payload)"""
    offset = 0
    while offset + 16 <= len(data):
        size, kind, flags, seq, _ = struct.unpack_from("=IHHII", data, offset)
        if size < 16 or offset + size > len(data):
            raise ValueError("message beyond its datagram")
        yield kind, flags, seq, data[offset + 16:offset + size]
        offset += (size + 3) & ~3


SPEC = Spec()


class Family:
    """A generic netlink socket that knows the family."""

    def __init__(self, receive=65536, rcvbuf=None):
        self.receive = receive
        self.seq = 0
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, rcvbuf)
        self.id, self.groups = self._resolve()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def _resolve(self):
        self.send_raw(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, nla(2, b"statchan\0"), NLM_F_ACK)
        data, family = self.sock.recv(65536), None
        groups = {}
        for kind, _, _, payload in messages(data):
            if kind == NLMSG_ERROR:
                self._raise(payload, 0)
            for attr, value, _ in attributes(payload[4:]):
                if attr == 1:
                    family, = struct.unpack("=H", value)
                elif attr == 7:
                    for _, group, _ in attributes(value):
                        g = {a: v for a, v, _ in attributes(group)}
                        groups[g[1].rstrip(b"\0").decode()] = struct.unpack("=I", g[2])[0]
        self.sock.recv(65536)                                # the acknowledgment
        return family, groups

    def send_raw(self, kind, cmd, attrs, flags, version=1):
        self.seq += 1
        size = 20 + len(attrs)
        self.sock.send(struct.pack("=IHHIIBBH", size, kind, NLM_F_REQUEST | flags, self.seq, 0,
                                   cmd, version, 0) + attrs)

    def send(self, op, nlm=0, raw=b"", **values):
        values = {k.replace("_", "-"): v for k, v in values.items()}
        self.send_raw(self.id, SPEC.cmds[op], SPEC.encode(values) + raw, nlm)

    @staticmethod
    def _raise(payload, flags):
        code, = struct.unpack_from("=i", payload)
        if not code:
            return
        text, offset, missing = "", None, None
        if flags & NLM_F_ACK_TLVS:
            for attr, value, _ in attributes(payload[20:]):
                if attr == 1:
                    text = value.rstrip(b"\0").decode()
                elif attr == 2:
                    offset, = struct.unpack("=I", value)
                elif attr == 5:
                    missing, = struct.unpack("=I", value)
        raise NetlinkError(-code, text, offset, missing)

    @staticmethod
    def _raise_done(payload, flags):
        code, = struct.unpack_from("=i", payload)
        if not code:
            return
        text = ""
        if flags & NLM_F_ACK_TLVS:
            for attr, value, _ in attributes(payload[4:]):
                if attr == 1:
                    text = value.rstrip(b"\0").decode()
        raise NetlinkError(-code, text)

    def recv(self):
        data, _, flags, _ = self.sock.recvmsg(self.receive)
        if flags & socket.MSG_TRUNC:
            raise NetlinkError(errno.EMSGSIZE, "truncated")
        return data

    def do(self, op, raw=b"", **values):
        """The replies until the acknowledgment."""
        self.send(op, NLM_F_ACK, raw, **values)
        replies = []
        while True:
            for kind, flags, seq, payload in messages(self.recv()):
                if seq != self.seq:
                    continue
                if kind == NLMSG_ERROR:
                    self._raise(payload, flags)
                    return replies
                replies.append(SPEC.decode(payload[4:]))

    def dump(self, op, raw=b"", **values):
        self.send(op, NLM_F_DUMP, raw, **values)
        while True:
            for kind, flags, seq, payload in messages(self.recv()):
                if seq != self.seq:
                    continue
                if kind == NLMSG_ERROR:
                    self._raise(payload, flags)
                elif kind == NLMSG_DONE:
                    self._raise_done(payload, flags)
                    return
                else:
                    yield SPEC.decode(payload[4:])

    def join(self, group):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, self.groups[group])

    def notifications(self, timeout):
        """(op, attributes, payload) of one datagram, [] after @timeout seconds."""
        self.sock.settimeout(timeout)
        try:
            data = self.recv()
        except TimeoutError:
            return []
        finally:
            self.sock.settimeout(None)
        return [(SPEC.names[p[0]], SPEC.decode(p[4:]), p)
                for k, _, _, p in messages(data) if k == self.id]
