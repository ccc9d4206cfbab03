"""Pings and connections that go straight through say what `host_checks` says, and leave nothing behind."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from apps.checks.engine import icmp
from apps.checks.engine.icmp import NoIcmpError
from apps.checks.engine.straight_hosts import StraightHosts
from apps.checks.plans import PingPlan, Plan, TcpPlan
from apps.checks.types import CheckResult
from tests.apps.checks.engine.conftest import MakeEngine, Run, can_ping, drain
from tests.apps.checks.engine.test_straight import said
from tests.apps.checks.engine.test_truth_table import HOSTS
from tests.farm.land import Farm

needs_icmp = pytest.mark.skipif(not can_ping(), reason="this machine allows no ICMP socket")
CASES: dict[str, Callable[[Farm], Plan]] = {
    **{name: truth.plan for name, truth in HOSTS.items() if not name.startswith("ladder")},
    "tcp open": lambda farm: TcpPlan("127.0.0.1", farm.http_port),
    "tcp open, by another spelling": lambda farm: TcpPlan("0x7f.1", farm.http_port),
    "tcp open, and slow": lambda farm: TcpPlan("127.0.0.1", farm.http_port, config={"degradedMs": 0}),
    "tcp IPv6": lambda farm: TcpPlan("::1", farm.http6_port),
    "tcp IPv6 refused": lambda farm: TcpPlan("[::1]", farm.tcp_ports["refused"]),
    "tcp localhost": lambda farm: TcpPlan("localhost", farm.http_port),
    "tcp forbidden": lambda _: TcpPlan("127.66.0.1", 80),
    "tcp unreachable": lambda _: TcpPlan("255.255.255.255", 80),
    "tcp with a port that is none": lambda _: TcpPlan("127.0.0.1", 70_000),
    "ping another spelling": lambda _: PingPlan("127.1"),
    "ping, and slow": lambda _: PingPlan("127.0.0.1", config={"degradedMs": 0}),
    "ping localhost": lambda _: PingPlan("localhost"),
    "ping forbidden": lambda _: PingPlan("127.66.0.1"),
    "ping by a spelling that is none": lambda _: PingPlan("a b"),
    "ping an address without a way": lambda _: PingPlan("192.168.255.255"),
}


def both_ways(plan: Plan, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> tuple[CheckResult, CheckResult]:
    """The result of the straight way, and that of the coroutine."""
    found = []
    for _ in range(2):
        engine = make_engine()
        engine.start(plan, "it")
        found.append(drain(engine, 1)["it"])
        assert engine.free == 256
        monkeypatch.setattr(StraightHosts, "ping", lambda *_: False)
        monkeypatch.setattr(StraightHosts, "connect", lambda *_: False)
    return found[0], found[1]


@pytest.mark.parametrize("name", CASES)
def test_the_two_ways_agree(name: str, farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = both_ways(CASES[name](farm), make_engine, monkeypatch)

    assert said(one) == said(other)


@needs_icmp
def test_they_agree_about_silence(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icmp, "REPLY", {4: 255, 6: 255})

    one, other = both_ways(PingPlan("127.0.0.1", 150), make_engine, monkeypatch)

    assert said(one) == said(other)
    assert (one.status, one.detail["reason"], one.detail["packet_loss"]) == ("down", "timeout", 100)
    assert 150 <= one.detail["attempt_ms"] < 1000


def test_they_agree_that_this_worker_cannot_ping(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise NoIcmpError("Operation not permitted")

    monkeypatch.setattr(icmp, "open_socket", refuse)

    one, other = both_ways(PingPlan("127.0.0.1"), make_engine, monkeypatch)

    assert said(one) == said(other)
    assert not one.measured


@pytest.fixture
def _no_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a coroutine for this one")

    monkeypatch.setattr("apps.checks.engine.engine.check_ping", refuse)
    monkeypatch.setattr("apps.checks.engine.engine.check_tcp", refuse)


@pytest.mark.usefixtures("_no_coroutine")
def test_a_usual_connection_needs_no_coroutine(farm: Farm, run: Run) -> None:
    assert run(TcpPlan("127.0.0.1", farm.http_port)).status == "up"
    assert run(TcpPlan("127.0.0.1", farm.tcp_ports["refused"])).detail["reason"] == "refused"
    assert run(TcpPlan("127.0.0.1", farm.tcp_ports["full"], 300)).detail["reason"] == "timeout"


@needs_icmp
@pytest.mark.usefixtures("_no_coroutine")
def test_a_usual_ping_needs_no_coroutine(run: Run) -> None:
    assert run(PingPlan("127.0.0.1")).status == "up"


def test_a_full_address_makes_a_connection_wait_in_line(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine(per_address=1)
    full, quick = farm.tcp_ports["full"], farm.http_port
    engine.start(TcpPlan("127.0.0.1", full, timeout_ms=300), "full")
    engine.start(TcpPlan("127.0.0.1", quick), "quick")

    assert list(drain(engine, 1)) == ["full"]
    assert drain(engine, 1)["quick"].status == "up"
    assert not engine._tools.places._held


def test_what_is_under_way_when_the_engine_closes_is_dropped(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a count of names is all that is wanted
    for number in range(3):
        engine.start(TcpPlan("127.0.0.1", farm.tcp_ports["full"]), number)
    engine.start(PingPlan("127.0.0.1"), "ping")
    engine.close()

    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208  # likewise
    assert engine.free == 256


def test_a_fault_of_ours_ends_one_check_only(
    farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine()
    monkeypatch.setattr("apps.checks.engine.straight_hosts.host_result", _broken)
    engine.start(TcpPlan("127.0.0.1", farm.http_port), "tcp")
    engine.start(PingPlan("127.0.0.1"), "ping")
    results = drain(engine, 2)

    assert not any(result.measured for result in results.values())
    assert results["tcp"].detail == {"error": "internal"}
    assert "check failed by itself" in caplog.text
    assert not engine._tools.places._held
    assert engine.free == 256


def _broken(*_: Any, **__: Any) -> CheckResult:
    raise RuntimeError("a fault of ours")
