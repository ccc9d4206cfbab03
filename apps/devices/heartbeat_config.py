"""The heartbeat-config document: when a job's signals are expected (contract Dashmon 6.3)."""

from collections.abc import Mapping
from typing import Any

from apps.common.errors import InvalidInputError
from apps.devices import cron
from apps.devices.documents import Document

SECONDS = (10, 31_536_000)
MAX_FILTER = 200

# What GET shows beside the configuration; a client that sends back what it read changes nothing by them.
SHOWN_ONLY = ("token", "webhookUrl", "tokenCreatedAt", "redacted")


def normalise(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with every default filled in; storing its own result again changes nothing.

    A wrapping `config` is accepted. `regenerateToken` is checked but not part of the result: see
    `wants_new_token`. InvalidInputError lists every bad field by path (`schedule`, `filters.start`).
    """
    root = Document(_unwrapped(document))
    low, high = SECONDS
    mode = root.choice("mode", ("interval", "cron"), default="interval")
    cron_mode = mode == "cron"
    result = {
        "mode": mode,
        # A cron client may say null: the interval plays no part then.
        "intervalSeconds": root.whole("intervalSeconds", default=3600, low=low, high=high, nullable=cron_mode) or 3600,
        "graceSeconds": root.whole("graceSeconds", default=300, low=low, high=high),
        "schedule": root.text("schedule", default=None, longest=cron.MAX_LENGTH, nullable=True),
        "timezone": root.text("timezone", default="UTC", longest=64),
        "methods": root.choice("methods", ("any", "post"), default="any"),
        "manualResume": root.flag("manualResume", default=False),
        "filters": _filters(root),
    }
    root.flag("regenerateToken", default=False)
    for name in SHOWN_ONLY:
        root.raw(name)
    _check_schedule(root, result)
    root.finish()
    return result


def wants_new_token(document: Mapping[str, Any]) -> bool:
    """Whether the document asks for a fresh token; only a literal true does."""
    return _unwrapped(document).get("regenerateToken") is True


def _unwrapped(document: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = document.get("config")
    if not isinstance(inner, Mapping):
        return document
    # The shape of GET: the configuration in `config`, and a `state` nobody can set.
    rest = {key: value for key, value in document.items() if key not in ("config", "state")}
    return {**rest, **inner}


def _filters(root: Document) -> dict[str, Any]:
    with root.part("filters") as filters:
        return {
            "start": filters.text("start", default="", longest=MAX_FILTER),
            "success": filters.text("success", default="", longest=MAX_FILTER),
            "failure": filters.text("failure", default="", longest=MAX_FILTER),
            "unmatchedIsFailure": filters.flag("unmatchedIsFailure", default=False),
        }


def _check_schedule(root: Document, result: Mapping[str, Any]) -> None:
    schedule, zone = result["schedule"], result["timezone"]
    if schedule is None and result["mode"] == "cron":
        root.fault("schedule", "A cron heartbeat needs a schedule.")
    if not cron.known_zone(zone):
        root.fault("timezone", "Not a known IANA time zone.")
    elif schedule is not None:
        try:
            cron.validate(schedule, zone)
        except InvalidInputError as error:
            root.fault("schedule", error.message)
