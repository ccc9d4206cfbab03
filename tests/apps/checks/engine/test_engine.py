"""The engine as its driver sees it: slots, tickets, waking, closing, politeness."""

import threading
import time
from typing import Any

import pytest

from apps.checks.engine import engine as engine_module
from apps.checks.engine import places as places_module
from apps.checks.plans import DnsPlan, HttpPlan, PingPlan, Plan, TcpPlan
from tests.apps.checks.engine.conftest import MakeEngine, drain
from tests.farm.land import Farm


def test_slots_are_taken_and_given_back(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine(slots=3)
    engine.start(HttpPlan(farm.url("/slow")), "a")
    engine.start(HttpPlan(farm.url("/ok")), "b")

    assert engine.free == 1
    assert set(drain(engine, 1)) == {"b"}
    assert engine.free == 2


def test_a_target_that_is_refused_at_once_still_gets_its_ticket_back(make_engine: MakeEngine) -> None:
    engine = make_engine(slots=1)

    engine.start(HttpPlan("http://[::/"), ("batch", 7))

    assert engine.free == 1
    assert [ticket for ticket, _ in engine.wait(0)] == [("batch", 7)]
    assert engine.wait(0) == []


def test_many_checks_of_all_kinds_finish_together(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine(slots=500, per_address=16)
    for number in range(120):
        engine.start(HttpPlan(farm.url("/ok", "good.test")), ("http", number))
        engine.start(TcpPlan("127.0.0.1", farm.http_port), ("tcp", number))
        engine.start(PingPlan("127.0.0.1"), ("ping", number))
        engine.start(
            DnsPlan("ad.test", resolvers=(farm.resolver,), config={"recordType": "A", "match": "any_answer"}),
            ("dns", number),
        )

    results = drain(engine, 480)

    assert len(results) == 480
    assert {result.status for result in results.values()} == {"up"}
    assert engine.free == 500


def test_slow_targets_do_not_hold_up_the_others(
    farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "PATIENCE_S", 0.3)
    engine = make_engine()
    for number in range(20):
        engine.start(TcpPlan("127.0.0.1", farm.tcp_ports["full"], timeout_ms=20_000), ("slow", number))
    for number in range(20):
        engine.start(HttpPlan(farm.url("/ok", "localhost")), ("quick", number))
    started = time.monotonic()

    # Both are one address, so the quick ones stand in line: but not until the slow ones are through.
    quick = drain(engine, 1)

    assert next(iter(quick))[0] == "quick"
    assert time.monotonic() - started < 10


def test_at_most_so_many_probes_go_to_one_address(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine(per_address=2)
    farm.http.seen.clear()
    for number in range(6):
        engine.start(HttpPlan(farm.url("/wait?s=0.2")), number)
    started = time.monotonic()

    results = drain(engine, 6)

    assert time.monotonic() - started >= 0.55  # three rounds of two
    # Standing in line is not the target's slowness.
    assert all((result.latency_us or 0) < 500_000 for result in results.values())


def test_a_conversation_holds_its_place_to_the_end(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine(per_address=1)
    for number in range(3):
        plan = TcpPlan("127.0.0.1", farm.tcp_ports["silent"], timeout_ms=200, expect="never")
        engine.start(plan, number)
    started = time.monotonic()

    results = drain(engine, 3)

    assert time.monotonic() - started >= 0.55
    assert all(result.detail["attempt_ms"] < 500 for result in results.values())


def test_waiting_ends_when_the_time_is_over(make_engine: MakeEngine) -> None:
    engine = make_engine()
    started = time.monotonic()

    assert engine.wait(0.05) == []

    assert 0.04 <= time.monotonic() - started < 5


def test_another_thread_can_end_the_waiting(make_engine: MakeEngine) -> None:
    engine = make_engine()
    started = time.monotonic()
    threading.Timer(0.05, engine.wake).start()

    assert engine.wait(30) == []

    assert time.monotonic() - started < 10
    # One ring, one return: the next wait is a real one again.
    assert engine.wait(0.01) == []


def test_closing_drops_what_is_under_way(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.start(HttpPlan(farm.url("/slow")), "http")
    engine.start(TcpPlan("127.0.0.1", farm.tcp_ports["silent"], expect="x"), "tcp")
    engine.start(DnsPlan("silent.test", resolvers=(farm.resolver,), timeout_ms=5000), "dns")
    engine.start(HttpPlan("http://silent.test/"), "lookup")
    engine.wait(0.05)
    started = time.monotonic()

    engine.close()

    assert time.monotonic() - started < 1
    assert engine.free == 256


def test_a_fault_of_our_own_is_a_gap_and_ends_nothing_else(
    farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    engine = make_engine()
    monkeypatch.setattr(engine_module, "check_tcp", broken)

    engine.start(TcpPlan("127.0.0.1", 1, expect="x"), "broken")
    engine.start(HttpPlan(farm.url("/ok")), "fine")

    results = drain(engine, 2)
    assert not results["broken"].measured
    assert results["broken"].status != "down"
    assert results["fine"].status == "up"


def test_descriptors_are_all_given_back(farm: Farm, make_engine: MakeEngine) -> None:
    import os

    engine = make_engine()

    def probe_everything() -> int:
        plans: list[Plan] = [
            HttpPlan(farm.secure_url("good")),
            HttpPlan(farm.secure_url("expired")),
            HttpPlan(farm.url("/truncated")),
            HttpPlan("http://servfail.test/"),
            TcpPlan("127.0.0.1", farm.tcp_ports["refused"]),
            TcpPlan("127.0.0.1", farm.tcp_ports["talk"], send="PING\r\n", expect="PONG"),
            PingPlan("127.0.0.1"),
            DnsPlan("big.test", "TXT", (farm.resolver,)),
        ]
        for number, plan in enumerate(plans):
            engine.start(plan, number)
        drain(engine, len(plans))
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a count of names is all that is wanted

    probe_everything()
    before = min(probe_everything() for _ in range(3))

    # The farm lives in this process too and closes its ends a moment later.
    assert min(probe_everything() for _ in range(5)) <= before + 2
