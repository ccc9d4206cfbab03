"""The overview: what is wrong, what the last day was like, what comes up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from apps.devices.models import Device
from apps.projects.models import MaintenanceWindow
from apps.web.presenters import words
from apps.web.presenters.monitor import Fact, split_unit

SOON = timedelta(days=14)
EXPIRY_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Coming:
    """Something that will happen by itself."""

    at: datetime
    name: str
    href: str
    what: str


def counts(looks: Mapping[str, int], incidents_now: int, incidents_before: int) -> list[Fact]:
    """How many are how, and how the day compares with the one before."""
    known = sum(looks.values())
    watched = known - looks["paused"]
    difference = incidents_now - incidents_before
    change = "as the day before"
    if difference:
        change = f"{'↑' if difference > 0 else '↓'} {abs(difference)} {'more' if difference > 0 else 'fewer'}"
    return [
        Fact("Up now", words.grouped(looks["up"]), f"of {words.grouped(watched)}", _quiet(looks)),
        Fact(
            "Wrong now",
            words.grouped(looks["down"] + looks["warning"]),
            "",
            f"{looks['down']} down, {looks['warning']} degraded",
        ),
        Fact("Incidents opened, 24 h", words.grouped(incidents_now), "", change),
    ]


def _quiet(looks: Mapping[str, int]) -> str:
    parts = [
        f"{looks[look]} {word}"
        for look, word in (("unknown", "unknown"), ("maintenance", "in maintenance"), ("paused", "paused"))
        if looks[look]
    ]
    return ", ".join(parts) or "none unknown or paused"


def uptime_fact(up_ms: int, known_ms: int) -> Fact:
    """Time up of all monitors together, over today and yesterday."""
    value, unit = split_unit(words.share((up_ms, known_ms) if known_ms else None))
    return Fact("Uptime, 7 d", value, unit, "all monitors, by time")


def coming(
    *, windows: Sequence[tuple[MaintenanceWindow, str, str]], devices: Sequence[tuple[Device, str]], now: datetime
) -> list[Coming]:
    """Planned silences and what expires, soonest first."""
    found = [Coming(window.starts_at, name, href, f"maintenance, {_length(window)}") for window, name, href in windows]
    for device, href in devices:
        for what, ends in (
            ("certificate", device.state.certificate_expires_at),
            ("registration", device.state.domain_expires_at),
        ):
            if ends is not None and now < ends <= now + EXPIRY_SOON:
                left = (ends - now).days
                found.append(Coming(ends, device.name, href, f"{what} expires in {words.plural(left, 'day')}"))
    return sorted(found, key=lambda item: item.at)[:8]


def _length(window: MaintenanceWindow) -> str:
    if window.ends_at is None:
        return "no end set"
    return words.duration((window.ends_at - window.starts_at).total_seconds())


def when(at: datetime) -> str:
    """A day ahead, with the hour."""
    return f"{timezone.localtime(at):%a %-d %b, %H:%M}"
