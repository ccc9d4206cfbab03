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
from tests.chaos.report import Report, compare

MINUTES = float(os.environ.get("CHAOS_MINUTES", "3"))
MONITORS = int(os.environ.get("CHAOS_MONITORS", "300"))
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
HOLES = max(1, MONITORS // 100)
SETTLED_S, RECOVERED_S, CALM_S = 120, 40, 15
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


def told_by(installation: Installation) -> dict:
    told = installation.told()
    for name, monitor in told["monitors"].items():
        monitor["hole"] = int(name) < HOLES
    return told


def counted(installation: Installation, scene: Scene, span: tuple[int, int]) -> Report:
    """Wait until everything that was due is told, then compare, and print what came out."""
    waits_for(lambda: not compare(told_by(installation), {}, span, silent=[]).lost, SETTLED_S)
    report = compare(told_by(installation), scene.target.seen()["seen"], span, silent=scene.silent)
    print(report.table(type(installation).__name__), flush=True)
    return report


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
    time.sleep(RECOVERED_S)
    calm_ms = now_ms()
    time.sleep(CALM_S)
    report = counted(installation, scene, (start_ms, now_ms()))
    assert (report.lost, report.doubled, report.invented) == ([], [], [])
    assert (report.untrue, report.unasked) == ([], [])
    assert all(took < STOPPED_S for took in scene.stops_s)
    calm = compare(told_by(installation), scene.target.seen()["seen"], (calm_ms, calm_ms + CALM_S * 1000), silent=[])
    assert calm.measured > 0.99 * calm.due > 0
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
    # With a full disk it still answers, and says how late the schedule is.
    assert scene.full
    assert all(said["checks"]["scheduler"]["lagMs"] > 5000 for said in scene.full)


def test_web_workers_and_beats_on_postgresql_and_redis_survive(tmp_path: Path, target: TargetProcess) -> None:
    installation = ScaledOut(tmp_path / "data")
    try:
        survives(installation, target)
        assert installation.stop() < STOPPED_S + 2
    finally:
        installation.close()
