"""Verdicts on answered exchanges beyond the vector file: hostile bodies, quantifiers, sentences."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.checks.judge.assertions import judge_http
from apps.checks.types import Failure, HttpFacts
from apps.devices.assertion_rules import OPERATORS, SOURCES


def facts(body: bytes = b"", *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> HttpFacts:
    return HttpFacts(status, 120.0, headers, body, 0, "https://shop.example/health")


def failed(body: bytes, **assertion: Any) -> tuple[str, ...]:
    return judge_http({"assertions": [{"id": "a1", **assertion}]}, facts(body)).failed


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html; charset=iso-8859-1", b"gr\xfcn", "grün"),
        ('text/html; charset="windows-1252"', b"\x80", "€"),
        ("text/html; charset=Shift_JIS", "駅".encode("shift_jis"), "駅"),
        ("text/html; charset=no-such-thing", "grün".encode(), "grün"),
        ("text/html; charset=rot13", b"abc", "abc"),
        ("text/html; charset=latin99", b"abc", "abc"),
        ("text/html", b"gr\xfcn", "gr\ufffdn"),
    ],
)
def test_a_body_is_read_in_the_character_set_its_sender_names(content_type: str, body: bytes, text: str) -> None:
    config = {"assertions": [{"id": "a1", "source": "body", "op": "eq", "value": text}]}

    assert judge_http(config, facts(body, headers=(("Content-Type", content_type),))).failed == ()


def document(**assertion: Any) -> bool:
    """Whether an assertion on the root of a document holds."""
    body = json.dumps(assertion.pop("of")).encode()
    return not failed(body, **({"source": "json", "path": "$"} | assertion))


def test_without_a_status_assertion_a_status_below_500_is_required() -> None:
    verdict = judge_http({}, facts(status=503))

    assert (verdict.status, verdict.failed, verdict.error) == ("down", ("implicit_status",), "assertion")
    assert verdict.failures[0].sentence == "Expected a status below 500, got 503."


def test_the_implicit_status_stands_before_the_assertions_that_failed_with_it() -> None:
    config = {"assertions": [{"id": "a1", "source": "body", "op": "contains", "value": "ok"}]}

    assert judge_http(config, facts(b"no", status=500)).failed == ("implicit_status", "a1")


def test_a_broken_transport_is_down_with_its_own_word_and_no_assertion_is_looked_at() -> None:
    config = {"assertions": [{"id": "a1", "source": "status_code", "op": "eq", "value": 200}]}

    verdict = judge_http(config, Failure("connect", "refused", "Connection refused."))

    assert (verdict.status, verdict.failed, verdict.error) == ("down", (), "connect")


def test_a_slow_answer_is_a_warning_that_says_so() -> None:
    verdict = judge_http({"degradedMs": 119}, facts())

    assert (verdict.status, verdict.severity, verdict.degraded, verdict.error) == ("warning", "warning", True, "")


def test_a_failed_warning_leaves_the_status_at_warning() -> None:
    config = {"assertions": [{"id": "a1", "source": "body", "op": "eq", "value": "x", "severity": "warning"}]}

    verdict = judge_http(config, facts(b"y"))

    assert (verdict.status, verdict.severity, verdict.failed) == ("warning", "warning", ("a1",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{",
        b"NaN",
        b'{"a": Infinity}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 5_000,
    ],
)
@pytest.mark.parametrize("op", ["exists", "not_exists", "is_empty"])
def test_a_body_that_is_no_json_fails_every_json_assertion(body: bytes, op: str) -> None:
    config = {"assertions": [{"id": "a1", "source": "json", "path": "$.a", "op": op}]}

    verdict = judge_http(config, facts(body))

    assert verdict.failed == ("a1",)
    assert verdict.failures[0].reason == "invalid_json"


def test_a_deeply_nested_document_that_can_be_read_is_judged() -> None:
    body = b'{"a":' * 800 + b"7" + b"}" * 800

    assert failed(body, source="json", path="$..a..a..a", op="eq", value=7) == ()


def test_a_hostile_document_under_a_recursive_path_takes_no_time() -> None:
    body = b'{"a":' * 800 + json.dumps([0] * 100_000).encode() + b"}" * 800
    began = time.monotonic()

    assert failed(body, source="json", path="$..a..a..a..a.z", op="exists") == ("a1",)

    # Walking every pair of nested nodes would take minutes.
    assert time.monotonic() - began < 10


def test_a_pattern_that_backtracks_for_ever_fails_whatever_it_was_to_find() -> None:
    body = b"a" * 5_000 + b"b"
    for op in ("matches", "not_matches"):
        config = {"assertions": [{"id": "a1", "source": "body", "op": op, "value": "(a+)+$"}]}

        verdict = judge_http(config, facts(body))

        assert verdict.failed == ("a1",)
        assert verdict.failures[0].reason == "timeout"


def test_the_time_cap_of_a_pattern_covers_all_its_nodes_together() -> None:
    body = json.dumps(["a" * 2_000 + "b"] * 200).encode()
    began = time.monotonic()

    assert failed(body, source="json", path="$[*]", op="matches", value="(a+)+$", quantifier="all")

    assert time.monotonic() - began < 5  # 200 caps of their own would take ten seconds


def test_many_costly_rules_share_one_budget_and_the_rest_fails() -> None:
    body = b"[" + b",".join([b"[]"] * 300_000) + b"]"
    rules = [
        {"id": f"a{n}", "source": "json", "path": "$[*]", "op": "not_in", "value": [[n]] * 100, "quantifier": "all"}
        for n in range(30)
    ]
    began = time.thread_time()

    verdict = judge_http({"assertions": rules}, facts(body))

    # On its own each of these rules takes many seconds.
    assert time.thread_time() - began < 5
    assert {failure.reason for failure in verdict.failures} == {"timeout"}
    assert len(verdict.failed) == 30


@pytest.mark.parametrize(
    ("quantifier", "op", "value", "holds"),
    [
        ("any", "gt", 2, True),
        ("all", "gt", 2, False),
        ("all", "gt", 0, True),
        ("any", "gt", 3, False),
        ("any", "ne", 1, True),
        ("all", "ne", 1, False),
        ("all", "in", [1, 2, 3], True),
        ("all", "exists", None, True),
        ("any", "not_exists", None, False),
    ],
)
def test_quantifiers_speak_of_one_node_or_of_all(quantifier: str, op: str, value: Any, holds: bool) -> None:
    body = b"[1, 2, 3]"

    assert (not failed(body, source="json", path="$[*]", op=op, value=value, quantifier=quantifier)) is holds


@pytest.mark.parametrize(
    ("pattern", "quantifier", "holds"),
    [
        ("^a", "any", True),
        ("^a", "all", False),
        ("[ab]", "all", True),
        ("c", "any", False),
    ],
)
def test_patterns_follow_the_quantifier_too(pattern: str, quantifier: str, holds: bool) -> None:
    body = b'["a1", "b2"]'

    found = failed(body, source="json", path="$[*]", op="matches", value=pattern, quantifier=quantifier)
    assert (not found) is holds


@pytest.mark.parametrize("op", [op for op in OPERATORS if op not in ("not_exists", "is_empty")])
@pytest.mark.parametrize("quantifier", ["any", "all"])
def test_without_a_node_only_absence_and_emptiness_hold(op: str, quantifier: str) -> None:
    assert failed(b"{}", source="json", path="$.a", op=op, value=1, quantifier=quantifier) == ("a1",)


@pytest.mark.parametrize(
    ("of", "op", "value"),
    [
        (5, "contains", "5"),
        (5, "not_contains", "5"),
        (None, "not_contains", "x"),
        (["a"], "matches", "a"),
        (["a"], "not_matches", "b"),
        ("abc", "contains", 1),
        (True, "length_eq", 1),
        ("5", "lt", 6),
        (True, "gt", 0),
    ],
)
def test_an_operator_that_makes_no_sense_fails_and_so_does_its_negation(of: Any, op: str, value: Any) -> None:
    assert not document(of=of, op=op, value=value)


@pytest.mark.parametrize(
    ("of", "value", "same"),
    [
        (1, 1.0, True),
        ("1", 1, False),
        (True, 1, False),
        (0, False, False),
        (None, None, True),
        (None, 0, False),
        ([1, 2], [1.0, 2], True),
        ([1, 2], [2, 1], False),
        ({"a": [1]}, {"a": [1.0]}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({}, [], False),
        ("", [], False),
        (12345678901234567890, 12345678901234567890, True),
        (12345678901234567890, 12345678901234567891, False),
    ],
)
def test_json_is_compared_by_type(of: Any, value: Any, same: bool) -> None:
    assert document(of=of, op="eq", value=value) is same
    assert document(of=of, op="ne", value=value) is not same


@pytest.mark.parametrize(
    ("text", "op", "value", "holds"),
    [
        ("42", "eq", 42, True),
        (" 42.50 ", "eq", 42.5, True),
        ("42", "eq", "42", True),
        ("42.0", "eq", "42", False),
        ("forty-two", "ne", 42, False),
        ("nan", "lt", 1, False),
        ("1_000", "gt", 1, False),
        ("-3", "lt", 0, True),
        ("4٢", "eq", 42, False),
        ("7", "in", ["six", 7], True),
        ("seven", "not_in", [7], True),
        ("true", "eq", True, False),
    ],
)
def test_text_is_a_number_only_where_a_number_is_asked_for(text: str, op: str, value: Any, holds: bool) -> None:
    config = {"assertions": [{"id": "a1", "source": "header", "name": "X-Left", "op": op, "value": value}]}

    verdict = judge_http(config, facts(headers=(("x-left", text),)))

    assert (verdict.status == "up") is holds


@pytest.mark.parametrize(
    ("assertion", "body", "sentence"),
    [
        (
            {"source": "status_code", "op": "in", "value": ["201-299", 304]},
            b"",
            "Expected the status to be one of 201-299, 304, got 200.",
        ),
        (
            {"source": "json", "path": "$.db", "op": "eq", "value": "ok"},
            b'{"db": "gone"}',
            'Expected $.db to be "ok", got "gone".',
        ),
        (
            {"source": "json", "path": "$.db", "op": "exists"},
            b"{}",
            "Expected $.db to exist, but there is none.",
        ),
        (
            {"source": "json", "path": "$.db", "op": "exists"},
            b"<html>",
            "Expected $.db to exist, but the body is not JSON.",
        ),
        ({"source": "body", "op": "contains", "value": "ok"}, b"secret", 'Expected the body to contain "ok".'),
    ],
)
def test_a_failed_assertion_says_what_was_expected_and_what_came(
    assertion: dict[str, Any], body: bytes, sentence: str
) -> None:
    config = {"assertions": [{"id": "a1", **assertion}]}

    assert judge_http(config, facts(body)).failures[0].sentence == sentence


def test_a_sentence_can_always_be_stored() -> None:
    body = b'{"a": "\\ud800\\u0000 ' + b"x" * 500 + b'"}'

    verdict = judge_http(
        {"assertions": [{"id": "a1", "source": "json", "path": "$.a", "op": "eq", "value": 1}]}, facts(body)
    )

    sentence = verdict.failures[0].sentence
    assert sentence.encode()
    assert "\x00" not in sentence
    assert len(sentence) < 200


@pytest.mark.parametrize(
    "assertion",
    [
        {"source": "json", "path": "$[?@.a]", "op": "exists"},
        {"source": "body", "op": "matches", "value": "("},
        {"source": "body", "op": "resembles", "value": "x"},
        {"source": "weather", "op": "eq", "value": "x"},
        {},
    ],
)
def test_a_rule_that_cannot_be_read_fails_instead_of_passing(assertion: dict[str, Any]) -> None:
    assert failed(b"{}", **assertion) == ("a1",)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
paths = st.sampled_from(["$", "$.a", "$..a", "$[*]", "$.*", "$[0]", "$[-1]", "$[0:2]", "$['a b']"])
bodies = st.binary(max_size=64) | values.map(lambda value: json.dumps(value).encode())


@given(
    body=bodies,
    source=st.sampled_from(SOURCES),
    op=st.sampled_from(OPERATORS),
    value=values,
    path=paths,
    quantifier=st.sampled_from(["any", "all"]),
)
@settings(max_examples=400, deadline=None)
def test_every_operator_answers_on_every_source_whatever_the_body(  # noqa: PLR0917  # hypothesis fills them by name
    body: bytes, source: str, op: str, value: Any, path: str, quantifier: str
) -> None:
    assertion = {"source": source, "op": op, "value": value, "path": path, "name": "a", "quantifier": quantifier}

    assert failed(body, **assertion) in ((), ("a1",))


@given(value=values)
@settings(max_examples=200, deadline=None)
def test_a_document_equals_itself_and_differs_from_itself_in_a_list(value: Any) -> None:
    # The body travels as JSON, so the expectation does too.
    expected = json.loads(json.dumps(value))

    assert document(of=value, op="eq", value=expected)
    assert document(of=value, op="ne", value=[expected])
    assert document(of=[value], op="contains", value=expected)


@given(value=values, other=values)
@settings(max_examples=200, deadline=None)
def test_equality_is_symmetric_and_ne_is_its_opposite(value: Any, other: Any) -> None:
    same = document(of=value, op="eq", value=other)

    assert document(of=other, op="eq", value=value) is same
    assert document(of=value, op="ne", value=other) is not same
