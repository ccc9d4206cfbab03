"""Checks that go straight through say what `check_http` says, and hold on to no place."""

import re
from typing import Any

import pytest

from apps.checks.engine.fetch import Fetched
from apps.checks.engine.http_check import check_http
from apps.checks.engine.straight import Straight, prepared
from apps.checks.plans import HttpPlan
from apps.checks.types import CheckResult
from apps.common.egress import Guard
from tests.apps.checks.engine.conftest import MakeEngine, Run, drain
from tests.apps.checks.engine.test_truth_table import HTTP, TLS, Truth
from tests.farm.land import Farm

CASES = {name: truth for name, truth in {**HTTP, **TLS}.items() if not name.startswith("tls monitor")}


def said(result: CheckResult) -> tuple[Any, ...]:
    """A result without what is measured anew each time; of times, which there are."""
    detail = {key: value for key, value in result.detail.items() if key != "attempt_ms"}
    phases = tuple(value is None for value in result.phases)
    times = (phases, result.latency_us is None, "attempt_ms" in result.detail)
    message = re.sub(r"in \d+ ms", "in some ms", result.message)
    words = (result.status, result.status_code, result.severity, message, detail)
    ends = (result.certificate, result.domain_expires_at, result.ttl_s)
    return (*words, *ends, result.measured, times)


@pytest.mark.parametrize("truth", CASES.values(), ids=CASES)
def test_the_two_ways_agree(truth: Truth, farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = truth.plan(farm)
    straight = make_engine()
    straight.start(plan, "it")
    one = drain(straight, 1)["it"]
    monkeypatch.setattr(Straight, "start", lambda *_: False)
    winding = make_engine()
    winding.start(plan, "it")

    assert said(one) == said(drain(winding, 1)["it"])


@pytest.fixture
def detours(monkeypatch: pytest.MonkeyPatch) -> list[HttpPlan]:
    """The plans that were run by a coroutine, from the start or from somewhere on."""
    seen: list[HttpPlan] = []

    def note(tools: Any, registry: Any, plan: HttpPlan, *rest: Any) -> Any:
        seen.append(plan)
        return check_http(tools, registry, plan, *rest)

    monkeypatch.setattr("apps.checks.engine.engine.check_http", note)
    return seen


@pytest.mark.parametrize("host", ["127.0.0.1", "good.test", "localhost"])
def test_a_usual_check_needs_no_coroutine(farm: Farm, run: Run, detours: list[HttpPlan], host: str) -> None:
    assert run(HttpPlan(farm.url("/ok", host))).status == "up"
    assert not detours


def test_a_full_address_makes_it_wait_in_line(farm: Farm, make_engine: MakeEngine, detours: list[HttpPlan]) -> None:
    engine = make_engine(per_address=1)
    for number in range(4):
        engine.start(HttpPlan(farm.url("/wait?s=0.05", "good.test" if number % 2 else "127.0.0.1")), number)
    results = drain(engine, 4)

    assert {result.status for result in results.values()} == {"up"}
    assert len(detours) == 3
    assert engine.free == 256
    # Nobody forgot to give a place back.
    engine.start(HttpPlan(farm.url("/ok")), "last")
    assert drain(engine, 1)["last"].latency_us is not None
    assert len(detours) == 3


def test_a_name_is_looked_up_once_however_the_check_ends(
    farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    resolver = engine._tools.resolver
    asked: list[str] = []
    addresses = resolver.addresses

    def note(host: Any, *args: Any, **options: Any) -> Any:
        asked.append(host.name)
        return addresses(host, *args, **options)

    monkeypatch.setattr(resolver, "addresses", note)
    for path in ("/ok", "/status/503", "/reset-body"):
        engine.start(HttpPlan(farm.url(path, "good.test")), path)

    assert {path: result.status for path, result in drain(engine, 3).items()} == {
        "/ok": "up",
        "/status/503": "down",
        "/reset-body": "down",
    }
    assert asked == ["good.test"] * 3


def test_an_address_is_judged_at_every_check(farm: Farm, make_engine: MakeEngine) -> None:
    """The plan is kept, what the guard says of its target is not."""
    plan = HttpPlan(farm.url("/ok"))
    closed = Guard.build(profile="self_hosted", allow=None, deny=["127.0.0.0/8"], services=())
    for guard, reason in ((None, None), (closed, "blocked"), (None, None)):
        engine = make_engine() if guard is None else make_engine(guard=guard)
        engine.start(plan, "it")
        assert drain(engine, 1)["it"].detail.get("reason") == reason


def test_what_is_looked_up_when_the_engine_closes_is_dropped(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.start(HttpPlan("http://silent.test/"), "it")
    assert engine.free == 255
    engine.close()


@pytest.mark.parametrize(
    "plan",
    [
        HttpPlan("http://192.0.2.1/", domain={"enabled": True}),
        HttpPlan("https://192.0.2.1/", verify=False),
        HttpPlan("ftp://192.0.2.1/"),
    ],
)
def test_plans_with_more_to_them_are_not_for_this_way(plan: HttpPlan) -> None:
    assert prepared(plan) is None


def test_a_fault_of_ours_ends_one_check_only(
    farm: Farm, engine: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("apps.checks.engine.straight.Fetched", _broken)
    engine.start(HttpPlan(farm.url("/status/503")), "broken")
    engine.start(HttpPlan(farm.url("/ok")), "fine")
    results = drain(engine, 2)

    assert not results["broken"].measured
    assert results["broken"].detail == {"error": "internal"}
    assert results["fine"].measured
    assert "check failed by itself" in caplog.text
    assert engine.free == 256


def _broken(*_: Any) -> Fetched:
    raise RuntimeError("a fault of ours")
