"""Nezha's notifications: placeholders between # signs, its numbers and its sentences (contract Nezha 2.6).

Vectors: nezha_notifications.json.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

Escape = Callable[[str], str]
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# Fields of a server's state that are a column as they are.
STATE: Mapping[str, str] = {
    "net_in_speed": "net.rx_rate",
    "net_out_speed": "net.tx_rate",
    "net_in_transfer": "net.rx_bytes",
    "net_out_transfer": "net.tx_bytes",
    "load1": "cpu.load1",
    "load5": "cpu.load5",
    "load15": "cpu.load15",
    "tcp_conn_count": "conn.tcp",
    "udp_conn_count": "conn.udp",
    "process_count": "proc.count",
    "mem_used": "mem.used_bytes",
    "swap_used": "swap.used_bytes",
    "disk_used": "disk.used_bytes",
}
_PLACEHOLDER = re.compile(r"#([A-Z0-9]+(?:\.[A-Z0-9]+)?)#")
HIDDEN = "****"


def command_finished(*, name: str, server: str, output: str, ok: bool) -> str:
    """A scheduled command came to its end on one server."""
    how = "Successfully" if ok else "Failed"
    return f"[Scheduled Task Executed {how}] {name}, {server}\n{output}"


def command_offline(*, name: str, server: str) -> str:
    """A scheduled command could not run."""
    return f"[Task failed] {name}: server {server} is offline and cannot execute the task"


def address_changed(*, server: str, before: str, after: str, plain: bool = False) -> str:
    """A server is seen from another address."""
    old, new = (address if plain else masked(address) for address in (before, after))
    return f"[IP Changed] {server}, {old} => {new}"


def service_changed(*, state: str, name: str, server: str, error: str) -> str:
    """A monitor's state as one server sees it; the error as the probe told it."""
    return f"[{state}] {name} Reporter: {server}, Error: {error}"


def latency_crossed(*, name: str, value: float, limit: float, server: str) -> str:
    """A monitor answers more slowly than its upper limit, or faster than its lower one (ms)."""
    sign = ">" if value > limit else "<"
    return f"[Latency] {name} {number(value)} {sign} {number(limit)}, Reporter: {server}"


def certificate_expires(*, name: str, expires: datetime) -> str:
    """A certificate has less than seven days left."""
    when = f"{expires:%Y-%m-%d %H:%M:%S}"
    return f"[TLS] {name} The TLS certificate will expire within seven days. Expiration time: {when}"


def failure(status: int, phrase: str) -> str:
    """What is said of an answer that is no success: the code, and the status line after its version."""
    return f"{status}@{status} {phrase}".rstrip()


def number(value: float) -> str:
    """A measure as the sentences write it: six decimals."""
    return f"{value:.6f}"


def size(count: int) -> str:
    """`980 kB`, `1.5 kB`, `5.0 GB`: powers of 1024, one decimal below ten."""
    if count < 10:
        return f"{count} B"
    power = min(int(math.log(count, 1024)), len(UNITS) - 1)
    # Rounded to one decimal before it is shown without any, half to even, as the original's formatter does.
    value = math.floor(count / 1024**power * 10 + 0.5) / 10
    return f"{value:.0f} {UNITS[power]}" if value >= 10 else f"{value:.1f} {UNITS[power]}"


def message(
    event: Literal["incident", "resolved"], *, server: str, addresses: str, rule: str, plain: bool = False
) -> str:
    """`[Incident] alpha(203.****.7) CPU high`; `addresses` is IPv4, IPv6 or both around a slash."""
    return f"[{event.capitalize()}] {server}({addresses if plain else masked(addresses)}) {rule}"


def masked(addresses: str) -> str:
    """Addresses without their middle, so that one's own can be told apart: `203.****.7`, `2001:db8:****::7`."""
    return "/".join(_masked(address) for address in addresses.split("/"))


def _masked(address: str) -> str:
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return address
    if version == 4:
        first, *_, last = address.split(".")
        return f"{first}.{HIDDEN}.{last}"
    groups = address.split(":")
    return f"{':'.join(groups[:2])}:{HIDDEN}:{':'.join(groups[-2:])}"


