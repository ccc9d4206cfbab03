"""Nodes as rows and headings: state, meters, what the machine is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from apps.common.clock import from_epoch_ms
from apps.incidents.models import Incident
from apps.nodes.facts import cores
from apps.nodes.models import Node
from apps.nodes.selectors import tags_of
from apps.nodes.types import NodePicture, RosterEntry
from apps.web.presenters import sizes, words
from apps.web.presenters.meters import Limit, Meter, meter
from apps.web.presenters.status import StatusView

# The whole row, or what lists know of it.
Listed = Node | RosterEntry
Look = Literal["trouble", "silent", "never", "online"]
# The worst first; a machine that nobody ever heard of is no trouble, but not well either.
LOOKS: Mapping[Look, str] = {
    "trouble": "need a look",
    "silent": "silent",
    "never": "never seen",
    "online": "online",
}
SHAPES: Mapping[Look, str] = {"trouble": "degraded", "silent": "unknown", "never": "pending", "online": "up"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a node stands: silent or not is a matter of the clock, trouble one of open incidents."""

    look: Look
    seen_at: datetime | None
    since: datetime | None
    silent: bool
    incident: Incident | None = None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node of the list, as a line and as a card."""

    node: Node
    status: StatusView
    is_silent: bool
    platform: str
    system: str
    tags: tuple[str, ...]
    meters: Sequence[Meter]
    received: str
    sent: str
    uptime: str
    seen: str


def standing_of(node: Listed, *, seen_ms: int | None, incident: Incident | None, now: datetime) -> Standing:
    """A node that has something open needs a look, silent or not; one without a report was never seen."""
    seen_at = None if seen_ms is None else from_epoch_ms(seen_ms)
    if seen_at is None:
        return Standing("never", None, node.created_at, silent=True)
    silent = (now - seen_at).total_seconds() > node.stale_after_s
    if incident is not None:
        return Standing("trouble", seen_at, seen_at if silent else incident.opened_at, silent, incident)
    return Standing("silent" if silent else "online", seen_at, seen_at if silent else None, silent)


def status_of(standing: Standing, *, now: datetime) -> StatusView:
    """Shape, word and since; unknown is neither up nor down."""
    since = "" if standing.since is None else words.duration((now - standing.since).total_seconds())
    if standing.look == "online":
        return StatusView("up", "Online")
    if standing.look == "never":
        return StatusView("pending", "Never seen")
    if standing.incident is None:
        return StatusView("unknown", "Silent", since)
    shape: Any = "down" if standing.incident.severity == Incident.Severity.CRITICAL else "degraded"
    return StatusView(shape, "Silent" if standing.silent else "Needs a look", since)


def row(
    node: Node,
    standing: Standing,
    picture: NodePicture | None,
    *,
    limits: Mapping[str, Sequence[Limit]],
    now: datetime,
) -> NodeRow:
    """One line of the list; a node that never reported has no numbers."""
    values = {} if picture is None else picture.latest.values
    sections = {} if picture is None else picture.sections
    silent = standing.silent
    untold = "No report yet" if picture is None else "Has not said what it is"
    return NodeRow(
        node=node,
        status=status_of(standing, now=now),
        is_silent=silent,
        platform=platform_of(sections) or untold,
        system=system_line(sections) or untold,
        tags=tags_of(node),
        meters=meters(picture, limits, is_old=silent),
        received=words.NOTHING if silent else sizes.bits(values.get("net.rx_rate")),
        sent=words.NOTHING if silent else sizes.bits(values.get("net.tx_rate")),
        uptime=words.NOTHING if silent else words.duration(values.get("uptime_s")),
        seen=words.NOTHING if standing.seen_at is None else words.ago(standing.seen_at, now),
    )


def part_of(total: int, *, start: int, shown: int) -> str:
    """Which part of a list a page shows: `5 nodes`, or `51 to 100 of 3 000 nodes`."""
    if shown == total:
        return words.plural(total, "node")
    return f"{words.grouped(start + 1)} to {words.grouped(start + shown)} of {words.plural(total, 'node')}"


def platform_of(sections: Mapping[str, Any]) -> str:
    """`Debian 12.11`."""
    system = (sections.get("static") or {}).get("system") or {}
    return f"{str(system.get('platform', '')).capitalize()} {system.get('platform_version', '')}".strip()


def system_line(sections: Mapping[str, Any]) -> str:
    """`Debian 12.11 · amd64`."""
    system = (sections.get("static") or {}).get("system") or {}
    return " · ".join(part for part in (platform_of(sections), system.get("arch", "")) if part)


def meters(picture: NodePicture | None, limits: Mapping[str, Sequence[Limit]], *, is_old: bool) -> list[Meter]:
    """Processor, memory and the fullest disk of the newest report; `limits` by metric."""
    if picture is None:
        return [Meter(label, None, words.NOTHING) for label in ("CPU", "Memory", "Fullest disk")]
    values, static = picture.latest.values, picture.sections.get("static") or {}
    known = cores(static)
    total = picture.latest.detail.get("mem_total") or (static.get("memory") or {}).get("total")
    memory = sizes.of_whole(values.get("mem.used_bytes"), total)
    shares = (
        ("CPU", values.get("cpu.ratio"), words.plural(known, "core") if known else "", ("cpu.ratio",)),
        ("Memory", values.get("mem.ratio"), "" if memory == words.NOTHING else memory, ("mem.ratio",)),
        ("Fullest disk", *_fullest(picture)),
    )
    return [
        meter(label, ratio, note, [limit for name in metrics for limit in limits.get(name, ())], is_old=is_old)
        for label, ratio, note, metrics in shares
    ]


def _fullest(picture: NodePicture) -> tuple[float | None, str, tuple[str, ...]]:
    """How full the fullest disk is, of how much, and which metrics are this very figure."""
    usage = (picture.sections.get("disks") or {}).get("usage", ())
    values = picture.latest.values
    known = [(values[f"disk.ratio[{each['key']}]"], each) for each in usage if f"disk.ratio[{each['key']}]" in values]
    if not known:
        return values.get("disk.ratio"), "", ("disk.ratio",)
    ratio, disk = max(known, key=lambda pair: pair[0])
    used = values.get(f"disk.used_bytes[{disk['key']}]")
    primary = ("disk.primary_ratio",) if disk.get("mountpoint") == "/" else ()
    return ratio, sizes.of_whole(used, disk.get("total")), (f"disk.ratio[{disk['key']}]", *primary)
