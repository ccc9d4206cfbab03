"""DNS messages on the wire (RFC 1035, RFC 6891, RFC 8659): one question out, its records in. Pure.

Written here instead of taken from a library because a monitor needs all of it at once: the response
code, the AD flag, every TTL, no cache, and a microsecond budget.
"""

import ipaddress
import socket
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from apps.common.remembered import TARGETS_KEPT

TYPES: Mapping[str, int] = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "CAA": 257,
}
RCODES: Mapping[int, str] = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
FORMERR, NOTIMP = 1, 4
IN = 1
QUERY_FLAGS = 0x0120  # recursion desired; AD set, so that a validating resolver says so (RFC 6840, 5.7)
UDP_SIZE = 1232  # the size that passes everywhere unfragmented (DNS flag day 2020)
OPT = b"\x00" + struct.pack("!HHIH", 41, UDP_SIZE, 0, 0)
MAX_POINTERS = 64
HEAD = struct.Struct("!HHHHHH")
ONE = b"\x00\x01"
FIRST_NAME = b"\xc0\x0c"  # a pointer to the name of the first question
RECORD = struct.Struct("!HHIH")


class MalformedError(ValueError):
    """Bytes that are no DNS message."""


class Record(NamedTuple):
    name: str
    type: int
    ttl_s: int
    text: str  # as contract Dashmon 6.2 spells it; TXT still in its quotes


class Message(NamedTuple):
    """An answer: what was asked, how it went, and the records of the answer section."""

    id: int
    rcode: int
    truncated: bool
    authenticated: bool
    question: tuple[str, int] | None
    answers: tuple[Record, ...]

    @property
    def status(self) -> str:
        """NOERROR, NXDOMAIN, REFUSED; every other failure of the server counts as SERVFAIL."""
        return RCODES.get(self.rcode, "SERVFAIL")

    def records(self, number: int) -> tuple[Record, ...]:
        """Records of one type, duplicates removed, in the order they came."""
        if len(self.answers) == 1:
            return self.answers if self.answers[0].type == number else ()
        seen = {record.text: record for record in reversed(self.answers) if record.type == number}
        return tuple(reversed(seen.values()))


