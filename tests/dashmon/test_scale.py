"""`make scale`: what it starts, that it keeps it running, and that one Ctrl-C stops everything."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dashmon.celery import QUEUES
from dashmon.scale import EVERY_QUEUE, commands, missing, queues_of
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
CREW = """
import sys
from dashmon import scale
scale.STOP_S = 2.0
obedient = "import time; time.sleep(600)"
stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); " + obedient
scale.Crew({name: [sys.executable, "-c", {"deaf": stubborn}.get(name, obedient)] for name in sys.argv[1:]}).run()
"""


def crew(*names: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", CREW, *names], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert eventually(lambda: len(children(process)) == len(names))
    return process


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ["DATABASE_URL", "REDIS_URL"]),
        ({"DATABASE_URL": "postgres://x/y", "REDIS_URL": ""}, ["REDIS_URL"]),
        ({"DATABASE_URL_FILE": "/run/secrets/database", "REDIS_URL": "redis://x"}, []),
    ],
)
def test_both_stores_must_be_named(environment, names) -> None:
    assert missing(environment) == names


def test_without_stores_it_says_what_to_set_and_starts_nothing(tmp_path) -> None:
    environment = os.environ | {"DATABASE_URL": "", "REDIS_URL": "", "DASHMON_DATA_DIR": str(tmp_path / "data")}

    done = subprocess.run(
        [sys.executable, "-m", "dashmon.scale"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "DATABASE_URL and REDIS_URL must be set" in done.stderr
    assert "make run" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_database_that_cannot_be_reached_is_said_in_one_line(tmp_path) -> None:
    environment = os.environ | {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DASHMON_DATA_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-m", "dashmon.scale"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "scale: the database cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_checks_have_a_worker_of_their_own_as_soon_as_there_are_two() -> None:
    assert queues_of(1, 1) == EVERY_QUEUE
    assert set(EVERY_QUEUE.split(",")) == set(QUEUES)
    assert [queues_of(number, 3) for number in (1, 2, 3)] == ["checks", EVERY_QUEUE, EVERY_QUEUE]


def test_it_starts_what_the_compose_file_starts() -> None:
    lines = commands(2)

    assert list(lines) == ["web", "worker-1", "worker-2", "beat"]
    assert len({line[line.index("-n") + 1] for name, line in lines.items() if name.startswith("worker")}) == 2
    assert all(line[0] == sys.executable for line in lines.values())


def test_what_dies_is_started_again() -> None:
    process = crew("web", "worker")
    victim = children(process)[0]

    victim.kill()

    assert eventually(lambda: len(children(process)) == 2 and victim not in children(process))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything_and_kills_what_does_not_hear(how) -> None:
    process = crew("web", "deaf")
    assert eventually(lambda: process.stdout.readline().strip() == "deaf")
    family = children(process)

    process.send_signal(how)

    assert process.wait(30) == 0
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family)
    said = process.stdout.read()
    assert "deaf did not stop within 2 s and is killed" in said
    assert "web did not stop" not in said


def test_nobody_outlives_a_parent_that_is_killed() -> None:
    process = crew("web", "worker")
    family = children(process)

    process.kill()
    process.wait()

    assert eventually(lambda: not any(child.is_running() for child in family))
