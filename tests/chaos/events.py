"""What happens to an installation: each event does its harm, lasts for a while, and puts right what it broke."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from tests.chaos.installation import LEASE_S, Embedded, Installation, ScaledOut, TargetProcess

FROZEN_S = LEASE_S + 3
CLOCK_STEP_S = 40.0


@dataclass
class Scene:
    """Whom it happens to, and what there is to remember about it."""

    target: TargetProcess
    dice: random.Random
    silent: list[tuple[int, int]] = field(default_factory=list)
    stops_s: list[float] = field(default_factory=list)
    full: list[dict] = field(default_factory=list)  # what /api/health said while the disk was full

    def nobody_answers(self) -> None:
        start = now_ms()
        self.target.ask("/mode/hole")
        time.sleep(15)
        self.target.ask("/mode/answer")
        # Checks that began before may have had to wait, and those that began at the end time out later.
        self.silent.append((start - 40_000, now_ms() + 20_000))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


Event = Callable[[Scene], None]


def events_of(installation: Installation) -> dict[str, Event]:
    """Every event that can happen to this installation, by name."""
    if isinstance(installation, ScaledOut):
        return _of_scaled_out(installation)
    assert isinstance(installation, Embedded)
    return _of_embedded(installation)


# --- One process -------------------------------------------------------------------------------------


def _of_embedded(house: Embedded) -> dict[str, Event]:
    def killed(scene: Scene) -> None:
        house.kill()
        time.sleep(scene.dice.uniform(0, 4))
        house.start()

    def stopped(scene: Scene) -> None:
        scene.stops_s.append(house.stop())
        house.start()

    def frozen(scene: Scene) -> None:
        house.signal(signal.SIGSTOP)
        time.sleep(FROZEN_S)
        house.signal(signal.SIGCONT)

    def disk_full(scene: Scene) -> None:
        with full(house.folder, house.process.pid):
            time.sleep(15)
            scene.full.append(house.health() or {})

    def clock_stepped(scene: Scene) -> None:
        house.clock.write_text(str(CLOCK_STEP_S))
        time.sleep(10)
        house.clock.write_text("0")
        time.sleep(CLOCK_STEP_S)

    return {
        "killed": killed,
        "stopped": stopped,
        "frozen past its lease": frozen,
        "disk full": disk_full,
        "clock forward and back": clock_stepped,
        "nobody answers": lambda scene: scene.nobody_answers(),
        "killed again": killed,
    }


@contextlib.contextmanager
def full(folder: Path, pid: int):
    """No room left below the folder: a small file system is filled up, else no file may grow (RLIMIT_FSIZE)."""
    if os.path.ismount(folder):
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        yield
        ballast.unlink()
        return
    process, size = psutil.Process(pid), (folder / "dashmon.sqlite3").stat().st_size
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (min(size, 64 * 1024), before[1]))
    yield
    process.rlimit(psutil.RLIMIT_FSIZE, before)


# --- Many processes ----------------------------------------------------------------------------------


def _kill(*processes: psutil.Process) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _kill_pool_processes(house: ScaledOut, scene: Scene) -> None:
    children = scene.dice.choice(house.workers()).children()
    _kill(*scene.dice.sample(children, min(2, len(children))))


def _stop_worker(house: ScaledOut, scene: Scene) -> None:
    """As orchestrators do it: ask, wait, kill. What counts is that its leases do not wait for the kill."""
    process = scene.dice.choice(house.workers())
    process.terminate()
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(10)
    _kill(process)


def _freeze_worker(house: ScaledOut, scene: Scene) -> None:
    group = scene.dice.choice(house.workers()).pid
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGSTOP)
        time.sleep(FROZEN_S)
        os.killpg(group, signal.SIGCONT)


def _kill_beats(house: ScaledOut, scene: Scene) -> None:
    _kill(*house.members("beat"))
    house.second_beat.kill()
    house.second_beat.wait()
    time.sleep(scene.dice.uniform(0, 3))
    house.start_beat()


def _restart_postgres(house: ScaledOut, scene: Scene, how: str) -> None:
    house.postgres.stop(how)
    time.sleep(scene.dice.uniform(0, 8))
    house.postgres.start()


def _restart_redis(house: ScaledOut, scene: Scene) -> None:
    house.redis.stop()
    time.sleep(scene.dice.uniform(5, 12))
    house.redis.start()


def _of_scaled_out(house: ScaledOut) -> dict[str, Event]:
    return {
        "worker killed": lambda scene: _kill(scene.dice.choice(house.workers())),
        "pool processes killed": partial(_kill_pool_processes, house),
        "worker stopped": partial(_stop_worker, house),
        "worker frozen past its lease": partial(_freeze_worker, house),
        "web killed": lambda scene: _kill(*house.members("dashmon.server")),
        "both beats killed": partial(_kill_beats, house),
        "connections terminated": lambda scene: house.postgres.terminate_backends(),
        "PostgreSQL restarted": partial(_restart_postgres, house, how="fast"),
        "PostgreSQL crashed": partial(_restart_postgres, house, how="immediate"),
        "Redis emptied": lambda scene: house.redis.flush(),
        "Redis gone for a while": partial(_restart_redis, house),
        "nobody answers": lambda scene: scene.nobody_answers(),
    }