def encode_name(name: str) -> bytes:
    """Labels on the wire; ValueError when one is empty or too long."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")] if name.rstrip(".") else []
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError(f"{name!r} is not a domain name")
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\x00"
    if len(wire) > 255:
        raise ValueError("a domain name has at most 253 characters")
    return wire


def encode_query(ident: int, name: str, number: int, *, edns: bool = True) -> bytes:
    """One question of class IN."""
    return HEAD.pack(ident, QUERY_FLAGS, 1, 0, 0, int(edns)) + question(name, number) + (OPT if edns else b"")


@lru_cache(maxsize=TARGETS_KEPT)
def question(name: str, number: int) -> bytes:
    """The question section; ValueError for what is no domain name."""
    return encode_name(name) + struct.pack("!HH", number, IN)


def plain_name(name: str) -> str:
    """A name as answers are read: in lower case, without its final dot."""
    return name.rstrip(".").lower()


def reverse_name(host: str) -> str:
    """The name to ask for a PTR record: that of an address, or the name itself."""
    try:
        return ipaddress.ip_address(host).reverse_pointer
    except ValueError:
        return host


def parse(data: bytes, name: str | None = None, number: int = 0) -> Message:
    """Read an answer; MalformedError for anything else.

    Who says what was asked saves reading it letter by letter: servers repeat a question byte by byte.
    """
    try:
        reader = _Reader(data)
        if name is not None and data[4:6] == ONE and data.startswith(asked := question(name, number), HEAD.size):
            reader.repeated(plain_name(name), number, len(asked))
        return reader.message()
    except (struct.error, IndexError, ValueError, OSError) as error:
        raise MalformedError(str(error)) from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = HEAD.size
        self.question: tuple[str, int] | None = None

    def repeated(self, name: str, number: int, length: int) -> None:
        """The question is known already, and takes so many bytes."""
        self.question = (name, number)
        self.at += length

    def message(self) -> Message:
        ident, flags, questions, answers, _, _ = HEAD.unpack_from(self.data)
        if not flags & 0x8000:
            raise MalformedError("a question, not an answer")
        for _ in range(questions if self.at == HEAD.size else 0):
            name, number = self.name(), self.short()
            self.at += 2
            self.question = self.question or (name, number)
        truncated = bool(flags & 0x0200)
        # A truncated answer may end anywhere; it is asked again by TCP and not read here.
        records = () if truncated else tuple(self.record() for _ in range(answers))
        return Message(ident, flags & 15, truncated, bool(flags & 0x0020), self.question, records)

    def record(self) -> Record:
        name = self.name()
        number, _, ttl_s, length = RECORD.unpack_from(self.data, self.at)
        self.at += 10
        end = self.at + length
        if end > len(self.data):
            raise MalformedError("a record beyond the end")
        reader = READERS.get(number)
        text = reader(self, end) if reader else ""
        self.at = end
        # RFC 2181, 8: a TTL with the highest bit set is zero.
        return Record(name, number, ttl_s if ttl_s < 1 << 31 else 0, text)

    def short(self) -> int:
        self.at += 2
        number: int = struct.unpack_from("!H", self.data, self.at - 2)[0]
        return number

    def name(self) -> str:
        """A name in lower case without final dot, compression pointers followed."""
        if self.question is not None and self.data.startswith(FIRST_NAME, self.at):
            self.at += 2
            return self.question[0]
        labels: list[str] = []
        at, after, jumps = self.at, -1, 0
        while length := self.data[at]:
            if length >= 0xC0:
                after = at + 2 if after < 0 else after
                at = (length & 0x3F) << 8 | self.data[at + 1]
                jumps += 1
                if jumps > MAX_POINTERS:
                    raise MalformedError("compression pointers in a circle")
                continue
            labels.append(_label(self.data[at + 1 : at + 1 + length]))
            at += 1 + length
        self.at = at + 1 if after < 0 else after
        return ".".join(labels).lower()

    def address4(self, end: int) -> str:
        return socket.inet_ntoa(self.data[self.at : end])

    def address6(self, end: int) -> str:
        return str(ipaddress.IPv6Address(self.data[self.at : end]))

    def target(self, _: int) -> str:
        return self.name()

    def mail(self, _: int) -> str:
        return f"{self.short()} {self.name()}"

    def service(self, _: int) -> str:
        return f"{self.short()} {self.short()} {self.short()} {self.name()}"

    def authority(self, _: int) -> str:
        names = f"{self.name()} {self.name()}"
        numbers = struct.unpack_from("!IIIII", self.data, self.at)
        return " ".join((names, *map(str, numbers)))

    def text(self, end: int) -> str:
        """The character strings of a TXT record joined into one, quoted as in a zone file."""
        chunks = bytearray()
        while self.at < end:
            length = self.data[self.at]
            chunks += self.data[self.at + 1 : min(self.at + 1 + length, end)]
            self.at += 1 + length
        escaped = bytes(chunks).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        # Bytes that are no UTF-8 become decimal escapes, as in RFC 1035, 5.1.
        text = "".join(
            f"\\{ord(ch) - 0xDC00:03d}" if "\udc80" <= ch <= "\udcff" else ch
            for ch in escaped.decode("utf-8", "surrogateescape")
        )
        return f'"{text}"'

    def issuer(self, end: int) -> str:
        flags, size = self.data[self.at], self.data[self.at + 1]
        tag = self.data[self.at + 2 : self.at + 2 + size].decode("ascii", "replace").lower()
        value = self.data[self.at + 2 + size : end].decode("utf-8", "replace")
        return f"{flags} {tag} {value}"


def _label(raw: bytes) -> str:
    """One label; a dot inside it is escaped, as in zone files."""
    return raw.decode("ascii", "backslashreplace").replace(".", "\\.")


READERS: Mapping[int, Callable[[_Reader, int], str]] = {
    TYPES["A"]: _Reader.address4,
    TYPES["AAAA"]: _Reader.address6,
    TYPES["NS"]: _Reader.target,
    TYPES["CNAME"]: _Reader.target,
    TYPES["PTR"]: _Reader.target,
    TYPES["MX"]: _Reader.mail,
    TYPES["SRV"]: _Reader.service,
    TYPES["SOA"]: _Reader.authority,
    TYPES["TXT"]: _Reader.text,
    TYPES["CAA"]: _Reader.issuer,
}
