"""PostgreSQL stopped and crashed under load: everybody hears so at once, and nothing that was taken is lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.events import now_ms
from tests.chaos.installation import TargetProcess
from tests.chaos.report import compare
from tests.nightly.load import Load, OneProcess, Span, shown, well_again

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]
MONITORS = 60
# Balancers wait for five seconds, agents for ten.
SOON_S, BACK_S = 5.5, 10.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[OneProcess]:
    house = OneProcess(tmp_path / "data")
    yield house
    house.close()


def gone(house: OneProcess, how: str, seconds: float) -> Span:
    """Take the database away for so long; the time in which it was surely not there."""
    house.postgres.stop(how)
    began = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    house.postgres.start()
    return began, ended


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


def test_a_postgresql_that_goes_away_costs_nobody_anything(house: OneProcess, target: TargetProcess) -> None:
    house.run("tests.chaos.monitors", str(target.port), str(MONITORS), "1")
    load = Load(house)
    house.start()
    house.wait_until_healthy()
    load.start()
    well_again(load, 60)
    start_ms, spans, took = now_ms(), list[Span](), list[float]()
    for how, seconds in (("fast", 12.0), ("immediate", 15.0), ("immediate", 0.0), ("fast", 45.0)):
        spans.append(gone(house, how, seconds))
        took.append(well_again(load, BACK_S))
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
