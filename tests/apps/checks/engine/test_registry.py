"""Registrations by RDAP and WHOIS, and how seldom a registry is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.checks.engine import registry as registry_module
from apps.checks.engine.registry import rdap_address, rdap_expiry
from apps.checks.engine.whois import domain_of, expiry_in, referral_in, server_for
from apps.checks.plans import DomainPlan
from tests.apps.checks.engine.conftest import MakeEngine, Run, drain
from tests.farm.land import Farm

RULES = {"enabled": True, "warnDays": 30, "criticalDays": 7}


@pytest.fixture(autouse=True)
def _fresh_registers(farm: Farm) -> Iterator[None]:
    farm.http.rdap.clear()
    farm.whois.clear()
    farm.whois_asked.clear()
    farm.http.seen.clear()
    yield
    farm.http.rdap.clear()
    farm.whois.clear()


def rdap_questions(farm: Farm) -> list[str]:
    return [seen.path for seen in farm.http.seen if seen.path.startswith("/domain/")]


def test_rdap_is_asked_for_the_registered_domain(farm: Farm, run: Run) -> None:
    farm.registers("example.co.uk", days=100.5)

    result = run(DomainPlan("www.shop.example.co.uk", config=RULES))

    assert (result.status, result.detail["domain"]) == ("up", {"daysLeft": 100})
    assert rdap_questions(farm) == ["/domain/example.co.uk"]
    assert farm.whois_asked == []


def test_whois_is_asked_when_rdap_does_not_know(farm: Farm, run: Run) -> None:
    farm.whois["shop.test"] = "Domain Name: SHOP.TEST\r\nRegistry Expiry Date: 2020-08-13T04:00:00Z\r\n"

    result = run(DomainPlan("shop.test", config=RULES))

    assert (result.status, result.detail["reason"], result.severity) == ("warning", "domain_expired", "critical")
    assert result.domain_expires_at == datetime(2020, 8, 13, 4, tzinfo=UTC)
    assert farm.whois_asked == ["shop.test"]
    assert result.message.startswith("Domain registration expired ")


def test_what_nobody_knows_has_no_effect(farm: Farm, run: Run) -> None:
    result = run(DomainPlan("unknown.test", config=RULES))

    assert (result.status, result.detail["reason"]) == ("up", "domain_expiry_unknown")
    assert farm.whois_asked == ["unknown.test"]


def test_an_address_has_no_registration(farm: Farm, run: Run) -> None:
    assert run(DomainPlan("192.0.2.1", config=RULES)).detail["reason"] == "domain_expiry_unknown"
    assert rdap_questions(farm) == []


def test_a_mirror_is_asked_every_time(farm: Farm, run: Run) -> None:
    farm.registers("shop.test", days=100)
    run(DomainPlan("shop.test"))
    run(DomainPlan("shop.test"))

    assert len(rdap_questions(farm)) == 2


@pytest.fixture
def public(farm: Farm, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine that takes the farm for the public bootstrap, and therefore caches."""
    monkeypatch.setattr(registry_module, "RDAP_URL", farm.url("/domain/"))
    return make_engine(rdap_url="")


def test_a_registry_is_asked_once_in_twelve_hours(farm: Farm, public: Any) -> None:
    farm.registers("shop.test", days=100)
    for host in ("shop.test", "www.shop.test", "api.shop.test"):
        public.start(DomainPlan(host), host)
        drain(public, 1)

    assert rdap_questions(farm) == ["/domain/shop.test"]


def test_checks_that_are_due_together_share_one_question(farm: Farm, public: Any) -> None:
    farm.registers("shop.test", days=100)
    for number in range(5):
        public.start(DomainPlan("shop.test"), number)

    results = drain(public, 5)

    assert len({result.domain_expires_at for result in results.values()}) == 1
    assert rdap_questions(farm) == ["/domain/shop.test"]


def test_not_knowing_is_remembered_as_well(farm: Farm, public: Any) -> None:
    for number in range(2):
        public.start(DomainPlan("unknown.test"), number)
        drain(public, 1)

    assert farm.whois_asked == ["unknown.test"]


def test_a_base_address_may_name_the_kind_of_object_or_not() -> None:
    assert rdap_address("https://rdap.example", "a.test") == "https://rdap.example/domain/a.test"
    assert rdap_address("https://rdap.example/v1/", "a.test") == "https://rdap.example/v1/domain/a.test"
    assert rdap_address("https://rdap.org/domain/", "a.test") == "https://rdap.org/domain/a.test"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"events":[{"eventAction":"expiration","eventDate":"2027-01-02T03:04:05Z"}]}', (2027, 1, 2, 3)),
        (b'{"events":[{"eventAction":"expiration","eventDate":"2027-01-02T03:04:05+02:00"}]}', (2027, 1, 2, 1)),
        (b'{"events":[{"eventAction":"expiration","eventDate":"2027-01-02T03:04:05"}]}', (2027, 1, 2, 3)),
        (b'{"events":[{"eventAction":"registration","eventDate":"2027-01-02T03:04:05Z"}]}', None),
        (b'{"events":[{"eventAction":"expiration","eventDate":7}]}', None),
        (b'{"events":[{"eventAction":"expiration","eventDate":"9999-12-31T23:59:59-14:00"}]}', None),
        (b'{"events":[{"eventAction":"expiration","eventDate":"0001-01-01T00:00:00+14:00"}]}', None),
        (b'{"events":["x", null]}', None),
        (b'{"events":{}}', None),
        (b"[1]", None),
        (b"not json", None),
        (b"[" * 100_000, None),
    ],
)
def test_an_rdap_answer_is_read_without_trust(body: bytes, expected: tuple[int, ...] | None) -> None:
    found = rdap_expiry(body)

    assert (found and (found.year, found.month, found.day, found.hour)) == expected


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("www.example.co.uk", "example.co.uk"),
        ("www.shop.test", "shop.test"),
        ("com", ""),
        ("localhost", ""),
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
    ],
)
def test_the_registered_domain_of_a_host(host: str, domain: str) -> None:
    assert domain_of(host) == domain


def test_the_table_of_servers_and_the_referral_of_the_root() -> None:
    assert server_for("example.com") == "whois.verisign-grs.com"
    assert server_for("example.test") == ""
    assert referral_in("% IANA\nrefer:        whois.nic.Example\n\ndomain: X") == "whois.nic.example"
    assert referral_in("nothing here") == ""


@pytest.mark.parametrize(
    "line",
    [
        "Registry Expiry Date: 2027-08-13T04:00:00Z",
        "Registrar Registration Expiration Date: 2027-08-13T04:00:00Z",
        "Expiration Date: 2027-08-13T04:00:00Z",
        "Expiry Date: 2027-08-13",
    ],
)
def test_the_usual_spellings_of_an_expiry(line: str) -> None:
    found = expiry_in(f"Domain Name: A.COM\r\n{line}\r\n", "a.com")

    assert found is not None
    assert (found.year, found.month, found.day, found.tzinfo) == (2027, 8, 13, UTC)


def test_a_text_without_an_expiry_has_none() -> None:
    assert expiry_in("No match for domain", "a.com") is None


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "99999999999999999999",
        "2026-01-01T00:00:00+99:99",
        "31-Feb-2026",
        "",
    ],
)
def test_a_date_that_no_calendar_has_is_no_expiry(text: str) -> None:
    assert expiry_in(f"Domain Name: A.COM\r\nRegistry Expiry Date: {text}\r\n", "a.com") is None
