"""DNS configurations: defaults, every refusal by its path, resolvers the guard forbids."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.devices import dns_config

DOCUMENT: dict[str, Any] = {
    "hostname": "example.com",
    "recordType": "A",
    "resolvers": ["system"],
    "match": "exact",
    "expected": ["203.0.113.10", "203.0.113.11"],
    "ttl": {"min": None, "max": None},
    "requireAuthenticated": False,
    "timeoutMs": 5000,
    "retries": 1,
}


def fields(document: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as refused:
        dns_config.normalise(document)
    return sorted(refused.value.fields)


def test_a_whole_document_stays_as_it_is_wrapped_or_not() -> None:
    assert dns_config.normalise(DOCUMENT) == DOCUMENT
    assert dns_config.normalise({"config": DOCUMENT}) == DOCUMENT


def test_a_name_alone_asks_for_any_answer() -> None:
    result = dns_config.normalise({"hostname": "Example.COM."})

    assert result == dns_config.defaults(hostname="example.com")
    assert dns_config.normalise({}, hostname="example.com") == result


def test_records_alone_are_to_be_matched_exactly() -> None:
    assert dns_config.normalise({"hostname": "example.com", "expected": ["192.0.2.1"]})["match"] == "exact"


@pytest.mark.parametrize("name", ["münchen.example", "MÜNCHEN.example."])
def test_a_name_is_asked_in_its_ascii_spelling(name: str) -> None:
    assert dns_config.normalise({"hostname": name})["hostname"] == "xn--mnchen-3ya.example"


@pytest.mark.parametrize("name", ["_sip._tcp.example.com", "203.0.113.7", "2001:db8::1", "*.example.com", "localhost"])
def test_service_names_and_addresses_can_be_asked(name: str) -> None:
    assert dns_config.normalise({"hostname": name, "recordType": "PTR"})["hostname"] == name


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a..b", "-a.example", "x" * 64, ".".join(["abc"] * 70), "a\x00b", 5, None]
)
def test_what_is_no_name_is_refused(name: Any) -> None:
    assert fields({"hostname": name}) == ["hostname"]


@pytest.mark.parametrize(
    "resolver",
    ["system", "8.8.8.8", "8.8.8.8:5353", "2606:4700:4700::1111", "[2606:4700:4700::1111]:53", "https://dns.example/q"],
)
def test_resolvers_are_addresses_or_dns_over_https(resolver: str) -> None:
    assert dns_config.normalise({"hostname": "a.example", "resolvers": [resolver]})["resolvers"] == [resolver]


@pytest.mark.parametrize(
    "resolver",
    [
        "",
        "dns.example",
        "8.8.8.8:0",
        "8.8.8.8:65536",
        "8.8.8.8:x",
        "[::1",
        "[::1]53",
        "http://dns.example/q",
        "udp://8.8.8.8",
        "169.254.169.254",
        "[fe80::1%eth0]:53",
        "https://169.254.169.254/q",
        53,
        None,
    ],
)
def test_a_resolver_that_cannot_or_may_not_be_asked_is_refused_by_its_place(resolver: Any) -> None:
    assert fields({"hostname": "a.example", "resolvers": ["system", resolver]}) == ["resolvers[1]"]


def test_every_bad_field_is_named_at_once() -> None:
    document = {
        "hostname": "a.example",
        "recordType": "HINFO",
        "resolvers": "system",
        "match": "roughly",
        "expected": [5],
        "ttl": {"min": 10, "max": 5, "mean": 7},
        "requireAuthenticated": 1,
        "timeoutMs": 499,
        "retries": 11,
        "extra": 1,
    }

    assert fields(document) == [
        "expected[0]",
        "extra",
        "match",
        "recordType",
        "requireAuthenticated",
        "resolvers",
        "retries",
        "timeoutMs",
        "ttl.max",
        "ttl.mean",
    ]


@pytest.mark.parametrize("match", ["exact", "contains_all", "contains_any", "not_contains"])
def test_a_comparison_needs_something_to_compare_with(match: str) -> None:
    assert fields({"hostname": "a.example", "match": match}) == ["expected"]


@pytest.mark.parametrize(
    ("kind", "record"), [("A", "2001:db8::1"), ("AAAA", "192.0.2.1"), ("A", "one"), ("TXT", " "), ("TXT", "a\x00")]
)
def test_expected_records_fit_their_type(kind: str, record: str) -> None:
    assert fields({"hostname": "a.example", "recordType": kind, "expected": [record]}) == ["expected[0]"]


@pytest.mark.parametrize(
    "edge", [{"timeoutMs": 500}, {"timeoutMs": 60_000}, {"retries": 0}, {"retries": 10}, {"ttl": {"min": 0}}]
)
def test_the_edges_are_allowed(edge: dict[str, Any]) -> None:
    result = dns_config.normalise({"hostname": "a.example"} | edge)

    assert dns_config.normalise(result) == result


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(DOCUMENT)), anything, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_document_is_refused_by_name_or_normalised_for_good(changes: dict[str, Any]) -> None:
    named: dict[str, str] = {}
    try:
        result = dns_config.normalise(DOCUMENT | changes)
    except InvalidInputError as refused:
        named = refused.fields

    assert named or dns_config.normalise(result) == result
