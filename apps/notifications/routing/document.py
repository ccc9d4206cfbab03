"""A project's alert-settings but for its channels: read strictly, stored as they were said (contract Dashmon 9.1)."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.common.clock import iso_ms, parse_iso
from apps.devices.documents import Document
from apps.notifications.routing.policy import (
    DAYS,
    Override,
    Policy,
    QuietHours,
    Repeat,
    Rotation,
    Step,
    Target,
    Window,
)

EVENTS = ("down", "up", "warning")
SEVERITIES = ("critical", "warning", "info")
MODES = ("suppress", "defer")
TARGETS = ("channel", "user", "oncall")
MOST_WINDOWS, MOST_ROTATIONS, MOST_MEMBERS, MOST_OVERRIDES = 20, 5, 50, 100
MOST_STEPS, MOST_TARGETS = 10, 20
LONGEST_DELAY_MIN = 7 * 24 * 60
MOST_ROUNDS = 20
LONGEST_OPEN_AFTER_S = 24 * 3600
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def normalise(
    root: Document, *, channels: Collection[str], members: Collection[str], timezone: str = "UTC"
) -> dict[str, Any]:
    """Everything but `channels`, with every default filled in; storing its own result again changes nothing.

    `channels` are the ids of the document's channels and `members` those of the workspace's people: a target must
    be one of them, or a rotation of the document. `timezone` is the one in force where the document names none.
    Faults are noted on `root`, by path; the caller finishes it.
    """
    rotations = _rotations(root, members, _zone(root, default=timezone))
    return {
        "enabled": root.flag("enabled", default=True),
        "timezone": _zone(root, default=timezone),
        "notifyOn": _words(root, "notifyOn", EVENTS, default=EVENTS),
        "openAfterSeconds": root.whole("openAfterSeconds", default=0, low=0, high=LONGEST_OPEN_AFTER_S),
        "quietHours": _quiet(root),
        "onCall": rotations,
        "escalation": _escalation(
            root,
            {"channel": channels, "user": members, "oncall": {str(rotation["id"]) for rotation in rotations}},
        ),
    }


def policy_of(document: Mapping[str, Any], *, channels: Collection[str] = ()) -> Policy:
    """A stored document as the rules want it. Without any step, every one of `channels` hears at once."""
    quiet, escalation = document.get("quietHours") or {}, document.get("escalation") or {}
    repeat = escalation.get("repeat") or {}
    steps = tuple(_step(step) for step in escalation.get("steps", ()))
    if not steps and channels:
        steps = (Step(0, tuple(Target("channel", channel) for channel in channels)),)
    return Policy(
        enabled=document.get("enabled", True),
        zone=zone_of(document.get("timezone", "UTC")),
        notify_on=frozenset(document.get("notifyOn", EVENTS)),
        open_after_s=document.get("openAfterSeconds", 0),
        quiet=QuietHours(
            enabled=quiet.get("enabled", False),
            mode=quiet.get("mode", "defer"),
            windows=_windows_of(quiet.get("windows", ())),
            bypass=frozenset(quiet.get("bypassSeverities", ("critical",))),
        ),
        rotations=tuple(_rotation_of(rotation) for rotation in document.get("onCall", ())),
        steps=steps,
        repeat=Repeat(repeat.get("times", 0), repeat.get("everyMinutes", 60)),
    )


def zone_of(name: str) -> ZoneInfo:
    """A zone by name; UTC for one that this machine no longer knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


# --- Reading what people send -----------------------------------------------------------------------


def _zone(part: Document, *, default: str) -> str:
    name: str = part.text("timezone", default=default, longest=64) or default
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        part.fault("timezone", "Must be an IANA timezone like Europe/Berlin.")
        return default
    return name


def _words(part: Document, name: str, options: Collection[str], *, default: Collection[str]) -> list[str]:
    given = part.items(name, most=20) if name in part else list(default)
    if any(word not in options for word in given if isinstance(word, str)) or not all(
        isinstance(word, str) for word in given
    ):
        part.fault(name, f"Must hold only {', '.join(options)}.")
        return list(default)
    return [word for word in options if word in given]


def _children(part: Document, name: str, *, most: int) -> list[Document]:
    return [
        Document(item, path=f"{part.path(name)}[{index}]", faults=part.faults)
        for index, item in enumerate(part.items(name, most=most))
    ]


def _quiet(root: Document) -> dict[str, Any]:
    with root.part("quietHours") as part:
        return {
            "enabled": part.flag("enabled", default=False),
            "mode": part.choice("mode", MODES, default="defer") or "defer",
            "windows": _windows(part, "windows"),
            "bypassSeverities": _words(part, "bypassSeverities", SEVERITIES, default=("critical",)),
        }


def _windows(part: Document, name: str) -> list[dict[str, Any]]:
    return [_window(child) for child in _children(part, name, most=MOST_WINDOWS)]


def _window(part: Document) -> dict[str, Any]:
    days = _words(part, "days", DAYS, default=())
    if not days:
        part.fault("days", "Name at least one day: mon to sun.")
    window = {"days": days, "start": _clock(part, "start"), "end": _clock(part, "end")}
    part.refuse_unknown()
    return window


def _clock(part: Document, name: str) -> str:
    text = part.raw(name)
    if isinstance(text, str) and _CLOCK.fullmatch(text):
        return text
    part.fault(name, "Must be a time of day like 22:00.")
    return "00:00"


