"""One monitor's page: facts with their window, and what a job must send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from apps.common.clock import from_epoch_ms
from apps.devices.models import Device
from apps.metrics.types import LatencyStats, Ping, ResultRow, UptimeTotals
from apps.web.presenters import words

# A value is old when more than two intervals have passed since it was measured.
OLD_INTERVALS = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its unit, its window in the label, and a quiet line below."""

    label: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something ready to paste."""

    key: str
    label: str
    text: str


def split_unit(text: str) -> tuple[str, str]:
    """`212 ms` as number and unit, so that the unit can be drawn small."""
    number, _, unit = text.rpartition(" ")
    return (number, unit) if number else (text, "")


def uptime_fact(label: str, totals: UptimeTotals) -> Fact:
    """Share of known time up, and for how long it was down."""
    value, unit = split_unit(words.share(totals.times.fraction))
    down = totals.times.down_ms // 1000
    if totals.times.fraction is None:
        return Fact(label, value, unit, "nothing measured")
    return Fact(label, value, unit, f"{words.duration(down)} down" if down else "never down")


def latency_fact(label: str, now_us: float | None, before_us: float | None) -> Fact:
    """A percentile and how it compares with the day before."""
    value, unit = split_unit(words.millis(now_us))
    return Fact(label, value, unit, _change(now_us, before_us))


def _change(now_us: float | None, before_us: float | None) -> str:
    if now_us is None or before_us is None:
        return "nothing to compare with" if now_us is not None else "no answer"
    difference = now_us - before_us
    if abs(difference) < max(1000, before_us * 0.02):
        return "as the day before"
    if difference > 0:
        return f"↑ slower by {words.millis(difference)}"
    return f"↓ faster by {words.millis(-difference)}"


def facts(
    device: Device,
    *,
    day: UptimeTotals,
    quarter: UptimeTotals,
    latency: LatencyStats,
    before: LatencyStats,
    newest: ResultRow | None,
    now: datetime,
) -> list[Fact]:
    """The row of facts under the heading; what a kind does not have is left out."""
    found = [uptime_fact("Uptime, 24 h", day), uptime_fact("Uptime, 90 d", quarter)]
    if latency.samples:
        found.append(latency_fact("p50, 24 h", latency.p50_us, before.p50_us))
        found.append(latency_fact("p95, 24 h", latency.p95_us, before.p95_us))
    for label, ends in (
        ("Certificate", device.state.certificate_expires_at),
        ("Registration", device.state.domain_expires_at),
    ):
        if ends is not None:
            found.append(_expiry(label, ends, now=now))
    found.append(_last(device, newest, now=now))
    return found


def _expiry(label: str, ends: datetime, *, now: datetime) -> Fact:
    days = (ends - now).days
    date = f"{timezone.localtime(ends):%-d %B %Y}"
    return Fact(label, str(days), "d left", f"to {date}") if days >= 0 else Fact(label, "Expired", "", f"on {date}")


def _last(device: Device, newest: ResultRow | None, *, now: datetime) -> Fact:
    heartbeat = device.kind == Device.Kind.HEARTBEAT
    label = "Last signal" if heartbeat else "Last check"
    if newest is None:
        return Fact(label, words.NOTHING, "", "none yet")
    at = from_epoch_ms(newest.ts_ms)
    value, unit = split_unit(words.duration((now - at).total_seconds()))
    if heartbeat or device.paused:
        return Fact(label, value, f"{unit} ago", f"{timezone.localtime(at):%-d %b, %H:%M:%S}")
    following = from_epoch_ms(device.slot_at(now) + device.interval_s * 1000)
    return Fact(label, value, f"{unit} ago", f"next in {words.duration((following - now).total_seconds())}")


def is_old(device: Device, newest: ResultRow | None, *, now: datetime) -> bool:
    """Whether what is shown may no longer hold: over two intervals without a result."""
    if newest is None or device.paused or device.kind == Device.Kind.HEARTBEAT or not newest.interval_ms:
        return False
    return (now - from_epoch_ms(newest.ts_ms)).total_seconds() * 1000 > OLD_INTERVALS * newest.interval_ms


def snippets(address: str) -> list[Snippet]:
    """Lines for cron, shell and HTTP clients, with the monitor's own address filled in."""
    return [
        Snippet("hb-cron", "At the end of a cron line", f"&& curl -fsS -m 10 --retry 5 {address}"),
        Snippet(
            "hb-run",
            "Around a command, with its exit status and duration",
            f"curl -fsS -m 10 {address}/start; your-command; curl -fsS -m 10 --retry 5 {address}/$?",
        ),
        Snippet("hb-fail", "When something went wrong", f"curl -fsS -m 10 --retry 5 {address}/fail"),
    ]


def said(ping_kind: str, exit_code: int | None) -> str:
    """A signal in words."""
    if ping_kind == "exit":
        return f"Exit {exit_code}"
    return {"ping": "Success", "success": "Success", "start": "Start", "fail": "Failure", "log": "Log"}[ping_kind]


SIGNAL_SHAPES: Mapping[str, str] = {"fail": "down", "start": "pending", "log": "unknown"}


@dataclass(frozen=True, slots=True)
class SignalLine:
    """One received signal."""

    at: datetime
    shape: str
    word: str
    took: str
    body: str


def signals(pings: Sequence[Ping]) -> list[SignalLine]:
    """Signals newest first, with the beginning of what they said."""
    lines = []
    for ping in pings:
        failed = ping.kind == "fail" or bool(ping.exit_code)
        shape = "down" if failed else SIGNAL_SHAPES.get(ping.kind, "up")
        took = words.millis(ping.duration_ms * 1000) if ping.duration_ms is not None else ""
        body = (ping.body or b"")[:500].decode(errors="replace")
        lines.append(SignalLine(from_epoch_ms(ping.received_ms), shape, said(ping.kind, ping.exit_code), took, body))
    return lines
