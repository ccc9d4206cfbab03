"""The agent at work: who it is at first and when that changes, what it does at every tick."""

from __future__ import annotations

import json
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dashmon_agent import VERSION
from dashmon_agent.machine import is_complete, static_facts
from dashmon_agent.metrics import Meter
from dashmon_agent.sending import SendingError, post
from dashmon_agent.settings import Settings, Target
from dashmon_agent.updating import UpdateError, agreed, fetched, put_in_place, start_anew

FIRST_WAIT_S = 5
RETRY_STATIC_S = 10
# Static facts are looked at again after this many ticks, within these bounds.
CHECK_TICKS, LEAST_CHECK_S, MOST_CHECK_S = 20, 10, 60
REFUSALS = 3
COMPLAIN_S = 60


class Channel:
    """One server, and what it has been told."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.told = ""  # the static facts it has, as text
        self.refusals = 0
        self._complained = -float(COMPLAIN_S)

    def send(self, name: str, document: dict[str, Any]) -> Any:
        """The answer to a report; None when it failed, which is told once a minute and otherwise forgotten."""
        try:
            answer = post(self.target, name, document)
        except SendingError as error:
            self.refusals = self.refusals + 1 if error.refused else 0
            if time.monotonic() - self._complained >= COMPLAIN_S:
                self._complained = time.monotonic()
                print(f"{name}: {error}", file=sys.stderr, flush=True)
            return None
        if self.refusals >= REFUSALS:
            self.told = ""  # it was gone for a while: perhaps it forgot
        self.refusals = 0
        return answer if answer is not None else {}


class Reporter:
    """Reports to every server at a fixed beat."""

    def __init__(self, settings: Settings, program: Path | None) -> None:
        self.settings = settings
        self.program = program
        self.channels = [Channel(target) for target in settings.targets]
        self.meter = Meter(tuple(settings.interfaces))
        self._pool = ThreadPoolExecutor(max_workers=len(self.channels))
        self._next_static = 0.0

    def run(self) -> None:
        """For ever. Ticks that a slow server has cost are left out, not made up for."""
        time.sleep(FIRST_WAIT_S)
        due = time.monotonic()
        while True:
            self.round()
            due += self.settings.interval_s
            late = time.monotonic() - due
            if late > 0:
                due += late - late % self.settings.interval_s
            time.sleep(max(0.0, due - time.monotonic()))

    def round(self) -> None:
        """One tick: static facts where they are owed, then the metrics, then an update if all agree on one."""
        if time.monotonic() >= self._next_static:
            self._tell_static()
        report = {
            "version": VERSION,
            "hostname": platform.node(),
            "timestamp": _now(),
            "metrics": self.meter.read(),
        }
        answers = list(self._pool.map(lambda channel: channel.send("metrics", report), self.channels))
        manifest = agreed([(answer or {}).get("update") for answer in answers])
        if manifest is not None and self.program is not None:
            self._become(manifest, answers, self.program)

    def _tell_static(self) -> None:
        facts = static_facts(self.settings.interval_s)
        text = json.dumps(facts, sort_keys=True)
        owed = [channel for channel in self.channels if channel.told != text]
        for channel in owed:
            if channel.send("static", {**facts, "timestamp": _now()}) is not None:
                channel.told = text
        settled = is_complete(facts) and all(channel.told == text for channel in self.channels)
        check = min(MOST_CHECK_S, max(LEAST_CHECK_S, CHECK_TICKS * self.settings.interval_s))
        self._next_static = time.monotonic() + (check if settled else RETRY_STATIC_S)

    def _become(self, manifest: dict[str, Any], answers: list[Any], program: Path) -> None:
        asking = next(
            channel.target
            for place, channel in enumerate(self.channels)
            if (answers[place] or {}).get("update") == manifest
        )
        try:
            put_in_place(fetched(manifest, asking), program)
        except UpdateError as error:
            print(f"update: {error}", file=sys.stderr, flush=True)
            return
        print(f"becoming {manifest['version']}", file=sys.stderr, flush=True)
        start_anew(program)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
