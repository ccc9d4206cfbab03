"""Five thousand monitors every twenty seconds with pages open, counted at their targets: each due check once.

MANY_MONITORS (5000), MANY_MINUTES (2). The background runs as it likes: at this rate in a process of its own.
"""

import json
import os
import time
from collections import Counter

import psutil
import pytest

from tests.chaos.events import now_ms
from tests.chaos.installation import Embedded, TargetProcess
from tests.chaos.report import UNKNOWN, compare
from tests.nightly.visitors import Visitors

MONITORS = int(os.environ.get("MANY_MONITORS", "5000"))
MINUTES = float(os.environ.get("MANY_MINUTES", "2"))
EVERY_S, WARM_S = 20, 40
PLACES = 256  # of the engine: checks that can be under way
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(MINUTES * 60 + 900)]


def visitors_of(house: Embedded) -> Visitors:
    """Somebody who has the pages of this very workspace open: those of five thousand monitors."""
    made = json.loads(house.run("tests.nightly.outside", "look"))
    home = f"/app/w/{made['slug']}"
    paths = [f"{home}/", f"{home}/monitors/", f"{home}/monitors/{made['monitor']}", f"{home}/incidents/", "/operator/"]
    return Visitors(house.port, paths, {"Host": f"127.0.0.1:{house.port}", "Cookie": made["cookie"]})


def looked(looks: list[tuple[float, float, int]]) -> list[object]:
    """How often each status was there, and the milliseconds of the median, of 95 % and of all."""
    waits = sorted(took for _, took, _ in looks)
    parts = [round(1000 * waits[min(len(waits) - 1, int(share * len(waits)))]) for share in (0.5, 0.95, 1)]
    return [dict(Counter(status for *_, status in looks)), *parts]


def used_s(house: Embedded) -> tuple[float, float]:
    """Processor time of the server and of what it started, and the time on the wall."""
    server = psutil.Process(house.process.pid)
    family = [server, *server.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family), time.monotonic()


def test_each_due_check_is_run_once_while_people_look(house: Embedded, target: TargetProcess) -> None:
    house.run("tests.chaos.monitors", str(target.port), str(MONITORS), "0", "0", str(EVERY_S))
    visitors = visitors_of(house)
    house.start()
    house.wait_until_healthy()
    time.sleep(WARM_S)
    visitors.start()
    start_ms, began = now_ms(), used_s(house)
    time.sleep(MINUTES * 60)
    end_ms, ended = now_ms(), used_s(house)
    visitors.end()
    time.sleep(2 * EVERY_S)
    house.stop()
    told, seen = house.told(), target.seen()["seen"]
    for monitor in told["monitors"].values():
        monitor["hole"] = False
    report = compare(told, seen, (start_ms, end_ms), silent=[])
    print(report.table(f"{MONITORS} monitors at {EVERY_S} s"), flush=True)
    pages = {
        path: [
            dict(Counter(status for *_, status in looks)),
            *(round(1000 * waits[int(q * len(waits))]) for q in (0.5, 0.95, 0.99)),
        ]
        for path, looks in visitors.seen.items()
        if (waits := sorted(took for _, took, _ in looks))
    }
    share = (ended[0] - began[0]) / (ended[1] - began[1])
    stored = sum(state != UNKNOWN for monitor in told["monitors"].values() for _, state, *_ in monitor["rows"])
    print(
        json.dumps(
            {
                "asked": report.requests,
                "stored": stored,
                "core_share": round(share, 3),
                "pages": pages,
                "load": os.getloadavg(),
            }
        ),
        flush=True,
    )

    assert (report.lost, report.doubled, report.invented, report.untrue, report.unasked) == ([], [], [], [], [])
    assert report.measured + report.not_measured == report.due
    assert report.not_measured == 0
    # From outside, over the whole life of the server: a request for each stored check, but for what it was stopped in.
    assert 0 <= report.requests - stored <= PLACES
    assert report.lag(0.99) < 2
    assert {status for looks in visitors.seen.values() for *_, status in looks} == {200}
