"""From a form to a document: numbers become numbers where they are some, empty settings are left out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from apps.web.forms.routing.kinds import ASKS

MOST_ROWS = 200
MOST_DIGITS = 9


class Typed:
    """What was typed, by path."""

    def __init__(self, data: QueryDict) -> None:
        self._data = data

    def text(self, path: str) -> str:
        return str(self._data.get(path, "")).strip()

    def flag(self, path: str) -> bool:
        return path in self._data

    def many(self, path: str) -> list[str]:
        return [str(item) for item in self._data.getlist(path) if item]

    def whole(self, path: str) -> int | str:
        """A number, or what was typed in its place; the domain says what is wrong with it."""
        text = self.text(path)
        return int(text) if re.fullmatch(rf"-?[0-9]{{1,{MOST_DIGITS}}}", text) else text

    def rows(self, path: str) -> list[str]:
        """The paths of a list's rows, in their order and whatever their numbers."""
        pattern = re.compile(rf"{re.escape(path)}\[([0-9]{{1,4}})\]")
        found = {int(match[1]) for name in self._data if (match := pattern.match(name))}
        return [f"{path}[{number}]" for number in sorted(found)[:MOST_ROWS]]


def read_draft(data: QueryDict, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The document a form stands for. From `stored` comes what the form does not hold: stand-ins on call, and the
    settings of channels whose kind it does not know.
    """
    typed = Typed(data)
    return {
        "enabled": typed.flag("enabled"),
        "timezone": typed.text("timezone"),
        "notifyOn": typed.many("notifyOn"),
        "openAfterSeconds": typed.whole("openAfterSeconds"),
        "quietHours": {
            "enabled": typed.flag("quietHours.enabled"),
            "mode": typed.text("quietHours.mode") or "defer",
            "windows": [_window(typed, path) for path in typed.rows("quietHours.windows")],
            "bypassSeverities": typed.many("quietHours.bypassSeverities"),
        },
        "channels": [_channel(typed, path, stored) for path in typed.rows("channels")],
        "onCall": [_rotation(typed, path, stored) for path in typed.rows("onCall")],
        "escalation": {
            "steps": [_step(typed, path) for path in typed.rows("escalation.steps")],
            "repeat": {
                "times": typed.whole("escalation.repeat.times"),
                "everyMinutes": typed.whole("escalation.repeat.everyMinutes"),
            },
        },
    }


def _window(typed: Typed, path: str) -> dict[str, Any]:
    return {
        "days": typed.many(f"{path}.days"),
        "start": typed.text(f"{path}.start")[:5],
        "end": typed.text(f"{path}.end")[:5],
    }


def _channel(typed: Typed, path: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    kind, key = typed.text(f"{path}.type"), typed.text(f"{path}.id")
    before = _by_id(stored.get("channels", ()), key)
    own = _settings(typed, path, kind, before if before.get("type") == kind else {}) if kind in ASKS else before
    common = {"id": key, "type": kind, "name": typed.text(f"{path}.name"), "enabled": typed.flag(f"{path}.enabled")}
    return own | common


def _settings(typed: Typed, path: str, kind: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """What a kind asks for; a secret that was left empty stays as it is in `before`."""
    found: dict[str, Any] = {}
    for ask in ASKS[kind]:
        name = f"{path}.{ask.name}"
        text = typed.text(name)
        if ask.shape == "list":
            found[ask.name] = [word.strip() for word in re.split(r"[,\n]", text) if word.strip()]
        elif ask.shape == "pairs":
            found[ask.name] = dict(_pair(line) for line in text.splitlines() if line.strip())
        elif ask.shape == "flag":
            found[ask.name] = typed.flag(name)
        elif ask.shape == "secret" and not text:
            found |= {ask.name: before[ask.name]} if before.get(ask.name) else {}
        elif text or ask.required:
            found[ask.name] = text
    return found


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _rotation(typed: Typed, path: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    key = typed.text(f"{path}.id")
    coverage = [_window(typed, row) for row in typed.rows(f"{path}.coverage")]
    return {
        "id": key,
        "timezone": typed.text(f"{path}.timezone") or typed.text("timezone"),
        "members": typed.many(f"{path}.members"),
        "startsOn": typed.text(f"{path}.startsOn"),
        "shiftDays": typed.whole(f"{path}.shiftDays"),
        "handoffTime": typed.text(f"{path}.handoffTime")[:5],
        "coverage": coverage or None,
        "overrides": _by_id(stored.get("onCall", ()), key).get("overrides", []),
    }


def _step(typed: Typed, path: str) -> dict[str, Any]:
    targets = [target.partition(":") for target in typed.many(f"{path}.targets")]
    return {
        "afterMinutes": typed.whole(f"{path}.afterMinutes"),
        "targets": [{"type": kind, "id": name} for kind, _, name in targets],
    }


def _by_id(items: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return dict(next((item for item in items if item.get("id") == key), {}))
