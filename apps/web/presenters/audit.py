"""The audit trail in words: `device.update` and its changes as a person would tell them."""

from dataclasses import dataclass
from typing import Any

from apps.audit.models import AuditEntry

PAST = {
    "create": "created",
    "update": "changed",
    "delete": "deleted",
    "pause": "paused",
    "resume": "resumed",
    "acknowledge": "acknowledged",
    "note": "added a note to",
    "resolve": "resolved",
    "invite": "invited",
    "remove": "took the seat of",
    "role": "gave another role to",
    "scope": "changed the projects of",
    "cancel": "withdrew the invitation of",
    "revoke": "revoked",
    "maintenance": "set maintenance for",
    "set": "set",
    "settings": "changed the settings of",
    "clear": "cleared",
}


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the trail."""

    entry: AuditEntry
    verb: str
    noun: str
    changes: str


def line(entry: AuditEntry) -> AuditLine:
    """An entry as actor, verb, noun and subject; unknown verbs are shown as they are."""
    noun, _, verb = entry.verb.rpartition(".")
    said = "" if noun == entry.subject else noun.replace(".", " ")
    return AuditLine(entry, PAST.get(verb, verb.replace("_", " ")), said, _changes(entry.changes))


def _changes(changes: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {_value(value)}" for name, value in changes.items())


def _value(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
