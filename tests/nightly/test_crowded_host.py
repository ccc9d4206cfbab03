"""Ten thousand monitors on one host: all that it can take is checked, the rest is told, and nobody else waits for it.

CROWD_MONITORS (10000), CROWD_MINUTES (2).
"""

import json
import os
import re
import time
import urllib.request
from typing import Any

import pytest

from tests.chaos.events import now_ms
from tests.chaos.installation import Embedded, TargetProcess
from tests.chaos.report import Report, compare

MONITORS = int(os.environ.get("CROWD_MONITORS", "10000"))
MINUTES = float(os.environ.get("CROWD_MINUTES", "2"))
ELSEWHERE = 300
# The engine lets four checks at a time through to one address, which here takes a tenth of a second for each: 40 a
# second at best.
A_SECOND = 20
# Until the line is known as a crowd, its checks come between everybody else's.
FOUND_S = 75
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(MINUTES * 60 + 900)]


def figure(house: Embedded, name: str) -> float:
    """A figure of /metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{house.port}/metrics", timeout=30) as answer:
        found = re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def part(told: dict[str, Any], seen: dict[str, list[int]], span: tuple[int, int], *, crowd: bool) -> Report:
    chosen = {name: each for name, each in told["monitors"].items() if (int(name) >= ELSEWHERE) == crowd}
    report = compare({"monitors": chosen}, seen, span, silent=[])
    print(report.table("The crowd" if crowd else "Everybody else"), flush=True)
    return report


def test_a_crowd_waits_for_itself_and_nobody_else_does(house: Embedded, target: TargetProcess) -> None:
    house.run("tests.chaos.monitors", str(target.port), str(ELSEWHERE), "1", str(MONITORS))
    house.start()
    house.wait_until_healthy()
    time.sleep(FOUND_S)
    start_ms = now_ms()
    time.sleep(MINUTES * 60)
    end_ms = now_ms()
    shown: dict[str, Any] = {
        "check_lag_s": figure(house, "dashmon_check_lag_seconds"),
        "late": figure(house, 'dashmon_checks_not_measured_total{reason="late"}'),
        "health": house.health(),
        "load": os.getloadavg(),
    }
    print(f"\n{json.dumps(shown)}", flush=True)
    # What is due last may wait for a whole interval before it is given up.
    time.sleep(75)
    house.stop()
    told, seen = house.told(), target.seen()["seen"]
    for name, monitor in told["monitors"].items():
        monitor["hole"] = name == "0"
    crowd, others = (part(told, seen, (start_ms, end_ms), crowd=each) for each in (True, False))

    for report in (crowd, others):
        assert (report.lost, report.doubled, report.invented, report.untrue, report.unasked) == ([], [], [], [], [])
    assert crowd.measured + crowd.not_measured == crowd.due
    assert crowd.measured > min(0.9 * crowd.due, A_SECOND * MINUTES * 60)
    assert others.not_measured == 0
    assert others.lag(0.99) < 2
    if crowd.not_measured:
        assert shown["late"] > 0
        assert shown["check_lag_s"] > 5
