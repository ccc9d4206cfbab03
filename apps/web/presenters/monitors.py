"""Monitors as rows and headings: kind, target, state, and how they did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.utils import timezone

from apps.common.clock import from_epoch_ms
from apps.devices.models import Device
from apps.devices.selectors import Standing
from apps.metrics.types import DayBar, ResultRow
from apps.projects.models import MaintenanceWindow
from apps.web.presenters import bars, sparklines, status, words

KINDS = {
    "auto": "Host",
    "http": "HTTP",
    "ping": "Ping",
    "tcp": "TCP",
    "dns": "DNS",
    "heartbeat": "Heartbeat",
    "tls": "TLS certificate",
    "domain": "Domain",
    "agent": "Agent",
}


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One line of the list."""

    device: Device
    status: status.StatusView
    kind: str
    target: str
    bar: bars.Bar
    spark: sparklines.Spark
    typical: str


def target_of(device: Device) -> str:
    """What is watched, short enough for a line: no scheme, no lone slash."""
    if device.kind == Device.Kind.HEARTBEAT:
        return _expectation(device.heartbeat or {})
    if device.kind == Device.Kind.DNS:
        asked = device.dns or {}
        return f"{asked.get('recordType', 'A')} of {asked.get('hostname') or device.host}"
    if device.url:
        return device.url.partition("://")[2].rstrip("/") or device.url
    return f"{device.host}:{device.port}" if device.port else device.host


def _expectation(config: Mapping[str, object]) -> str:
    grace = words.interval(_seconds(config.get("graceSeconds"), 300))
    if config.get("mode") == "cron":
        return f"{config.get('schedule') or 'no schedule yet'} ({config.get('timezone') or 'UTC'}) + {grace}"
    return f"every {words.interval(_seconds(config.get('intervalSeconds'), 3600))} + {grace}"


def _seconds(value: object, usual: int) -> int:
    return value if isinstance(value, int) else usual


def kind_of(device: Device) -> str:
    """The kind as people call it; a class of hardware keeps its own word."""
    return device.label.capitalize() if device.kind == Device.Kind.AUTO else KINDS[device.kind]


def status_of(device: Device, standing: Standing, *, now: datetime, seen: bool) -> status.StatusView:
    """Paused covers maintenance covers the state; a device nobody has heard of yet waits for its first check."""
    if standing.status == "paused":
        return status.paused(since=device.state.since, now=now)
    if standing.status == "maintenance":
        return status.maintenance(until=_end(standing.windows))
    if standing.status == "unknown" and not seen:
        return status.pending(note="no signal yet" if device.kind == Device.Kind.HEARTBEAT else "soon")
    return status.of_state(
        state=device.state.state,
        cause=device.state.cause,
        since=device.state.since,
        now=now,
        confirming=device.state.state == "warning" and device.state.streak > 0,
    )


def _end(windows: Sequence[MaintenanceWindow]) -> str:
    """When the last of several windows ends, in local time; empty when one has no end."""
    ends = [window.ends_at for window in windows]
    latest = max((end for end in ends if end is not None), default=None)
    if latest is None or None in ends:
        return ""
    local = timezone.localtime(latest)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local:%-d %b, %H:%M}"


def rows(
    devices: Sequence[Device],
    *,
    standings: Mapping[int, Standing],
    days: Mapping[int, Sequence[DayBar]],
    sparks: Mapping[int, Sequence[int | None]],
    newest: Mapping[int, ResultRow],
    now: datetime,
) -> list[MonitorRow]:
    """A page of the list; everything by primary key, in the order of the devices."""
    return [
        MonitorRow(
            device=device,
            status=status_of(device, standings[device.pk], now=now, seen=device.pk in newest),
            kind=kind_of(device),
            target=target_of(device),
            bar=bars.bar(days.get(device.pk, ()), name=device.name, created_at=device.created_at),
            spark=sparklines.spark(sparks.get(device.pk, ())),
            typical=_typical(sparks.get(device.pk, ())),
        )
        for device in devices
    ]


def _typical(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    return words.millis(median(known)) if known else words.NOTHING


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checks log."""

    at: datetime
    status: status.StatusView
    answer: str
    took: str
    detail: str
    others: Sequence[tuple[str, str]] = ()


REASONS = {
    "not_measured": "Not measured: the check did not run",
    "paused": "Paused",
    "assertion": "Not the answer that is expected",
}


def checks(results: Sequence[ResultRow]) -> list[Check]:
    """Results newest first, in words."""
    return [_check(result) for result in reversed(results)]


def _check(result: ResultRow) -> Check:
    detail = result.detail
    confirming = bool(detail.get("confirming"))
    view = status.of_state(
        state=result.state,
        cause=str(detail.get("reason") or ""),
        since=None,
        now=from_epoch_ms(0),
        confirming=confirming,
    )
    reason = str(detail.get("reason") or detail.get("error") or "")
    answer = str(result.status_code) if result.status_code is not None else ""
    if not answer and detail.get("answer"):
        answer = ", ".join(str(record) for record in detail["answer"][:4])
    took = result.total_us if result.total_us is not None else result.latency_us
    return Check(
        at=from_epoch_ms(result.ts_ms),
        status=view,
        answer=answer or words.NOTHING,
        took=words.millis(took),
        detail=str(detail.get("message") or REASONS.get(reason, reason.replace("_", " "))),
    )
