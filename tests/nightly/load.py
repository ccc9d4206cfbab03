"""A server of its own under load from agents, jobs and people, and whether it is well."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.installation import Embedded, Installation
from tests.chaos.stores import Postgres
from tests.nightly.jobs import Jobs
from tests.nightly.kept import judge
from tests.nightly.machines import Fleet, Told
from tests.nightly.visitors import Visitors
from tests.waiting import eventually

NODES, JOBS = 40, 8
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

    def operator_page(self) -> str:
        """How the operator's page looks now."""
        line = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=30)
        try:
            line.request("GET", "/operator/", headers=dict(self.visitors.headers))
            answer = line.getresponse()
            page = answer.read().decode()
            assert answer.status == 200, page
            return page
        finally:
            line.close()

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


def shown(load: Load, span: Span) -> Iterator[tuple[str, list[object]]]:
    """What was heard in that time: how many answers, the longest and the usual wait in seconds, and the statuses."""
    for name, found in {"sent": load.asked_in(span), **load.looked_in(span)}.items():
        waits = sorted(took for took, _ in found)
        words = [len(found), f"{waits[-1]:.2f}", f"{waits[len(waits) // 2]:.2f}"] if found else ["nothing"]
        yield name, [*words, sorted({status for _, status in found})]


def well_again(load: Load, within_s: float) -> float:
    """Everything is answered again by itself; the seconds until then."""
    began = time.monotonic()

    def is_well() -> bool:
        span = (time.monotonic() - 2.5, time.monotonic())
        sent = [status for _, status in load.asked_in(span)]
        looked = [status for looks in load.looked_in(span).values() for _, status in looks]
        return len(sent) > NODES and len(looked) > 6 and {*sent, *looked} == {200}

    assert eventually(is_well, within_s), list(shown(load, (time.monotonic() - 10, time.monotonic())))
    return time.monotonic() - began
