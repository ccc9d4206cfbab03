"""`python -m dashmon.scale --workers 3`: web, Celery workers and the beat as plain processes under one parent.

The same topology as docker-compose.yml. Whatever dies is started again; one Ctrl-C or SIGTERM stops everything, and
what has not stopped in time is killed, which its leases survive.
"""

import argparse
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("DATABASE_URL", "REDIS_URL")
EVERY_QUEUE = "checks,metrics,notifications,default"
STOP_S = 8.0
LOOK_S = 0.2
STEADY_S = 60.0
LONGEST_PAUSE_S = 30.0
PR_SET_PDEATHSIG = 1


def missing(environment: dict[str, str]) -> list[str]:
    """Which of the two stores nobody named, by `<NAME>` or `<NAME>_FILE`."""
    return [name for name in NEEDED if not (environment.get(name) or environment.get(f"{name}_FILE"))]


def queues_of(number: int, workers: int) -> str:
    """What worker `number` of `workers`, counted from 1, takes.

    The first of several takes checks alone, so that no check waits behind a message; the others take everything, so
    that no worker is missed while it restarts.
    """
    return "checks" if number == 1 and workers > 1 else EVERY_QUEUE


def commands(workers: int) -> dict[str, list[str]]:
    """The command line of each process, by its name."""
    celery = [sys.executable, "-m", "celery", "-A", "dashmon"]
    quiet = ["--loglevel", "info", "--without-gossip", "--without-mingle"]
    lines = {"web": [sys.executable, "-m", "dashmon.server"]}
    for number in range(1, workers + 1):
        name = f"worker-{number}"
        lines[name] = [*celery, "worker", "-n", f"{name}@%h", "-Q", queues_of(number, workers), *quiet]
    schedule = Path(os.environ.get("DASHMON_DATA_DIR") or ROOT / "data") / "beat"
    lines["beat"] = [*celery, "beat", "--loglevel", "info", "--schedule", str(schedule), "--pidfile="]
    return lines


@dataclass
class Child:
    """One process of the crew; started again when it dies, after pauses that grow while it keeps dying."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = 0.5
    due_at: float = field(default=0.0)

    def start(self) -> None:
        # A session of its own: a terminal's Ctrl-C reaches the parent alone, which then stops everybody once.
        self.process = subprocess.Popen(  # noqa: S603  # our own modules
            list(self.command),
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # the parent has one thread
        )
        self.started_at = time.monotonic()
        _say(f"{self.name} started, process {self.process.pid}")

    def look(self) -> None:
        """Start what died, once its pause is over."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due_at:
                self.start()
        elif (code := self.process.poll()) is not None:
            self.process = None
            self.pause_s = 0.5 if now - self.started_at > STEADY_S else min(LONGEST_PAUSE_S, self.pause_s * 2)
            self.due_at = now + self.pause_s
            _say(f"{self.name} ended with status {code}, starting it again in {self.pause_s:g} s")

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.is_running:
            self.process.send_signal(number)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Crew:
    """All processes of one machine."""

    def __init__(self, lines: dict[str, list[str]]) -> None:
        self.children = [Child(name, command) for name, command in lines.items()]
        self.stopping = False

    def run(self) -> None:
        """Keep everybody running until told to stop, then stop everybody."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        try:
            while not self.stopping:
                for child in self.children:
                    child.look()
                time.sleep(LOOK_S)
        finally:
            self._close()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _close(self) -> None:
        _say("stopping")
        for child in self.children:
            child.signal(signal.SIGTERM)
        end = time.monotonic() + STOP_S
        while (late := [child for child in self.children if child.is_running]) and time.monotonic() < end:
            time.sleep(0.05)
        for child in late:
            _say(f"{child.name} did not stop within {STOP_S:g} s and is killed")
            child.signal(signal.SIGKILL)
        _say("stopped")


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM should the parent be killed (Linux; elsewhere the processes stay)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _bring_up_to_date() -> None:
    """Apply missing migrations before anybody needs the tables."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    import django

    django.setup()
    from django.db import Error

    from apps.operations.database import bring_up_to_date

    try:
        bring_up_to_date()
    except Error as error:
        sys.exit(f"scale: the database cannot be used: {error}")


def _say(words: str) -> None:
    print(f"scale: {words}", flush=True)  # noqa: T201  # a terminal


def main(arguments: list[str]) -> int:
    """Run until stopped; 2 when an address is missing or the number of workers makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m dashmon.scale", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--workers", type=int, default=2, help="how many Celery workers (default 2)")
    workers = parser.parse_args(arguments).workers
    if workers < 1:
        parser.error("--workers must be at least 1")
    if names := missing(dict(os.environ)):
        parser.error(
            f"{' and '.join(names)} must be set, for example "
            "DATABASE_URL=postgres://dashmon@127.0.0.1/dashmon REDIS_URL=redis://127.0.0.1:6379/0; "
            "without them Dashmon is one process: make run"
        )
    # In a process of its own: the parent keeps no connection and no thread.
    preparing = multiprocessing.get_context("spawn").Process(target=_bring_up_to_date)
    preparing.start()
    preparing.join()
    if preparing.exitcode:
        return 1
    Crew(commands(workers)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
