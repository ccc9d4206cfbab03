"""Synthetic documents: defaults, every refusal by its path, and what a kind can mean."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import DomainError, InvalidInputError, UnsupportedError
from apps.devices import synthetic
from apps.devices.assertion_rules import LENGTHS, MEMBERSHIP, OPERATORS, ORDER, SOURCES, TEXTUAL, VALUELESS

DOCUMENT: dict[str, Any] = {
    "enabled": True,
    "request": {
        "method": "GET",
        "url": "https://shop.example/health",
        "headers": {"Accept": "application/json"},
        "body": None,
        "timeoutMs": 15000,
        "followRedirects": True,
        "maxRedirects": 10,
        "tlsVerify": True,
        "ipFamily": "auto",
    },
    "degradedMs": 2000,
    "assertions": [
        {"id": "a1", "source": "status_code", "op": "in", "value": ["200-299", 304], "severity": "down"},
        {"id": "a2", "source": "response_time_ms", "op": "lt", "value": 1500, "severity": "warning"},
        {"id": "a3", "source": "header", "name": "content-type", "op": "contains", "value": "json"},
        {"id": "a4", "source": "json", "path": "$.db.status", "op": "eq", "value": "ok"},
        {"id": "a5", "source": "body", "op": "not_contains", "value": "Fatal error"},
    ],
    "tls": {
        "enabled": True,
        "warnDays": 30,
        "criticalDays": 7,
        "checkHostname": True,
        "requireTrustedChain": True,
        "minVersion": "TLSv1.2",
    },
    "domain": {"enabled": True, "warnDays": 30, "criticalDays": 7},
}
KINDS = ("http", "auto", "tcp", "ping", "tls", "domain")


def fields(document: Any, kind: str = "http") -> list[str]:
    """The paths of the bad fields, in order."""
    with pytest.raises(InvalidInputError) as refused:
        synthetic.normalise(document, kind=kind)
    return sorted(refused.value.fields)


def assertion(**rule: Any) -> dict[str, Any]:
    return {"assertions": [rule]}


def test_the_whole_document_keeps_what_it_says_and_gains_defaults() -> None:
    result = synthetic.normalise(DOCUMENT, kind="http")

    assert {key: result[key] for key in ("enabled", "request", "degradedMs", "tls", "domain")} == {
        key: DOCUMENT[key] for key in ("enabled", "request", "degradedMs", "tls", "domain")
    }
    assert result["assertions"][0] == DOCUMENT["assertions"][0]
    assert result["assertions"][2] == DOCUMENT["assertions"][2] | {"severity": "down"}
    assert result["assertions"][3] == DOCUMENT["assertions"][3] | {"severity": "down", "quantifier": "any"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_document_is_the_plain_check(kind: str) -> None:
    result = synthetic.normalise({}, kind=kind)

    assert result["enabled"] is True
    assert result.get("assertions", []) == []
    assert result.get("degradedMs") is None
    assert synthetic.normalise(result, kind=kind) == result


def test_a_part_that_is_written_down_is_switched_on() -> None:
    plain, asked = synthetic.normalise({}, kind="http"), synthetic.normalise({"tls": {}, "domain": {}}, kind="http")

    assert (plain["tls"]["enabled"], plain["domain"]["enabled"]) == (False, False)
    assert (asked["tls"]["enabled"], asked["domain"]["enabled"]) == (True, True)
    assert synthetic.normalise({}, kind="tls")["tls"]["enabled"] is True


@pytest.mark.parametrize("kind", ["dns", "heartbeat", "agent"])
def test_kinds_without_a_synthetic_are_unsupported(kind: str) -> None:
    with pytest.raises(UnsupportedError):
        synthetic.normalise(DOCUMENT, kind=kind)


def test_a_port_takes_a_time_limit_and_what_it_says_and_hears() -> None:
    document = {"request": {"timeoutMs": 3000}, "tcp": {"send": "QUIT\r\n", "expect": "221"}}

    assert synthetic.normalise(document, kind="tcp") == {
        "enabled": True,
        "request": {"timeoutMs": 3000},
        "degradedMs": None,
        "tcp": {"send": "QUIT\r\n", "expect": "221"},
    }


def test_what_means_nothing_for_a_kind_is_refused_unless_it_is_empty() -> None:
    assert fields({"assertions": [{}], "tls": {"enabled": True}, "tcp": {"send": "x"}}, "ping") == [
        "assertions",
        "tcp",
        "tls",
    ]
    assert synthetic.normalise({"assertions": [], "tls": None, "tcp": {}}, kind="ping")["enabled"] is True


def test_every_bad_field_is_named_at_once() -> None:
    document = {
        "enabled": "yes",
        "request": {"method": "FETCH", "url": "ftp://x", "timeoutMs": 999, "ipFamily": "5", "extra": 1},
        "degradedMs": 0,
        "assertions": [{"source": "status_code", "op": "in", "value": ["300-200"]}],
        "tls": {"warnDays": 5, "criticalDays": 6},
        "domain": {"warnDays": 1.5},
        "surprise": None,
    }

    assert fields(document) == [
        "assertions[0].value",
        "degradedMs",
        "domain.warnDays",
        "enabled",
        "request.extra",
        "request.ipFamily",
        "request.method",
        "request.timeoutMs",
        "request.url",
        "surprise",
        "tls.criticalDays",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "shop.example",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "http://",
        "http://169.254.169.254/latest/",
        "http://0xa9fea9fe/",
        "http://user:secret@shop.example/",
        "http://shop.example\\@10.0.0.1/",
        "https://shop.example/" + "x" * 2048,
        5,
        "",
    ],
)
def test_a_url_that_may_not_be_asked_is_refused(url: Any) -> None:
    assert fields({"request": {"url": url}}) == ["request.url"]


@pytest.mark.parametrize("timeout_ms", [999, 60_001, "5000", True, 1500.5])
def test_a_time_limit_is_between_one_second_and_a_minute(timeout_ms: Any) -> None:
    for kind in ("http", "tcp", "ping", "tls"):
        assert fields({"request": {"timeoutMs": timeout_ms}}, kind) == ["request.timeoutMs"]


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"X Y": "1"}, "request.headers.X Y"),
        ({"": "1"}, "request.headers"),
        ({"X": 1}, "request.headers.X"),
        ({"X": "a\r\nHost: evil"}, "request.headers.X"),
        ({"X": "a\x00"}, "request.headers.X"),
        ({"Content-Length": "5"}, "request.headers.Content-Length"),
        ({"proxy-authorization": "x"}, "request.headers.proxy-authorization"),
        ({"X": "1", "x": "2"}, "request.headers.x"),
        ({f"X-{n}": "1" for n in range(51)}, "request.headers"),
        (["X"], "request.headers"),
        ({"X": "y" * 5000}, "request.headers.X"),
    ],
)
def test_headers_are_names_with_one_line_each(headers: Any, path: str) -> None:
    assert path in fields({"request": {"headers": headers}})


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"op": "eq", "value": 1}, "source"),
        ({"source": "weather", "op": "eq", "value": 1}, "source"),
        ({"source": "body"}, "op"),
        ({"source": "body", "op": "resembles", "value": "x"}, "op"),
        ({"source": "status_code", "op": "contains", "value": "2"}, "op"),
        ({"source": "status_code", "op": "eq", "value": "200"}, "value"),
        ({"source": "status_code", "op": "eq", "value": True}, "value"),
        ({"source": "status_code", "op": "in", "value": []}, "value"),
        ({"source": "status_code", "op": "in", "value": ["2xx"]}, "value"),
        ({"source": "status_code", "op": "in", "value": "200-299"}, "value"),
        ({"source": "body_size", "op": "lt", "value": None}, "value"),
        ({"source": "body", "op": "lt", "value": "5"}, "value"),
        ({"source": "body", "op": "eq"}, "value"),
        ({"source": "body", "op": "contains", "value": 5}, "value"),
        ({"source": "body", "op": "matches", "value": "("}, "value"),
        ({"source": "body", "op": "matches", "value": "x" * 501}, "value"),
        ({"source": "body", "op": "matches", "value": "((((a?){50}){50}){50}){50}"}, "value"),
        ({"source": "body", "op": "exists", "value": True}, "value"),
        ({"source": "body", "op": "length_eq", "value": -1}, "value"),
        ({"source": "body", "op": "length_eq", "value": 1.0}, "value"),
        ({"source": "body", "op": "type_is", "value": "text"}, "value"),
        ({"source": "body", "op": "contains", "value": "a\x00b"}, "value"),
        ({"source": "body", "op": "contains", "value": "\ud800"}, "value"),
        ({"source": "body", "op": "eq", "value": "x", "severity": "critical"}, "severity"),
        ({"source": "body", "op": "eq", "value": "x", "path": "$.a"}, "path"),
        ({"source": "body", "op": "eq", "value": "x", "name": "x"}, "name"),
        ({"source": "body", "op": "eq", "value": "x", "quantifier": "all"}, "quantifier"),
        ({"source": "body", "op": "eq", "value": "x", "colour": "red"}, "colour"),
        ({"source": "header", "op": "exists"}, "name"),
        ({"source": "header", "op": "exists", "name": "a b"}, "name"),
        ({"source": "json", "op": "exists"}, "path"),
        ({"source": "json", "op": "exists", "path": "$[?@.a]"}, "path"),
        ({"source": "json", "op": "exists", "path": "$..*"}, "path"),
        ({"source": "json", "op": "exists", "path": "$[0,1]"}, "path"),
        ({"source": "json", "op": "exists", "path": "$", "quantifier": "most"}, "quantifier"),
        ({"source": "json", "op": "eq", "path": "$"}, "value"),
        ({"source": "json", "op": "eq", "path": "$", "value": float("nan")}, "value"),
        ({"source": "json", "op": "eq", "path": "$", "value": {"k\x00": 1}}, "value"),
        ({"source": "json", "op": "eq", "path": "$", "value": "x" * 5000}, "value"),
        ({"id": 5, "source": "body", "op": "exists"}, "id"),
    ],
)
def test_a_bad_assertion_is_named_by_its_field(rule: dict[str, Any], path: str) -> None:
    good = {"source": "status_code", "op": "eq", "value": 200}

    assert fields({"assertions": [good, good, rule]}) == [f"assertions[2].{path}"]


def test_an_assertion_that_is_no_object_is_named_itself() -> None:
    assert "assertions[0]" in fields({"assertions": [5]})


def test_null_is_a_value_where_it_is_written_down() -> None:
    result = synthetic.normalise(assertion(source="json", path="$.a", op="eq", value=None), kind="http")

    assert result["assertions"][0]["value"] is None


def test_at_most_thirty_assertions() -> None:
    good = {"source": "status_code", "op": "eq", "value": 200}

    assert fields({"assertions": [good] * 31}) == ["assertions"]
    assert len(synthetic.normalise({"assertions": [good] * 30}, kind="http")["assertions"]) == 30


def test_ids_are_given_where_missing_and_never_twice() -> None:
    good = {"source": "status_code", "op": "eq", "value": 200}

    result = synthetic.normalise({"assertions": [good | {"id": "a2"}, good, good]}, kind="http")
    assert [rule["id"] for rule in result["assertions"]] == ["a2", "a2x", "a3"]
    assert fields({"assertions": [good | {"id": "x"}, good | {"id": "x"}]}) == ["assertions[1].id"]


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_what_is_no_object_is_refused(document: Any) -> None:
    assert fields(document) == ["body"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "source": st.sampled_from(SOURCES) | anything,
        "op": st.sampled_from(OPERATORS) | anything,
        "value": anything,
        "path": st.sampled_from(["$", "$.a", "$..a"]) | anything,
        "name": st.just("x") | anything,
        "quantifier": st.sampled_from(["any", "all"]) | anything,
        "severity": st.sampled_from(["down", "warning"]) | anything,
    },
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans() | anything,
        "request": st.dictionaries(st.sampled_from(sorted(DOCUMENT["request"])), anything) | anything,
        "degradedMs": st.integers(1, 5) | anything,
        "assertions": st.lists(rules, max_size=3) | anything,
        "tls": st.dictionaries(st.sampled_from(sorted(DOCUMENT["tls"])), anything) | anything,
        "domain": anything,
        "tcp": anything,
    },
)


@given(document=documents, kind=st.sampled_from(KINDS))
@settings(max_examples=400, deadline=None)
def test_any_document_is_refused_by_name_or_normalised_for_good(document: Any, kind: str) -> None:
    named: dict[str, str] = {}
    try:
        result = synthetic.normalise(document, kind=kind)
    except InvalidInputError as refused:
        named = refused.fields

    assert named or synthetic.normalise(result, kind=kind) == result


def _value(draw: st.DrawFn, source: str, op: str) -> Any:
    if op in LENGTHS:
        return draw(st.integers(0, 10_000))
    if op in ORDER or (op in ("eq", "ne") and source not in ("json", "header", "body", "final_url")):
        return draw(st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False))
    if op in MEMBERSHIP:
        return draw(st.lists(st.integers(100, 599), min_size=1, max_size=5))
    return "string" if op == "type_is" else draw(st.text("abc", max_size=5))


@st.composite
def good_rules(draw: st.DrawFn) -> dict[str, Any]:
    source = draw(st.sampled_from(["status_code", "body", "header", "json"]))
    options = [op for op in OPERATORS if source != "status_code" or op in ("eq", "ne", *ORDER, *MEMBERSHIP)]
    op = draw(st.sampled_from(options))
    rule: dict[str, Any] = {"source": source, "op": op}
    if op not in VALUELESS:
        rule["value"] = _value(draw, source, op)
    if source == "header":
        rule["name"] = "x-left"
    if source == "json":
        rule["path"] = "$.a"
    assert op not in TEXTUAL or source != "status_code"
    return rule


@given(good=st.lists(good_rules(), max_size=5))
@settings(max_examples=200, deadline=None)
def test_good_assertions_are_kept_word_for_word_and_normalising_again_changes_nothing(
    good: list[dict[str, Any]],
) -> None:
    result = synthetic.normalise({"assertions": good}, kind="http")

    kept = [{key: rule[key] for key in given_} for rule, given_ in zip(result["assertions"], good, strict=True)]
    assert kept == good
    assert synthetic.normalise(result, kind="http") == result


def test_refusals_are_domain_errors_with_the_fields_in_their_details() -> None:
    with pytest.raises(DomainError) as refused:
        synthetic.normalise({"x": 1}, kind="http")

    assert refused.value.details == {"fields": {"x": "Unknown key."}}