def _rotations(root: Document, members: Collection[str], zone: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, part in enumerate(_children(root, "onCall", most=MOST_ROTATIONS), 1):
        rotation = _rotation(part, members, zone, number)
        if rotation["id"] in {other["id"] for other in found}:
            part.fault("id", "Two rotations have this id.")
        part.refuse_unknown()
        found.append(rotation)
    return found


def _rotation(part: Document, members: Collection[str], zone: str, number: int) -> dict[str, Any]:
    people = part.items("members", most=MOST_MEMBERS)
    for index, member in enumerate(people):
        _known(part, f"members[{index}]", member, members, "There is no such member in this workspace.")
    return {
        "id": _id(part, default=f"oc_{number}"),
        "timezone": _zone(part, default=zone),
        "members": people,
        "startsOn": _date(part),
        "shiftDays": part.whole("shiftDays", default=7, low=1, high=366),
        "handoffTime": _clock(part, "handoffTime") if "handoffTime" in part else "09:00",
        "coverage": _windows(part, "coverage") if "coverage" in part else part.raw("coverage"),
        "overrides": [_override(child, members) for child in _children(part, "overrides", most=MOST_OVERRIDES)],
    }


def _id(part: Document, *, default: str) -> str:
    text: str = part.text("id", default=default, longest=64) or default
    if not ID.fullmatch(text):
        part.fault("id", "Up to 64 letters, digits, dots, colons, dashes or underscores.")
    return text


def _date(part: Document) -> str:
    text = part.raw("startsOn")
    try:
        day = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        day = None
    # The calendar ends somewhere, and a rotation is reckoned a while beyond its beginning.
    if day is None or not 1970 <= day.year <= 9000:
        part.fault("startsOn", "Must be a date like 2026-01-05.")
        return "1970-01-01"
    return day.isoformat()


def _override(part: Document, members: Collection[str]) -> dict[str, Any]:
    start, end = _instant(part, "start"), _instant(part, "end")
    if start and end and end <= start:
        part.fault("end", "Must be after the start.")
    member = part.raw("userId")
    _known(part, "userId", member, members, "There is no such member in this workspace.")
    part.refuse_unknown()
    return {"start": start, "end": end, "userId": member}


def _instant(part: Document, name: str) -> str:
    text = part.raw(name)
    try:
        return iso_ms(parse_iso(text)) if isinstance(text, str) else _no_instant(part, name)
    except ValueError:
        return _no_instant(part, name)


def _no_instant(part: Document, name: str) -> str:
    part.fault(name, "Must be an instant like 2026-02-10T08:00:00.000Z.")
    return ""


def _known(part: Document, name: str, value: Any, known: Collection[str], sentence: str) -> None:
    if not isinstance(value, str) or value not in known:
        part.fault(name, sentence)


def _escalation(root: Document, known: Mapping[str, Collection[str]]) -> dict[str, Any]:
    with root.part("escalation") as part:
        steps = [_read_step(child, known) for child in _children(part, "steps", most=MOST_STEPS)]
        with part.part("repeat") as repeat:
            times = repeat.whole("times", default=0, low=0, high=MOST_ROUNDS)
            every = repeat.whole("everyMinutes", default=60, low=0, high=LONGEST_DELAY_MIN)
            if times and not every:
                repeat.fault("everyMinutes", "Rounds need some minutes between them.")
    return {"steps": steps, "repeat": {"times": times, "everyMinutes": every}}


def _read_step(part: Document, known: Mapping[str, Collection[str]]) -> dict[str, Any]:
    targets = [_target(child, known) for child in _children(part, "targets", most=MOST_TARGETS)]
    if not targets:
        part.fault("targets", "A step needs at least one target.")
    step = {"afterMinutes": part.whole("afterMinutes", default=0, low=0, high=LONGEST_DELAY_MIN), "targets": targets}
    part.refuse_unknown()
    return step


def _target(part: Document, known: Mapping[str, Collection[str]]) -> dict[str, Any]:
    kind = part.choice("type", TARGETS, default=None)
    if kind is None:
        part.fault("type", f"Must be one of {', '.join(TARGETS)}.")
    name = part.raw("id")
    _known(part, "id", name, known.get(kind or "", ()), "There is nothing of this type and id.")
    part.refuse_unknown()
    return {"type": kind, "id": name}


# --- From stored documents to values ----------------------------------------------------------------


def _windows_of(items: Collection[Mapping[str, Any]]) -> tuple[Window, ...]:
    return tuple(
        Window(
            frozenset(DAYS.index(day) for day in item["days"]),
            time.fromisoformat(item["start"]),
            time.fromisoformat(item["end"]),
        )
        for item in items
    )


def _rotation_of(item: Mapping[str, Any]) -> Rotation:
    coverage = item.get("coverage")
    return Rotation(
        id=item["id"],
        zone=zone_of(item.get("timezone", "UTC")),
        members=tuple(item.get("members", ())),
        starts_on=date.fromisoformat(item["startsOn"]),
        shift_days=item.get("shiftDays", 7),
        handoff=time.fromisoformat(item.get("handoffTime", "09:00")),
        coverage=None if coverage is None else _windows_of(coverage),
        overrides=tuple(
            Override(_at(override["start"]), _at(override["end"]), override["userId"])
            for override in item.get("overrides", ())
        ),
    )


def _at(text: str) -> datetime:
    return parse_iso(text)


def _step(item: Mapping[str, Any]) -> Step:
    targets = tuple(Target(target["type"], target["id"]) for target in item["targets"])
    return Step(item["afterMinutes"], targets)
