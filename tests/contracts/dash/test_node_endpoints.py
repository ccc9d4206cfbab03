"""What agents send, over the hot paths (contract Dash 3): checks in their order, answers, and what is kept."""

import asyncio
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.common import counters
from apps.common.values import Ref
from apps.metrics.models import HeadRow
from apps.metrics.selectors import newest_details
from apps.nodes import selectors, services
from apps.nodes.models import Node, NodeSection
from apps.pipeline import agents
from apps.workspaces.models import Workspace
from dashmon.hot import nodes as hot_nodes
from tests import factories
from tests.contracts.hot import Door

CASES = json.loads((Path(__file__).parents[2] / "vectors/dash_node_reports.json").read_text(encoding="utf-8"))["cases"]
METRICS, STATIC, IDENTITY = "/api/node/metrics", "/api/node/static", "/api/node/identity"
UNKNOWN = "0123456789abcdef"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    return factories.make_workspace(now=timezone.now())


@pytest.fixture
def node(workspace: Workspace) -> Node:
    return make_node(workspace)


@pytest.fixture
def secret(node: Node) -> str:
    return secret_of(node)


@pytest.fixture
def door(transactional_db: None) -> Iterator[Door]:
    door = Door()
    yield door
    door.paths.close()


def make_node(workspace: Workspace) -> Node:
    return services.create_node(workspace=workspace, name="web", actor="ana", now=timezone.now())


def secret_of(node: Node) -> str:
    secret = selectors.secret_of(node)
    assert secret is not None
    return secret


def report(second: int = 0, **fields: Any) -> dict[str, Any]:
    told = deepcopy(CASES[0]["report"])
    return {**told, "timestamp": f"2026-06-18T09:30:{second:02}.123456Z", **fields}


def kept() -> int:
    return HeadRow.objects.count()


def refused(reply: Any, status: int, code: str) -> None:
    assert (reply.status, reply.json()["code"]) == (status, code)
    assert set(reply.json()) == {"code", "message"}
    assert reply.json()["message"]
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert kept() == 0


@pytest.mark.parametrize("path", [METRICS, METRICS + "/"])
def test_a_report_is_answered_when_it_is_kept(door: Door, node: Node, secret: str, path: str) -> None:
    reply = door(path, report(), secret=secret, peer="203.0.113.7", x_request_id="agent-request-0001")

    assert (reply.status, reply.json()) == (200, {"ok": True, "update": None})
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-request-id"] == "agent-request-0001"
    assert kept() == 1
    fresh = Node.objects.get()
    assert (fresh.agent_version, fresh.addresses) == (report()["version"], {"peer": "203.0.113.7"})
    assert NodeSection.objects.filter(section="disks").exists()


def test_static_facts_are_answered_with_ok(door: Door, node: Node, secret: str) -> None:
    reply = door(STATIC + "/", CASES[0]["static"], secret=secret)

    assert (reply.status, reply.content, reply.headers["content-type"]) == (200, b"ok", "text/plain; charset=utf-8")
    assert Node.objects.get().hostname == CASES[0]["static"]["system"]["hostname"]


def test_the_identity_is_drawn_once_and_differs_between_workspaces(door: Door, secret: str) -> None:
    first, again = door(IDENTITY, {}, secret=secret), door(IDENTITY + "/", b"", secret=secret, kind="")
    other = door(IDENTITY, b"{no json", secret=secret_of(make_node(factories.make_workspace(name="other"))))

    assert re.fullmatch(r"server_[0-9a-f]{32}", first.json()["install_id"])
    assert (first.json()["created"], again.json()["created"], other.json()["created"]) == (True, False, True)
    assert first.json()["install_id"] == again.json()["install_id"] != other.json()["install_id"]


@pytest.mark.parametrize("path", [METRICS, STATIC, IDENTITY])
def test_the_checks_come_in_the_order_of_the_contract(door: Door, secret: str, path: str) -> None:
    refused(door(path, {}, kind="text/plain"), 415, "unsupported_media_type")
    refused(door(path, b"x"), 401, "unauthorized")
    if path != IDENTITY:
        refused(door(path, b"{", secret=UNKNOWN), 400, "invalid_request")
        refused(door(path, b"x" * (1 << 20) + b"x", secret=UNKNOWN), 413, "body_too_large")
        refused(door(path, {}, secret=UNKNOWN), 422, "invalid_" + ("metrics" if path == METRICS else "static_payload"))
    sound = {METRICS: report(), STATIC: CASES[0]["static"], IDENTITY: {}}[path]
    refused(door(path, sound, secret=UNKNOWN), 401, "unauthorized")
    assert door(path, sound, secret=secret, kind="Application/JSON; charset=utf-8").status == 200


