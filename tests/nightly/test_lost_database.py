"""PostgreSQL stopped and crashed under load: everybody hears so at once, and nothing that was taken is lost."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.events import now_ms
from tests.chaos.installation import Embedded, Installation, TargetProcess
from tests.chaos.report import compare
from tests.chaos.stores import Postgres
from tests.nightly.jobs import Jobs
from tests.nightly.kept import judge
from tests.nightly.machines import Fleet, Told
from tests.nightly.visitors import Visitors
from tests.waiting import eventually

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]
NODES, JOBS, MONITORS = 40, 8, 60
# Balancers wait for five seconds, agents for ten.
SOON_S, BACK_S = 5.5, 10.0
Span = tuple[float, float]


class OneProcess(Embedded):
    """A server with its background on a PostgreSQL of its own."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres()
        Installation.__init__(self, folder, self.postgres.url)
        self.process = None
        self.postgres.create()

    def close(self) -> None:
        super().close()
        self.postgres.remove()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[OneProcess]:
    house = OneProcess(tmp_path / "data")
    yield house
    house.close()


@pytest.fixture
def target() -> Iterator[TargetProcess]:
    process = TargetProcess()
    yield process
    process.close()


class Load:
    """Agents, jobs and somebody with pages open."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.made = json.loads(house.run("tests.nightly.outside", "make", str(NODES), str(JOBS)))
        home = f"/app/w/{self.made['slug']}"
        paths = [f"{home}/", f"{home}/nodes/", f"{home}/nodes/1", "/operator/", "/status/shop", "/api/health"]
        headers = {"Host": f"127.0.0.1:{house.port}", "Cookie": self.made["cookie"]}
        self.fleet = Fleet(house.port, self.made["secrets"], interval_s=1.0)
        self.jobs = Jobs(house.port, self.made["tokens"])
        self.visitors = Visitors(house.port, paths, headers)

    def start(self) -> None:
        for each in (self.fleet, self.jobs, self.visitors):
            each.start()

    def end(self) -> None:
        for each in (self.visitors, self.jobs, self.fleet):
            each.end()

    @property
    def senders(self) -> list[Told]:
        return [each.told for each in (*self.fleet.machines, *self.jobs.jobs)]

    def judge(self) -> int:
        """Hold what is kept against what was told; how much was kept."""
        kept = json.loads(self.house.run("tests.nightly.outside", "kept"))
        pairs: list[tuple[int, Any, dict[str, Any]]] = [
            *zip(self.made["nodes"], self.fleet.machines, [kept["reports"]] * NODES, strict=True),
            *zip(self.made["jobs"], self.jobs.jobs, [kept["signals"]] * JOBS, strict=True),
        ]
        total = 0
        for key, sender, found in pairs:
            mine = {int(number): times for number, times in found.get(str(key), {}).items()}
            total += judge(key, mine, sender.told)
        return total

    def asked_in(self, span: Span) -> list[tuple[float, int]]:
        """Seconds and status of what was sent and answered in that time."""
        every = (answer for told in self.senders for answer in told.answers)
        return [(took, status) for asked, took, status in every if span[0] <= asked and asked + took < span[1]]

    def looked_in(self, span: Span) -> dict[str, list[tuple[float, int]]]:
        """Likewise, of pages."""
        return {
            path: [(took, status) for asked, took, status in seen if span[0] <= asked and asked + took < span[1]]
            for path, seen in self.visitors.seen.items()
        }


def gone(house: OneProcess, how: str, seconds: float) -> Span:
    """Take the database away for so long; the time in which it was surely not there."""
    house.postgres.stop(how)
    began = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    house.postgres.start()
    return began, ended


def shown(load: Load, span: Span) -> Iterator[tuple[str, list[object]]]:
    """What was heard in that time: how many answers, the longest and the usual wait in seconds, and the statuses."""
    for name, found in {"sent": load.asked_in(span), **load.looked_in(span)}.items():
        waits = sorted(took for took, _ in found)
        words = [len(found), f"{waits[-1]:.2f}", f"{waits[len(waits) // 2]:.2f}"] if found else ["nothing"]
        yield name, [*words, sorted({status for _, status in found})]


def refused_soon(load: Load, span: Span) -> None:
    """Everybody hears 503 at once, and when to come again; nobody waits and nobody is told anything else."""
    sent, looked = load.asked_in(span), load.looked_in(span)
    assert {status for _, status in sent} == {503}
    assert max(took for took, _ in sent) < SOON_S
    for path, looks in looked.items():
        # A status page that was rendered before is shown for some seconds more.
        known = {200, 503} if path.startswith("/status/") else {503}
        assert looks, path
        assert {status for _, status in looks} <= known, (path, looks)
        assert max(took for took, _ in looks) < SOON_S, (path, looks)


def well_again(load: Load) -> float:
    """Everything is answered again by itself; the seconds until then."""
    began = time.monotonic()

    def is_well() -> bool:
        span = (time.monotonic() - 2.5, time.monotonic())
        sent = [status for _, status in load.asked_in(span)]
        looked = [status for looks in load.looked_in(span).values() for _, status in looks]
        return len(sent) > NODES and len(looked) > 6 and {*sent, *looked} == {200}

    assert eventually(is_well, BACK_S), list(shown(load, (time.monotonic() - 10, time.monotonic())))
    return time.monotonic() - began


def test_a_postgresql_that_goes_away_costs_nobody_anything(house: OneProcess, target: TargetProcess) -> None:
    house.run("tests.chaos.monitors", str(target.port), str(MONITORS), "1")
    load = Load(house)
    house.start()
    house.wait_until_healthy()
    load.start()
    well_again(load)
    start_ms, spans, took = now_ms(), list[Span](), list[float]()
    for how, seconds in (("fast", 12.0), ("immediate", 15.0), ("immediate", 0.0), ("fast", 45.0)):
        spans.append(gone(house, how, seconds))
        took.append(well_again(load))
        time.sleep(5)
    end_ms = now_ms()
    time.sleep(15)
    load.end()
    house.stop()
    kept = load.judge()
    told = house.told()
    for name, monitor in told["monitors"].items():
        monitor["hole"] = name == "0"
    report = compare(told, target.seen()["seen"], (start_ms, end_ms), silent=[])
    print(report.table(f"PostgreSQL away: {kept} reports and signals kept, well again after {took} s"), flush=True)

    for span in spans:
        if span[1] - span[0] > 1:
            print(*(f"{name}: {', '.join(map(str, found))}" for name, found in shown(load, span)), sep="\n", flush=True)
            refused_soon(load, span)
    assert {answer for told in load.senders for answer in told.retry_after} <= {"3", "5"}
    assert (report.lost, report.doubled, report.invented, report.untrue, report.unasked) == ([], [], [], [], [])
    assert report.not_measured, "what did not run is to be told"
