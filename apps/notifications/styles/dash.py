"""What Dash writes about an event, in both of its languages (contract Dash 9.5), and what it calls what it measures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apps.alerts.columns import SILENCE

OFFLINE = "node.offline"
METRICS = {
    "cpu.usage_ratio": "cpu.ratio",
    "mem.used_ratio": "mem.ratio",
    "disk.usage.used_ratio": "disk.primary_ratio",
    "cpu.load1": "cpu.load1",
    "cpu.load5": "cpu.load5",
    "cpu.load15": "cpu.load15",
    "mem.used": "mem.used_bytes",
    "net.recv_bps": "net.rx_rate",
    "net.sent_bps": "net.tx_rate",
    "conn.tcp": "conn.tcp",
    "raid.failed": "raid.failed",
    "disk.smart.failed": "smart.failed",
    "disk.smart.nvme.critical_warning": "smart.critical",
    "disk.smart.attribute_failing": "smart.failing",
    "disk.smart.max_temp_c": "smart.max_temp_c",
    "thermal.max_temp_c": "temp.max_c",
}
SAID = {ours: theirs for theirs, ours in METRICS.items()} | {SILENCE: OFFLINE}


@dataclass(frozen=True, slots=True)
class Text:
    """Title and body of one message."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event in Dash's own words: metric and numbers as it spells them, `server` as it is called."""

    server: str
    rule: str
    metric: str
    value: float | None
    at: datetime
    threshold: float | None = None
    duration_s: int = 0


_TITLES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "opened": "Alert triggered: {rule} @ {server}",
        "closed": "Alert recovered: {rule} @ {server}",
        "offline_opened": "Offline alert: {server}",
        "offline_closed": "Online restored: {server}",
    },
    "zh": {
        "opened": "告警触发: {rule} @ {server}",
        "closed": "告警恢复: {rule} @ {server}",
        "offline_opened": "离线告警：{server}",  # noqa: RUF001  # the wire has this colon
        "offline_closed": "恢复在线：{server}",  # noqa: RUF001  # the wire has this colon
    },
}
_LABELS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Status",
        "Server",
        "Rule",
        "Metric",
        "Current value",
        "Threshold",
        "Duration",
        "Triggered at",
        "Recovered at",
    ),
    "zh": ("状态", "服务器", "规则", "指标", "当前值", "阈值", "持续时间", "触发时间", "恢复时间"),
}


LANGUAGES = frozenset(_TITLES)
MARKS = {"opened": "❌", "closed": "✅"}
CLOCK = "🕒"


def opened(event: Event, *, zone: str = "UTC", language: str = "en") -> Text:
    """The message that an alert was triggered; times in `zone`."""
    status, server, rule, metric, value, threshold, lasted, triggered, _ = _LABELS[language]
    if event.metric == OFFLINE:
        return Text(_title(language, "offline_opened", event), f"{triggered}: {_time(event.at, zone)}")
    lines = {
        status: "opened",
        server: event.server,
        rule: event.rule,
        metric: event.metric,
        value: spelled(event.metric, event.value),
        threshold: spelled(event.metric, event.threshold),
        lasted: f"{event.duration_s}s",
        triggered: _time(event.at, zone),
    }
    return Text(_title(language, "opened", event), _body(lines))


def closed(event: Event, *, zone: str = "UTC", language: str = "en") -> Text:
    """The message that an alert recovered; times in `zone`."""
    status, server, rule, metric, value, _, _, _, recovered = _LABELS[language]
    if event.metric == OFFLINE:
        return Text(_title(language, "offline_closed", event), f"{recovered}: {_time(event.at, zone)}")
    lines = {
        status: "closed",
        server: event.server,
        rule: event.rule,
        metric: event.metric,
        value: spelled(event.metric, event.value),
        recovered: _time(event.at, zone),
    }
    return Text(_title(language, "closed", event), _body(lines))


def marked(text: Text, transition: str) -> Text:
    """The same as a chat shows it: a mark of beginning or end before the title, a clock before the line of the time."""
    *lines, time = text.body.split("\n")
    return Text(f"{MARKS[transition]} {text.title}", "\n".join([*lines, f"{CLOCK} {time}"]))


def spelled(metric: str, value: float | None) -> str:
    """A value as the messages write it; `-` where there is none."""
    if value is None:
        return "-"
    if metric.endswith("_ratio"):
        return f"{value * 100:.2f}%"
    if metric.endswith("_temp_c"):
        return f"{value:.1f}C"
    formats = {"mem.": "{:.0f}B", "net.": "{:.2f}B/s", "conn.": "{:.0f}"}
    return next((form for start, form in formats.items() if metric.startswith(start)), "{:.4g}").format(value)


def value_and_threshold(metric: str, value: float | None, threshold: float | None) -> tuple[Any, Any]:
    """Numbers as Dash shows them: silence is 1 when it is too long and else 0, against 1."""
    if metric != SILENCE:
        return number(value), number(threshold)
    if value is None:
        return None, 1
    return int(threshold is not None and value > threshold), 1


def number(value: float | None) -> float | int | None:
    """A number as Go's encoder writes it: whole ones without a decimal point."""
    if value is None or not math.isfinite(value) or value != int(value) or abs(value) >= 1e15:
        return value
    return int(value)


def _title(language: str, kind: str, event: Event) -> str:
    return _TITLES[language][kind].format(rule=event.rule, server=event.server)


def _body(lines: Mapping[str, str]) -> str:
    return "\n".join(f"{label}: {text}" for label, text in lines.items())


def _time(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"