def test_other_methods_are_told_which_one_there_is(door: Door) -> None:
    reply = door(METRICS, method="GET")

    refused(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


def test_a_body_in_parts_is_read_to_its_limit(door: Door, secret: str) -> None:
    sent = json.dumps(report()).encode()
    huge = door(METRICS, parts=[b"x" * 700_000] * 2, secret=secret)

    refused(huge, 413, "body_too_large")
    assert huge.headers["connection"] == "close"
    assert door(METRICS, parts=[sent[:100], sent[100:]], secret=secret).status == 200


@pytest.mark.parametrize("path", [METRICS, STATIC])
@pytest.mark.parametrize("length", ["", "3000000"], ids=["in parts", "of a length"])
def test_a_body_beyond_the_limit_is_read_to_its_end_so_that_its_sender_hears_why(
    door: Door, secret: str, path: str, length: str
) -> None:
    told = {"content_length": length} if length else {}
    reply = door(path, parts=[b"x" * 1_000_000] * 3, secret=secret, **told)

    refused(reply, 413, "body_too_large")
    assert door.unread == 0


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 150_000,
        b"[" + b"0," * 500_000 + b"0]",
        b"NaN",
        b'{"version":NaN}',
        b'{"version":"0.2.3","version":"0.2.4"}',
        b"",
        b"{} {}",
        b"\xff\xfe",
        b'\xef\xbb\xbf{"version":"0.2.3"}',
        '{"version":"0.2.3"}'.encode("utf-16"),
    ],
    ids=["deep", "deep objects", "wide", "NaN", "NaN inside", "twice", "empty", "two", "no text", "mark", "UTF-16"],
)
@pytest.mark.parametrize("path", [METRICS, STATIC])
def test_hostile_bodies_are_refused(door: Door, secret: str, path: str, body: bytes) -> None:
    refused(door(path, body, secret=secret), 400, "invalid_request")


def test_a_sender_beyond_its_limit_waits_and_others_do_not(door: Door, workspace, secret: str, monkeypatch) -> None:
    monkeypatch.setattr("dashmon.hot.rates.time.time", lambda: 1_800_000_010.0)
    for _ in range(600):
        door(STATIC, {}, secret=secret)

    reply = door(METRICS, report(), secret=secret)

    refused(reply, 429, "rate_limited")
    assert reply.headers["retry-after"] == "50"
    assert door(METRICS, report(), secret=secret_of(make_node(workspace))).status == 200


def test_limits_can_be_switched_off(door: Door, secret: str, settings) -> None:
    settings.RATE_LIMITS = False
    assert {door(STATIC, {}, secret=secret).status for _ in range(601)} == {422}


def test_a_report_that_is_sent_again_is_kept_once(door: Door, node: Node, secret: str) -> None:
    async def at_once() -> list[int]:
        replies = await asyncio.gather(*[door.ask(METRICS, report(), secret=secret) for _ in range(8)])
        return [reply.status for reply in replies]

    assert asyncio.run(at_once()) == [200] * 8
    assert door(METRICS, report(), secret=secret).status == 200
    assert kept() == 1
    assert door(METRICS, report(3), secret=secret).status == 200
    assert kept() == 2
    ((_, detail),) = newest_details({node.workspace_id: [Ref("node", node.pk)]}).values()
    assert detail["observed"].startswith("2026-06-18T09:30:03.123456+00:00 ")


def test_reports_of_a_clock_that_stands_still_are_all_kept(door: Door, secret: str) -> None:
    for number in range(3):
        assert door(METRICS, report(hostname=f"web{number}"), secret=secret).status == 200

    assert kept() == 3
    assert door(METRICS, report(hostname="web1"), secret=secret).status == 200
    assert kept() == 3


def test_reports_of_one_moment_are_all_kept(door: Door, workspace: Workspace, secret: str) -> None:
    secrets = [secret, secret_of(make_node(workspace))]

    async def at_once() -> set[int]:
        sent = [door.ask(METRICS, report(second), secret=secrets[second % 2]) for second in range(40)]
        return {reply.status for reply in await asyncio.gather(*sent)}

    assert asyncio.run(at_once()) == {200}
    assert kept() == 40


def test_a_host_knows_its_own_nodes_only(door: Door, workspace: Workspace, secret: str) -> None:
    other = factories.make_workspace(name="other")
    theirs = secret_of(make_node(other))

    for host, prefix in ((f"{workspace.slug}.localhost", ""), ("localhost", f"/w/{workspace.slug}")):
        refused(door(prefix + METRICS, report(), secret=theirs, host=host), 401, "unauthorized")
    assert door(METRICS, report(), secret=secret, host=f"{workspace.slug}.localhost:8000").status == 200
    assert door(f"/w/{workspace.slug}{METRICS}/", report(1), secret=secret, host="localhost").status == 200
    assert door(METRICS, report(), secret=theirs, host="localhost").status == 200


def test_a_chosen_secret_counts_in_the_default_workspace_or_on_its_own_host(door: Door, workspace, settings) -> None:
    other = factories.make_workspace(name="other")
    for where in (workspace, other):
        changes = services.Changes(secret="chosen by people")
        services.update_node(node=make_node(where), changes=changes, actor="ana", now=timezone.now())
    settings.DEFAULT_WORKSPACE = workspace.slug

    assert door(METRICS, report(), secret="chosen by people").status == 200
    assert HeadRow.objects.get().workspace_id == workspace.pk
    assert door(METRICS, report(), secret="chosen by people", host=f"{other.slug}.localhost").status == 200
    assert HeadRow.objects.filter(workspace_id=other.pk).count() == 1
    settings.DEFAULT_WORKSPACE = "nobody"
    assert door(METRICS, report(), secret="chosen by people").status == 401


