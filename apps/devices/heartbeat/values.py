"""The values the heartbeat machine works on; all frozen, all instants in UTC and whole milliseconds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec

Kind = Literal["success", "start", "fail", "log", "exit"]
Effect = Literal["success", "start", "fail", "log", "ignored"]
Phase = Literal["new", "up", "down", "paused"]
Shown = Literal["new", "up", "late", "down", "paused"]
Reason = Literal["signal", "fail", "timeout", "overrun", "late", "settings"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Substrings that turn a bare signal into another one; empty tuples do not take part."""

    start: tuple[str, ...] = ()
    success: tuple[str, ...] = ()
    failure: tuple[str, ...] = ()
    unmatched_is_failure: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Filters":
        """Read the comma-separated lists of a stored `filters` object."""
        return cls(
            start=_words(document.get("start")),
            success=_words(document.get("success")),
            failure=_words(document.get("failure")),
            unmatched_is_failure=bool(document.get("unmatchedIsFailure")),
        )

    def __bool__(self) -> bool:
        return bool(self.start or self.success or self.failure)


@dataclass(frozen=True, slots=True)
class HeartbeatConfig:
    """How a heartbeat is expected: every `interval`, or by a cron schedule; `grace` before it is down."""

    mode: Literal["interval", "cron"] = "interval"
    interval: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(minutes=5)
    schedule: str = ""
    timezone: str = "UTC"
    post_only: bool = False
    manual_resume: bool = False
    filters: Filters = Filters()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "HeartbeatConfig":
        """Read a stored heartbeat-config document; absent keys take the defaults of the contract."""
        return cls(
            mode="cron" if document.get("mode") == "cron" else "interval",
            interval=timedelta(seconds=document.get("intervalSeconds") or 3600),
            grace=timedelta(seconds=document.get("graceSeconds") or 300),
            schedule=document.get("schedule") or "",
            timezone=document.get("timezone") or "UTC",
            post_only=document.get("methods") == "post",
            manual_resume=bool(document.get("manualResume")),
            filters=Filters.parse(document.get("filters") or {}),
        )

    @staticmethod
    @lru_cache(maxsize=4096)
    def read(text: str | None) -> "HeartbeatConfig":
        """`parse` for the text of the document: many jobs share one, and a job's stays as it is for months."""
        return HeartbeatConfig.parse(json.loads(text or "null") or {})


class HeartbeatState(msgspec.Struct, frozen=True, rename="camel"):
    """The stored half of the machine: all it has to remember between signals.

    A structure rather than a data class: every signal reads one, changes it and writes it back.
    """

    phase: Phase = "new"
    late: bool = False  # only ever while up: the expected instant has passed
    last_signal_at: datetime | None = None  # the last success or fail
    last_duration_ms: int | None = None
    started_at: datetime | None = None  # of the run in progress
    start_rid: str | None = None
    # The newest instant taken into account: what arrives with an older stamp counts as of now.
    settled_at: datetime | None = None

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "HeartbeatState":
        """Read what `to_dict` wrote; an empty mapping is a heartbeat that never had a signal."""
        return msgspec.convert(stored, cls)

    def to_dict(self) -> dict[str, Any]:
        """A JSON document; instants in ISO 8601."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    @classmethod
    def read(cls, text: str) -> "HeartbeatState":
        """Read the text of the JSON document."""
        return _decoder.decode(text)

    def spelled(self) -> str:
        """The text of the JSON document."""
        return msgspec.json.encode(self).decode()

    @property
    def shown(self) -> Shown:
        return "late" if self.late else self.phase


_decoder = msgspec.json.Decoder(HeartbeatState)


class Signal(msgspec.Struct, frozen=True):
    """What a job said at one instant. `kind` exit carries its status in `exit_code`."""

    at: datetime
    kind: Kind = "success"
    rid: str | None = None  # pairs a start with its end
    exit_code: int | None = None
    duration_ms: int | None = None  # as the job measured it
    method: str = "POST"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of what is shown, dated to the instant that proves it, not to the sweep that saw it.

    `late` (reason late) and the way back from it are flips too, so that every change of the device's
    status has one; the contract's own list of flips tells no late from up.
    """

    at: datetime
    before: Shown
    after: Shown
    reason: Reason


class Recorded(msgspec.Struct, frozen=True):
    """What became of a signal: its effect, the instant it counts for, and the run's duration if known."""

    effect: Effect
    at: datetime
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Display:
    """A heartbeat as people and programs see it at one instant."""

    state: Shown
    running: bool
    last_signal_at: datetime | None
    last_duration_ms: int | None
    next_expected_at: datetime | None
    down_at: datetime | None


def _words(text: Any) -> tuple[str, ...]:
    return tuple(word for part in str(text or "").split(",") if (word := part.strip()))