def instant(at: datetime) -> str:
    """`2026-05-18 12:30:00.123456 +0800 CST`: the instant with its zone, without trailing zeros."""
    fraction = f".{at.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction} {at:%z} {at.tzname()}"


def server_of(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A server in Nezha's words, of what an event knows of it: columns, totals and addresses."""
    seen = facts.get("values") or {}
    state = {said: seen.get(column, 0) for said, column in STATE.items()}
    state["cpu"] = seen.get("cpu.ratio", 0) * 100
    host = {total: facts.get(total) or 0 for total in _TOTALS.values()}
    geoip = {family: facts.get(family) or "" for family in ("ipv4", "ipv6")}
    return {"id": facts.get("number", 0), "name": name, "host": host, "state": state, "geoip": geoip}


def values(server: Mapping[str, Any], *, metric_units: bool) -> dict[str, str]:
    """What the SERVER placeholders stand for. A total of 0 is no use at all, and no division."""
    host, state, addresses = (server.get(part) or {} for part in ("host", "state", "geoip"))
    found = {"SERVER.NAME": str(server["name"]), "SERVER.ID": str(server["id"])}
    found |= _shares(host, state, metric_units=metric_units)
    for name, key in (("SPEEDIN", "net_in_speed"), ("SPEEDOUT", "net_out_speed")):
        count = int(state.get(key, 0))
        found[f"SERVER.{name}"] = f"{size(count)}/s" if metric_units else f"{count}/s"
    for name, key in (("TRANSFERIN", "net_in_transfer"), ("TRANSFEROUT", "net_out_transfer")):
        count = int(state.get(key, 0))
        found[f"SERVER.{name}"] = size(count) if metric_units else str(count)
    found |= {f"SERVER.{name}": number(float(state.get(key, 0))) for name, key in _DECIMALS.items()}
    found |= {f"SERVER.{name}": str(int(state.get(key, 0))) for name, key in _COUNTS.items()}
    found |= {f"SERVER.{name}": str(int(host.get(key, 0))) for name, key in _TOTALS.items()}
    v4, v6 = str(addresses.get("ipv4") or ""), str(addresses.get("ipv6") or "")
    return found | {"SERVER.IP": v4 or v6, "SERVER.IPV4": v4, "SERVER.IPV6": v6}


def expand(
    text: str, *, message: str, now: datetime, escape: Escape, server: Mapping[str, Any] | None, metric_units: bool
) -> str:
    """A template with its placeholders replaced; without a server those of a server stay as they are."""
    known = {"NEZHA": message, "DATETIME": instant(now)}
    if server is not None:
        known |= values(server, metric_units=metric_units)
    return _PLACEHOLDER.sub(lambda match: escape(known[match[1]]) if match[1] in known else match[0], text)


_DECIMALS = {"CPUUSED": "cpu", "LOAD1": "load1", "LOAD5": "load5", "LOAD15": "load15"}
_COUNTS = {
    "MEMUSED": "mem_used",
    "SWAPUSED": "swap_used",
    "DISKUSED": "disk_used",
    "NETINSPEED": "net_in_speed",
    "NETOUTSPEED": "net_out_speed",
    "NETINTRANSFER": "net_in_transfer",
    "NETOUTTRANSFER": "net_out_transfer",
    "TCPCONNCOUNT": "tcp_conn_count",
    "UDPCONNCOUNT": "udp_conn_count",
}
_TOTALS = {"MEMTOTAL": "mem_total", "SWAPTOTAL": "swap_total", "DISKTOTAL": "disk_total"}


def _shares(host: Mapping[str, Any], state: Mapping[str, Any], *, metric_units: bool) -> dict[str, str]:
    """CPU in percent; memory, swap and disk as fractions, or all of them as `12.50 %`."""
    cpu = float(state.get("cpu", 0))
    found = {"SERVER.CPU": f"{cpu:.2f} %" if metric_units else number(cpu)}
    for name, part in (("MEM", "mem"), ("SWAP", "swap"), ("DISK", "disk")):
        total = float(host.get(f"{part}_total", 0))
        share = float(state.get(f"{part}_used", 0)) / total if total else 0.0
        found[f"SERVER.{name}"] = f"{share * 100:.2f} %" if metric_units else number(share)
    return found
