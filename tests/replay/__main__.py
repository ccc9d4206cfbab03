"""Replay every vector file of a folder: `python -m tests.replay DIR`."""

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import django

from tests.perf.database import fresh_database

Replay = Callable[[dict[str, Any], dict[str, Any]], None]
Split = Callable[[dict[str, Any]], list[dict[str, Any]]]

MODULES = (
    "heartbeat",
    "assertions",
    "alert_rules",
    "alert_routing",
    "dash_alerts",
    "dash_channels",
    "dash_nodes",
    "nezha_alert_rules",
    "nezha_notifications",
    "dockstat_template",
    "rollups",
    "uptime",
    "permissions",
    "dash_traffic",
    "dash_themes",
    "dash_http",
)
FAILED, UNUSABLE = 1, 2


def replays() -> dict[str, Replay]:
    """Every known file stem and the function that replays one of its cases."""
    known: dict[str, Replay] = {}
    for name in MODULES:
        if importlib.util.find_spec(f"tests.replay.{name}"):
            known |= importlib.import_module(f"tests.replay.{name}").CASES
    return known


def splits() -> dict[str, Split]:
    """File stems whose documents are no plain list of `cases`, and the function that lists theirs."""
    known: dict[str, Split] = {}
    for name in MODULES:
        if importlib.util.find_spec(f"tests.replay.{name}"):
            known |= getattr(importlib.import_module(f"tests.replay.{name}"), "SPLITS", {})
    return known


def needs_database(stem: str) -> bool:
    """Whether the cases of a file are requests to an installation."""
    modules = [name for name in MODULES if importlib.util.find_spec(f"tests.replay.{name}")]
    return any(
        stem in getattr(importlib.import_module(f"tests.replay.{name}"), "NEEDS_DATABASE", ()) for name in modules
    )


def cases_of(stem: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every case of one file, in its order."""
    split = splits().get(stem)
    return split(document) if split is not None else list(document["cases"])


def run(folder: Path) -> int:
    """Replay the folder and print what came of it; 0 all passed, 1 failures, 2 nothing to go by."""
    files, known = sorted(folder.glob("*.json")), replays()
    unknown = [file.name for file in files if file.stem not in known]
    if not files or unknown:
        print("\n".join(f"{name}: unknown vector file" for name in unknown) or f"{folder}: no vector files")
        return UNUSABLE
    passed = failed = 0
    for file in files:
        document = json.loads(file.read_text(encoding="utf-8"))
        cases = cases_of(file.stem, document)
        with fresh_database() if needs_database(file.stem) else nullcontext():
            faults = faults_of(document, cases, known[file.stem])
        count = len(cases)
        passed, failed = passed + count - len(faults), failed + len(faults)
        lines = [f"  {name}: {fault}" for name, fault in faults.items()]
        summary = f"{file.stem}: {count - len(faults)} passed, {len(faults)} failed"
        print("\n".join([summary, *lines]))
    print(f"{passed} passed, {failed} failed")
    return FAILED if failed else 0


def faults_of(document: dict[str, Any], cases: list[dict[str, Any]], replay: Replay) -> dict[str, str]:
    """The cases that differ, and how; an exception is a difference too."""
    faults: dict[str, str] = {}
    for index, case in enumerate(cases):
        try:
            replay(document, case)
        except Exception as error:  # noqa: BLE001  # the edge of a process: one broken case must not hide the rest
            faults[str(case.get("id", index))] = f"{type(error).__name__}: {error}"
    return faults


def main(arguments: list[str]) -> int:
    """Set Django up and replay the folder named on the command line."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tests.replay DIR")
        return UNUSABLE
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    django.setup()
    return run(Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
