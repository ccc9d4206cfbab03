"""A thousand agents of Dash at three seconds, with pages open: nothing refused, each report kept once, memory flat.

FLEET_MINUTES (1; the figures of docs/performance.md are of 15), FLEET_AGENTS (1000), FLEET_PAGES=0 for no visitors.
"""

import json
import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from apps.nodes.models import Node
from apps.nodes.selectors import secrets_of
from apps.nodes.services import create_node
from apps.statuspages.services import create_page
from apps.workspaces.models import Workspace
from apps.workspaces.selectors import owner_of
from tests import factories
from tests.dashmon.test_server import free_port, running
from tests.nightly.kept import judge, kept_of
from tests.nightly.machines import INTERVAL_S, Fleet
from tests.nightly.visitors import Visitors, session_of
from tests.shared_database import shared_database

__all__ = ["shared_database"]
MINUTES = float(os.environ.get("FLEET_MINUTES", "1"))
AGENTS = int(os.environ.get("FLEET_AGENTS", "1000"))
PAGES = os.environ.get("FLEET_PAGES", "1") != "0"
# Everybody says first who and what it is; the second minute is like all that follow.
WARM_S = 15.0
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(MINUTES * 60 + 900)]


@dataclass
class Looks:
    """Processor time and memory of the server and of what it started, every few seconds."""

    at: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)

    def look(self, pid: int) -> None:
        server = psutil.Process(pid)
        family = [server, *server.children(recursive=True)]
        self.at.append(time.monotonic())
        self.cpu_s.append(sum(sum(member.cpu_times()[:2]) for member in family))
        self.rss_mb.append(sum(member.memory_info().rss for member in family) / 1e6)

    @property
    def core_share(self) -> float:
        return (self.cpu_s[-1] - self.cpu_s[0]) / (self.at[-1] - self.at[0])

    def memory(self, start: float, end: float) -> float:
        """The median over a part of the time, its borders given as shares of the whole."""
        first, last = (round(share * len(self.rss_mb)) for share in (start, end))
        return statistics.median(self.rss_mb[first:last])


@pytest.fixture
def nodes(shared_database: str) -> list[Node]:
    """Machines in two workspaces by turns, and a status page of the first."""
    now = datetime.now(UTC)
    homes = [factories.make_workspace(now=now) for _ in range(2)]
    made = [create_node(workspace=homes[n % 2], name=f"metal-{n:04}", actor="ana", now=now) for n in range(AGENTS)]
    project = factories.make_project(homes[0], "shop", now=now)
    for number in range(5):
        device = factories.make_device(project, f"Till {number}", now=now, kind="heartbeat")
        device.save()
    create_page(workspace=homes[0], values={"name": "Shop", "slug": "shop"}, projects=[project], now=now)
    return made


def paths(workspace: Workspace, node: Node) -> list[str]:
    home = f"/app/w/{workspace.slug}"
    detail = f"{home}/nodes/{node.number}"
    pages = [f"{home}/", f"{home}/nodes/", detail, f"{detail}/live", f"{detail}/charts", f"{home}/monitors/"]
    return [*pages, "/api/front/metrics?limit=100", "/deploy/linux/install.sh", "/status/shop"]


def secrets(nodes: list[Node]) -> list[str]:
    found: dict[int, str] = {}
    for home in {node.workspace_id for node in nodes}:
        found |= secrets_of(home, [node for node in nodes if node.workspace_id == home])
    return [found[node.pk] for node in nodes]


def watch(pid: int, seconds: float) -> Looks:
    looks, end = Looks(), time.monotonic() + seconds
    while time.monotonic() < end:
        looks.look(pid)
        time.sleep(2)
    return looks


def part(ordered: list[float], share: float) -> float:
    """A quantile in milliseconds."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else 0.0


def show(fleet: Fleet, visitors: Visitors, looks: Looks) -> None:
    """One JSON line, as benchmarks print them."""
    took = fleet.seconds(lambda asked: asked >= looks.at[0])
    pages = {
        path: [
            dict(Counter(each[2] for each in seen)),
            *(part(sorted(each[1] for each in seen), share) for share in (0.5, 0.95, 1.0)),
        ]
        for path, seen in visitors.seen.items()
    }
    said = {
        "agents": AGENTS,
        "minutes": MINUTES,
        "database": "PostgreSQL" if "postgres" in settings.DATABASES["default"]["ENGINE"] else "SQLite",
        "statuses": dict(fleet.statuses()),
        "report_ms_p50_p95_p99_max": [part(took, share) for share in (0.5, 0.95, 0.99, 1.0)],
        "core_share": round(looks.core_share, 3),
        "rss_mb": [round(looks.memory(*span)) for span in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1))],
        "page_statuses_ms_p50_p95_max": pages,
        "load": [round(each, 2) for each in os.getloadavg()],
    }
    print(f"\n{json.dumps(said)}", flush=True)


def test_a_thousand_agents_are_heard_while_people_look(shared_database: str, nodes: list[Node], tmp_path: Path) -> None:
    port, home = free_port(), nodes[0].workspace
    headers = {"Host": f"127.0.0.1:{port}", "Cookie": session_of(owner_of(home))}
    own = {"DATABASE_URL": shared_database, "SECRET_KEY": settings.SECRET_KEY}
    visitors = Visitors(port, paths(home, nodes[0]) if PAGES else [], headers)
    with running(tmp_path, port, **own) as server:
        fleet = Fleet(port, secrets(nodes))
        fleet.start()
        time.sleep(WARM_S)
        visitors.start()
        looks = watch(server.process.pid, MINUTES * 60)
        visitors.end()
        fleet.end()
        complaints = server.complaints()
    show(fleet, visitors, looks)

    assert set(fleet.statuses()) == {200}
    pairs = zip(nodes, fleet.machines, strict=True)
    kept = sum(judge(node.name, kept_of(node), machine.told) for node, machine in pairs)
    # A tick that passed while an answer was awaited is lost; some machines also send what nobody keeps twice.
    assert kept > 0.98 * AGENTS * (MINUTES * 60 + WARM_S) / INTERVAL_S - AGENTS
    assert "Traceback" not in complaints
    assert {status for seen in visitors.seen.values() for _, _, status in seen} <= {200}
    slow = {path: part(sorted(each[1] for each in seen), 0.95) for path, seen in visitors.seen.items()}
    assert all(took < 1500 for took in slow.values()), slow
    assert looks.memory(0.75, 1) < looks.memory(0.25, 0.5) * 1.1 + 10
