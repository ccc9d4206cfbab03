"""A name server with every answer a monitor may meet. Built with dnspython, so our own reader is checked by another."""

import asyncio
import struct
from collections import Counter
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

TTL = 60
ZONE: dict[tuple[str, str], tuple[int, list[str]]] = {
    ("all.test.", "A"): (TTL, ["192.0.2.10", "192.0.2.11"]),
    ("all.test.", "AAAA"): (TTL, ["2001:db8:0:0::1"]),
    ("all.test.", "MX"): (TTL, ["10 Mail.All.test.", "20 backup.all.test."]),
    ("all.test.", "TXT"): (TTL, ['"v=spf1 " "-all"', '"he said \\"hi\\""']),
    ("all.test.", "NS"): (TTL, ["NS1.all.test.", "ns2.all.test."]),
    ("all.test.", "SOA"): (TTL, ["ns1.all.test. root.all.test. 2026010101 7200 3600 1209600 300"]),
    ("all.test.", "CAA"): (TTL, ['0 issue "letsencrypt.org"', '128 iodef "mailto:sec@all.test"']),
    ("_sip._tcp.all.test.", "SRV"): (TTL, ["10 5 5060 Sip.all.test."]),
    ("www.all.test.", "CNAME"): (300, ["all.test."]),
    ("7.2.0.192.in-addr.arpa.", "PTR"): (TTL, ["Host7.all.test."]),
    ("ad.test.", "A"): (5, ["192.0.2.1"]),
    ("long.test.", "A"): (86400, ["192.0.2.1"]),
    ("big.test.", "TXT"): (TTL, [f'"{n:03d} {"x" * 200}"' for n in range(30)]),
    ("old.test.", "A"): (TTL, ["192.0.2.1"]),
    ("flaky.test.", "A"): (TTL, ["192.0.2.1"]),
    ("forged.test.", "A"): (TTL, ["192.0.2.1"]),
    ("only6.test.", "AAAA"): (TTL, ["::1"]),
    ("canary.test.", "A"): (TTL, ["127.66.0.1"]),
    ("mixed.test.", "A"): (TTL, ["127.0.0.1", "127.66.0.1"]),
    ("mapped.test.", "AAAA"): (TTL, ["::ffff:127.66.0.1"]),
    ("nat64.test.", "AAAA"): (TTL, ["64:ff9b::7f42:1"]),
    ("metadata.test.", "A"): (TTL, ["169.254.169.254"]),
    ("alias.test.", "CNAME"): (TTL, ["canary.test."]),
    ("two.test.", "A"): (TTL, ["127.0.0.9", "127.0.0.1"]),
    ("whois.nic.test.", "A"): (TTL, ["127.0.0.1"]),
}
for _name in ("good", "other", "a", "b"):
    ZONE[f"{_name}.test.", "A"] = (TTL, ["127.0.0.1"])

Answer = list[tuple[bytes, bool]]  # a packet, and whether a stranger's socket sends it


class NameFarm:
    """Answers by name; `asked` counts the questions."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.extra: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self.port = 0

    def answer(self, wire: bytes, *, udp: bool) -> Answer:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text().lower()
        self.asked[name] += 1
        special = getattr(self, f"on_{name.split('.')[0]}", None)
        if special is not None:
            packets: Answer = special(query, udp)
            return packets
        return [(self.reply(query).to_wire(max_size=65535), False)]

    def over_https(self, wire: bytes) -> bytes | None:
        packets = self.answer(wire, udp=False)
        return packets[0][0] if packets else None

    def reply(self, query: dns.message.Message, rcode: int = dns.rcode.NOERROR) -> dns.message.Message:
        message = dns.message.make_response(query, recursion_available=True)
        message.set_rcode(dns.rcode.Rcode(rcode))
        if rcode == dns.rcode.NOERROR:
            self._fill(message, query.question[0])
        return message

    def _fill(self, message: dns.message.Message, question: Any) -> None:
        zone = ZONE | self.extra
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        alias = zone.get((name, "CNAME"))
        if alias and kind != "CNAME":
            message.answer.append(dns.rrset.from_text(name, alias[0], "IN", "CNAME", *alias[1]))
            name = alias[1][0].lower()
        if found := zone.get((name, kind)):
            message.answer.append(dns.rrset.from_text(name, found[0], "IN", kind, *found[1]))
        elif not any(known == name for known, _ in zone):
            message.set_rcode(dns.rcode.NXDOMAIN)

    def on_servfail(self, query: Any, _: bool) -> Answer:
        return [(self.reply(query, dns.rcode.SERVFAIL).to_wire(), False)]

    def on_refused(self, query: Any, _: bool) -> Answer:
        return [(self.reply(query, dns.rcode.REFUSED).to_wire(), False)]

    def on_silent(self, _query: Any, _: bool) -> Answer:
        return []

    def on_empty(self, query: Any, _: bool) -> Answer:
        message = dns.message.make_response(query)
        return [(message.to_wire(), False)]

    def on_wrongid(self, query: Any, _: bool) -> Answer:
        message = self._lie(query)
        message.id ^= 0x5555
        return [(message.to_wire(), False)]

    def on_wrongquestion(self, query: Any, _: bool) -> Answer:
        other = dns.message.make_query("elsewhere.test.", "A", id=query.id)
        return [(self._lie(other).to_wire(), False)]

    def on_wrongsender(self, query: Any, _: bool) -> Answer:
        return [(self._lie(query).to_wire(), True)]

    def on_forged(self, query: Any, _: bool) -> Answer:
        """Lies first, the truth after them."""
        lie = self._lie(query)
        stranger = (lie.to_wire(), True)
        lie.id ^= 1
        return [stranger, (lie.to_wire(), False), (b"\x00\x01garbage", False), (self.reply(query).to_wire(), False)]

    def on_ad(self, query: Any, _: bool) -> Answer:
        message = self.reply(query)
        message.flags |= dns.flags.AD
        return [(message.to_wire(), False)]

    def on_big(self, query: Any, udp: bool) -> Answer:
        message = self.reply(query)
        if udp:
            message.answer.clear()
            message.flags |= dns.flags.TC
        return [(message.to_wire(max_size=65535), False)]

    def on_old(self, query: Any, _: bool) -> Answer:
        if query.edns >= 0:
            # FORMERR as old servers send it: a bare header.
            return [(struct.pack("!HHHHHH", query.id, 0x8001, 0, 0, 0, 0), False)]
        return [(self.reply(query).to_wire(), False)]

    def on_flaky(self, query: Any, _: bool) -> Answer:
        """Every second question stays without an answer."""
        if self.asked["flaky.test."] % 2:
            return []
        return [(self.reply(query).to_wire(), False)]

    @staticmethod
    def _lie(query: Any) -> dns.message.Message:
        message = dns.message.make_response(query)
        name = query.question[0].name.to_text()
        message.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "127.66.0.1"))
        return message


class Datagrams(asyncio.DatagramProtocol):
    """The UDP side; the stranger answers from another port."""

    def __init__(self, names: NameFarm) -> None:
        self.names = names
        self.transport: asyncio.DatagramTransport
        self.stranger: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for packet, strange in self.names.answer(data, udp=True):
            (self.stranger if strange else self.transport).sendto(packet, addr)


async def serve_stream(names: NameFarm, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        for packet, _ in names.answer(await reader.readexactly(length), udp=False):
            writer.write(struct.pack("!H", len(packet)) + packet)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
