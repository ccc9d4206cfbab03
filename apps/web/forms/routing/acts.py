"""Rows that come and go by a button: the document changes, nothing is saved."""

import re
from datetime import date, timedelta
from typing import Any

from apps.notifications.kinds import ChannelKind

WINDOW = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "22:00", "end": "07:00"}
HOURS = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:00"}
_PATH = re.compile(r"([A-Za-z]+)(?:\[([0-9]{1,4})\])?")


def change(document: dict[str, Any], act: str, *, kind: str, today: date) -> str:
    """Do `add <path>` or `remove <path>` to a draft; the path of the new row, empty where nothing was added.

    A path that leads nowhere changes nothing.
    """
    verb, _, path = act.partition(" ")
    if verb == "remove":
        _remove(document, path)
    elif verb == "add" and isinstance(items := _at(document, path), list):
        new = _new(document, path, kind=kind, today=today)
        if new is not None:
            items.append(new)
            return f"{path}[{len(items) - 1}]"
    return ""


def _remove(document: dict[str, Any], path: str) -> None:
    where, _, number = path.rpartition("[")
    items, text = _at(document, where), number.rstrip("]")
    if not isinstance(items, list) or not text.isdecimal() or not int(text) < len(items):
        return
    gone = items.pop(int(text))
    if where == "channels":
        _forget(document, "channel", gone.get("id"))
    elif where == "onCall":
        _forget(document, "oncall", gone.get("id"))


def _forget(document: dict[str, Any], kind: str, name: Any) -> None:
    """A step cannot reach what is no longer there."""
    for step in document["escalation"]["steps"]:
        step["targets"] = [target for target in step["targets"] if (target["type"], target["id"]) != (kind, name)]


def _at(document: dict[str, Any], path: str) -> Any:
    """What a path like `onCall[0].coverage` leads to; None when it leads nowhere."""
    found: Any = document
    for part in path.split("."):
        match = _PATH.fullmatch(part)
        if match is None or not isinstance(found, dict):
            return None
        name, number = match[1], match[2]
        if name == "coverage" and found.get(name, 0) is None:
            found[name] = []
        found = found.get(name)
        if number is not None:
            found = found[int(number)] if isinstance(found, list) and int(number) < len(found) else None
    return found


def _new(document: dict[str, Any], path: str, *, kind: str, today: date) -> dict[str, Any] | None:
    if path == "channels":
        known = kind in ChannelKind.values
        key = _free(f"ch_{kind}", {item["id"] for item in document["channels"]})
        return {"id": key, "type": kind, "name": "", "enabled": True} if known else None
    if path == "onCall":
        return _new_rotation(document, today)
    if path == "escalation.steps":
        last = document["escalation"]["steps"][-1:]
        after = last[0]["afterMinutes"] if last else None
        return {"afterMinutes": after + 15 if isinstance(after, int) else 0, "targets": []}
    if path == "quietHours.windows":
        return dict(WINDOW)
    return dict(HOURS) if path.endswith(".coverage") else None


def _new_rotation(document: dict[str, Any], today: date) -> dict[str, Any]:
    return {
        "id": _free("main", {item["id"] for item in document["onCall"]}),
        "timezone": document["timezone"],
        "members": [],
        # Yesterday's handoff is over at any hour of today, so somebody is on call at once.
        "startsOn": (today - timedelta(days=1)).isoformat(),
        "shiftDays": 7,
        "handoffTime": "09:00",
        "coverage": None,
        "overrides": [],
    }


def _free(stem: str, taken: set[str]) -> str:
    """`ch_slack`, or the first of `ch_slack_2`, `ch_slack_3` ... that is free."""
    numbers = (f"{stem}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (stem, *numbers) if name not in taken)
