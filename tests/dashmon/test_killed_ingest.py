"""kill -9 under load: what was answered is there, and what was sent once is there once."""

import http.client
import json
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from apps.devices.models import Device
from apps.devices.services import renew_heartbeat_token
from apps.metrics.models import HeadRow, HeartbeatPing, Source
from apps.nodes import selectors, services
from apps.nodes.models import Node
from tests import factories
from tests.dashmon.test_server import free_port, running
from tests.shared_database import shared_database

__all__ = ["shared_database"]
SENDERS = 8
REPORT = json.loads((Path(__file__).parents[1] / "vectors/dash_node_reports.json").read_text(encoding="utf-8"))[
    "cases"
][0]["report"]


class Sender(threading.Thread):
    """Sends one thing after the other, each until it is answered, as an agent with a memory would."""

    def __init__(self, port: int, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._ended = port, ended
        # What was answered, and what somebody had to send twice.
        self.answered, self.repeated = 0, set[int]()
        self.statuses: set[int] = set()

    def request(self) -> tuple[str, str, dict[str, str]]:
        """Path, body and headers of the next one."""
        raise NotImplementedError

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._ended.is_set():
            path, body, headers = self.request()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection = None
                self.repeated.add(self.answered)
                time.sleep(0.02)
                continue
            self.statuses.add(answer.status)
            if answer.status == 200:
                self.answered += 1
            else:
                self.repeated.add(self.answered)


class Agent(Sender):
    """A node's: reports, each with its own instant."""

    def __init__(self, node: Node, port: int, ended: threading.Event) -> None:
        super().__init__(port, ended)
        self.node = node
        self._secret = str(selectors.secret_of(node))

    def request(self) -> tuple[str, str, dict[str, str]]:
        body = json.dumps({**REPORT, "timestamp": f"2026-06-18T09:30:00.{self.answered:06}Z"})
        return "/api/node/metrics", body, {"Content-Type": "application/json", "X-Node-Secret": self._secret}


class Job(Sender):
    """Signals, each with its number for the run that it belongs to."""

    def __init__(self, device: Device, port: int, ended: threading.Event) -> None:
        super().__init__(port, ended)
        self.device = device
        self._token = renew_heartbeat_token(device=device, now=timezone.now())

    def request(self) -> tuple[str, str, dict[str, str]]:
        return f"/ping/{self._token}?rid={UUID(int=self.answered)}", "", {}


def kill_under_load(folder: Path, database: str, *, kills: int, load_s: float) -> None:
    now = timezone.now()
    workspace = factories.make_workspace(now=now)
    project = factories.make_project(workspace, now=now)
    port, ended = free_port(), threading.Event()
    agents, jobs = list[Agent](), list[Job]()
    for number in range(SENDERS):
        node = services.create_node(workspace=workspace, name=f"n{number}", actor="ana", now=now)
        agents.append(Agent(node, port, ended))
        device = factories.make_device(project, f"job {number}", kind="heartbeat", now=now)
        jobs.append(Job(device, port, ended))
    senders: list[Sender] = [*agents, *jobs]
    options = {"DATABASE_URL": database, "DASHMON_BACKGROUND": "off", "DASHMON_RATE_LIMITS": "0"}
    for sender in senders:
        sender.start()
    for _ in range(kills):
        with running(folder, port, **options) as server:
            before = sum(sender.answered for sender in senders)
            time.sleep(load_s)
            assert sum(sender.answered for sender in senders) > before
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
    with running(folder, port, **options):
        time.sleep(load_s)
        ended.set()
        for sender in senders:
            sender.join(20)
    assert set[int]().union(*(sender.statuses for sender in senders)) <= {200, 503}
    assert any(sender.repeated for sender in senders)
    judge_reports(agents)
    judge_signals(jobs)


def judge_reports(agents: list[Agent]) -> None:
    """Each answered one is there, and a repeated one once: reports say which they are."""
    kept = {
        source.ref: HeadRow.objects.filter(source_id=source.pk).count()
        for source in Source.objects.filter(kind=Source.Kind.NODE)
    }
    for agent in agents:
        assert kept[str(agent.node.pk)] == agent.answered > 0


def judge_signals(jobs: list[Job]) -> None:
    """Each answered one is there, and one that was sent once is there once."""
    for job in jobs:
        runs = HeartbeatPing.objects.filter(device_id=job.device.pk).values_list("rid", flat=True)
        kept = Counter(run.int for run in runs)
        assert set(range(job.answered)) <= set(kept)
        assert job.answered > 0
        assert {number for number, times in kept.items() if times > 1} <= job.repeated
        # What was never answered may be there all the same: its sender was told nothing.
        assert set(kept) - set(range(job.answered)) <= job.repeated


@pytest.mark.timeout(180)
def test_what_was_answered_outlives_a_kill(shared_database: str, tmp_path: Path) -> None:
    kill_under_load(tmp_path, shared_database, kills=2, load_s=1.0)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_what_was_answered_outlives_many_kills(shared_database: str, tmp_path: Path) -> None:
    kill_under_load(tmp_path, shared_database, kills=25, load_s=4.0)
