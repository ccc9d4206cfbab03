"""A network that must never be reached: by no spelling, redirect, DNS answer or resolver."""

from collections.abc import Iterator

import pytest

from apps.checks.plans import DnsPlan, DomainPlan, HttpPlan, LadderPlan, PingPlan, Plan, TcpPlan, TlsPlan
from tests.apps.checks.engine.conftest import MakeEngine, Run, drain
from tests.farm.land import CANARY, Farm

# 127.66.0.1 in every coat it can wear.
COATS = [
    "127.66.0.1",
    "127.66.1",
    "127.4325377",
    "2135031809",
    "0x7f420001",
    "0x7f.0x42.0.1",
    "0177.0102.0.1",
    "017720400001",
    "127.66.0.1.",
    "127。66。0。1",
    "\uff11\uff12\uff17.66.0.1",
    "[::ffff:127.66.0.1]",
    "[::ffff:7f42:1]",
    "[::127.66.0.1]",
    "[64:ff9b::127.66.0.1]",
    "[2002:7f42:1::1]",
    "canary.test",
    "CANARY.test.",
    "mixed.test",
    "mapped.test",
    "nat64.test",
    "alias.test",
]


@pytest.fixture(autouse=True)
def _silence(farm: Farm) -> Iterator[None]:
    farm.canary_hits.clear()
    yield
    assert farm.canary_hits == []


def test_the_canary_hears_who_really_comes(farm: Farm) -> None:
    import socket

    with socket.create_connection((CANARY, farm.canary_port), timeout=5) as sock:
        sock.recv(1)

    assert len(farm.canary_hits) == 1
    farm.canary_hits.clear()


@pytest.mark.parametrize("coat", COATS)
def test_no_spelling_reaches_it(coat: str, farm: Farm, run: Run) -> None:
    result = run(HttpPlan(f"http://{coat}:{farm.canary_port}/", timeout_ms=3000))

    assert (result.status, result.detail["reason"]) == ("down", "blocked")


@pytest.mark.parametrize("coat", COATS)
@pytest.mark.parametrize("status", [301, 307])
def test_no_redirect_reaches_it(coat: str, status: int, farm: Farm, run: Run) -> None:
    location = f"http://{coat}:{farm.canary_port}/".replace("[", "%5B").replace("]", "%5D")
    result = run(HttpPlan(farm.url(f"/redirect?status={status}&to={location}"), timeout_ms=3000))

    assert (result.status, result.detail["reason"]) == ("down", "blocked")
    assert result.status_code == status


@pytest.mark.parametrize("coat", [coat.strip("[]") for coat in COATS])
def test_no_other_kind_of_check_reaches_it(coat: str, farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine()
    plans: list[Plan] = [
        TcpPlan(coat, farm.canary_port, 3000),
        TlsPlan(coat, farm.canary_port, 3000),
        PingPlan(coat, 500),
        LadderPlan(coat, 500),
    ]

    for plan in plans:
        engine.start(plan, type(plan).__name__)

    for kind, result in drain(engine, len(plans)).items():
        assert (result.status, result.detail["reason"]) == ("down", "blocked"), kind


@pytest.mark.parametrize("coat", ["127.66.0.1", "::ffff:127.66.0.1", "64:ff9b::127.66.0.1"])
def test_no_resolver_lives_there(coat: str, farm: Farm, run: Run) -> None:
    where = f"[{coat}]:{farm.canary_port}" if ":" in coat else f"{coat}:{farm.canary_port}"
    for resolver in (where, f"http://{where}/dns-query", f"https://canary.test:{farm.canary_port}/q"):
        result = run(DnsPlan("ad.test", "A", (resolver,), 500, 0))

        assert (result.status, result.detail["reason"]) == ("down", "blocked"), resolver


def test_no_registry_lives_there(farm: Farm, make_engine: MakeEngine) -> None:
    engine = make_engine(
        rdap_url=f"http://{CANARY}:{farm.canary_port}/",
        whois_server=lambda _: "canary.test",
        whois_port=farm.canary_port,
    )

    engine.start(DomainPlan("shop.test"), "it")

    result = drain(engine, 1)["it"]
    assert (result.status, result.detail["reason"]) == ("up", "domain_expiry_unknown")


def test_a_mirror_cannot_redirect_there(farm: Farm, make_engine: MakeEngine) -> None:
    to = f"http://canary.test:{farm.canary_port}/"
    engine = make_engine(rdap_url=farm.url(f"/redirect?to={to}&x="))

    engine.start(DomainPlan("shop.test"), "it")

    assert drain(engine, 1)["it"].detail["reason"] == "domain_expiry_unknown"