def test_what_is_not_ours_goes_on(door: Door, secret: str) -> None:
    for path, host in (
        (METRICS, "evil.example"),
        ("/api/node/other", "testserver"),
        ("/w/-/api/node/static", "localhost"),
    ):
        assert door(path, report(), secret=secret, host=host).status == 204
    assert door.behind.asked == [METRICS, "/api/node/other", "/w/-/api/node/static"]


def test_a_secret_that_was_changed_counts_no_more(door: Door, node: Node, secret: str) -> None:
    now = timezone.now()
    fresh = services.rotate_secret(node=node, overlap=timedelta(hours=1), actor="ana", now=now)
    assert [door(IDENTITY, {}, secret=each).status for each in (secret, fresh)] == [200, 200]

    last = services.rotate_secret(node=node, overlap=timedelta(), actor="ana", now=now)

    assert [door(METRICS, report(), secret=each).status for each in (secret, fresh)] == [401, 401]
    assert door(METRICS, report(), secret=last).status == 200


def test_a_node_that_is_gone_is_a_stranger(door: Door, node: Node, secret: str) -> None:
    services.retire_node(node=node, actor="ana", now=timezone.now())
    refused(door(METRICS, report(), secret=secret), 401, "unauthorized")


def test_a_workspace_that_is_closed_has_no_nodes(door: Door, workspace: Workspace, secret: str) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(closed_at=timezone.now())
    refused(door(METRICS, report(), secret=secret), 401, "unauthorized")


def test_a_wish_is_told_until_a_report_fulfils_it(door: Door, node: Node, secret: str, monkeypatch) -> None:
    monkeypatch.setattr(hot_nodes, "pending_manifest", lambda node, **_: {"version": node.wanted_version})
    services.want_version(node=node, version="9.9.9", actor="ana", now=timezone.now())

    replies = [
        door(METRICS, report(second, version=version), secret=secret).json()
        for second, version in enumerate(["0.2.3", "0.2.3", "9.9.9"])
    ]

    wished = {"ok": True, "update": {"version": "9.9.9"}}
    assert replies == [wished, wished, {"ok": True, "update": None}]


def test_a_manifest_that_cannot_be_made_is_none_of_the_agents_business(
    door: Door, node: Node, secret: str, monkeypatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the file is gone")

    monkeypatch.setattr(hot_nodes, "pending_manifest", broken)
    services.want_version(node=node, version="9.9.9", actor="ana", now=timezone.now())

    reply = door(METRICS, report(), secret=secret)

    assert (reply.status, reply.json()) == (200, {"ok": True, "update": None})
    assert kept() == 1


def test_while_the_database_is_away_senders_are_told_so_and_then_it_goes_on(
    door: Door, secret: str, monkeypatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(agents, "keep_reports", lambda **_: (_ for _ in ()).throw(OperationalError("away")))
        reply = door(METRICS, report(), secret=secret)
        refused(reply, 503, "service_unavailable")
        assert reply.headers["retry-after"] == "3"
        refused(door(METRICS, report(), secret=secret), 503, "service_unavailable")

    assert door(METRICS, report(), secret=secret).status == 200
    assert counters.counted()["ingest_refused/service_unavailable"] == 2


def test_what_cannot_be_written_is_answered_in_the_words_of_an_outage(door: Door, secret: str, monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(agents, "keep_reports", lambda **_: 1 / 0)
        refused(door(METRICS, report(), secret=secret), 503, "service_unavailable")

    assert door(METRICS, report(), secret=secret).status == 200


@pytest.mark.parametrize("cores", [-1, 0, 2**31, 2**63 - 1])
def test_a_number_of_cores_that_cannot_be_is_not_known(door: Door, secret: str, cores: int) -> None:
    static = deepcopy(CASES[0]["static"])
    static["cpu"]["info"].update(cores_logical=cores, cores_physical=cores, sockets=cores)

    assert door(STATIC, static, secret=secret).status == 200

    assert Node.objects.get().cores is None
    section = NodeSection.objects.get(section="static")
    assert [section.document["cpu"][name] for name in ("cores_logical", "cores_physical", "sockets")] == [0, 0, 0]


def test_trusted_proxies_say_where_a_node_is_and_strangers_do_not(settings, node: Node, secret: str) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    door = Door()
    door(METRICS, report(), secret=secret, peer="198.51.100.4", x_forwarded_for="203.0.113.9")
    assert Node.objects.get().addresses == {"peer": "198.51.100.4"}

    door(METRICS, report(1), secret=secret, peer="10.1.1.1", x_forwarded_for="1.1.1.1, 203.0.113.9, 10.2.2.2")

    assert Node.objects.get().addresses == {"peer": "203.0.113.9"}
    door.paths.close()


def test_a_sender_that_leaves_while_it_sends_is_not_answered(door: Door, secret: str) -> None:
    assert door(METRICS, parts=[], secret=secret).status == 0
    assert door(METRICS, report(), secret=secret).status == 200
