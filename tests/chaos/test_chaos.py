"""Whatever happens, each due slot is stored once or recorded as not measured; none twice, none lost, none untrue.

`make chaos`; CHAOS_MINUTES of harm (3), CHAOS_MONITORS (300), CHAOS_SEED (made up and printed).
"""

import itertools
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.events import Scene, events_of, now_ms
from tests.chaos.installation import STARTED_S, Embedded, Installation, ScaledOut, TargetProcess
from tests.chaos.report import Report, compare, told_slots

MINUTES = float(os.environ.get("CHAOS_MINUTES", "3"))
MONITORS = int(os.environ.get("CHAOS_MONITORS", "300"))
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
HOLES = max(1, MONITORS // 100)
SETTLED_S = 120
STOPPED_S = 8
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.chaos,
    pytest.mark.timeout(MINUTES * 60 + 3 * SETTLED_S + 4 * STARTED_S),
]


@pytest.fixture
def target() -> Iterator[TargetProcess]:
    process = TargetProcess()
    yield process
    process.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the data folder where mounting is allowed, else a folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "dashmon-chaos", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def waits_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(2)
    return False


def suffers(installation: Installation, scene: Scene) -> None:
    """Events in shuffled rounds, each at least once however short the time, with moments of peace between them."""
    events = events_of(installation)
    end = time.monotonic() + MINUTES * 60
    for turn in itertools.count():
        names = scene.dice.sample(sorted(events), len(events))
        for name in names:
            if turn and time.monotonic() > end:
                return
            print(f"  {time.strftime('%H:%M:%S')} {name}", flush=True)
            events[name](scene)
            time.sleep(scene.dice.uniform(1, max(2.0, 60 * MINUTES / len(events) / 4)))


def is_told(told: dict, start_ms: int, end_ms: int) -> bool:
    return not compare_all(told, {}, start_ms, end_ms, []).lost


def compare_all(told: dict, seen: dict, start_ms: int, end_ms: int, silent: list[tuple[int, int]]) -> Report:
    for name, monitor in told["monitors"].items():
        monitor["hole"] = int(name) < HOLES
    return compare(told, seen, start_ms, end_ms, silent=silent)


def survives(installation: Installation, target: TargetProcess) -> Scene:
    """Monitors are watched through everything that can happen, then counted."""
    scene = Scene(target, random.Random(SEED))
    print(f"\n{type(installation).__name__}: CHAOS_SEED={SEED} CHAOS_MONITORS={MONITORS} CHAOS_MINUTES={MINUTES:g}")
    installation.run("tests.chaos.monitors", str(target.port), str(MONITORS), str(HOLES))
    installation.start()
    installation.wait_until_healthy()
    assert waits_for(lambda: sum(map(len, target.seen()["seen"].values())) > MONITORS // 10, STARTED_S)
    start_ms = now_ms()
    suffers(installation, scene)
    installation.wait_until_healthy()
    end_ms = now_ms()
    waits_for(lambda: is_told(installation.told(), start_ms, end_ms), SETTLED_S)
    told, seen = installation.told(), target.seen()["seen"]
    report = compare_all(told, seen, start_ms, end_ms, scene.silent)
    print(report.table(type(installation).__name__), flush=True)
    print(f"stops took {', '.join(f'{took:.1f}' for took in scene.stops_s)} s", flush=True)
    assert report.due > MONITORS
    assert report.measured > report.due / 4
    assert (report.lost, report.doubled, report.invented) == ([], [], [])
    assert (report.untrue, report.unasked) == ([], [])
    assert all(took < STOPPED_S for took in scene.stops_s)
    return scene


def test_one_process_on_sqlite_survives(small_disk: Path, target: TargetProcess) -> None:
    installation = Embedded(small_disk)
    try:
        scene = survives(installation, target)
        assert installation.stop() < STOPPED_S
    finally:
        installation.close()
    with sqlite3.connect(small_disk / "dashmon.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert scene.full
    assert all(told_slots is not None for _ in scene.full)


def test_web_workers_and_beats_on_postgresql_and_redis_survive(tmp_path: Path, target: TargetProcess) -> None:
    installation = ScaledOut(tmp_path / "data")
    try:
        survives(installation, target)
        assert installation.stop() < STOPPED_S + 2
    finally:
        installation.close()
