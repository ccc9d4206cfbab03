"""kill -9 under load: every report that was answered is there, once, although senders send again what was not."""

import http.client
import json
import signal
import threading
import time
from pathlib import Path

import pytest
from django.utils import timezone

from apps.metrics.models import HeadRow, Source
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
    """Sends one report after the other, each until it is answered, as an agent with a memory would."""

    def __init__(self, node: Node, port: int, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.node, self._port, self._ended = node, port, ended
        self._secret = str(selectors.secret_of(node))
        self.answered, self.repeated = 0, 0
        self.statuses: set[int] = set()

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._ended.is_set():
            stamp = f"2026-06-18T09:30:00.{self.answered:06}Z"
            body = json.dumps({**REPORT, "timestamp": stamp})
            headers = {"Content-Type": "application/json", "X-Node-Secret": self._secret}
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                connection.request("POST", "/api/node/metrics", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection, self.repeated = None, self.repeated + 1
                time.sleep(0.02)
                continue
            self.statuses.add(answer.status)
            self.answered += answer.status == 200


def kill_under_load(folder: Path, database: str, *, kills: int, load_s: float) -> None:
    workspace = factories.make_workspace(now=timezone.now())
    nodes = [
        services.create_node(workspace=workspace, name=f"n{number}", actor="ana", now=timezone.now())
        for number in range(SENDERS)
    ]
    port, ended = free_port(), threading.Event()
    senders = [Sender(node, port, ended) for node in nodes]
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
    judge(senders)


def judge(senders: list[Sender]) -> None:
    kept = {source.ref: HeadRow.objects.filter(source_id=source.pk).count() for source in Source.objects.all()}
    for sender in senders:
        assert sender.statuses <= {200, 503}
        assert kept[str(sender.node.pk)] == sender.answered
    assert sum(sender.repeated for sender in senders) > 0


@pytest.mark.timeout(180)
def test_what_was_answered_outlives_a_kill(shared_database: str, tmp_path: Path) -> None:
    kill_under_load(tmp_path, shared_database, kills=2, load_s=1.0)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_what_was_answered_outlives_many_kills(shared_database: str, tmp_path: Path) -> None:
    kill_under_load(tmp_path, shared_database, kills=25, load_s=4.0)
