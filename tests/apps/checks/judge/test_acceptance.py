"""What is taken at a glance is what the judge takes, whatever the rules and the answer are."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.checks.headers import Headers
from apps.checks.judge.acceptance import LONGEST_BODY, MOST_RULES, Acceptance
from apps.checks.judge.assertions import FINE, judge_http
from apps.checks.types import HttpFacts
from apps.devices.assertion_rules import OPERATORS, SOURCES

TEXTS = st.sampled_from(["", "ok", "fine", "a1", "12", "200", "200-299", "x", "ü", "https://shop.example/health"])
VALUES = st.one_of(
    TEXTS,
    st.integers(-1, 600),
    st.floats(0, 700),
    st.none(),
    st.lists(st.one_of(TEXTS, st.integers(0, 600)), max_size=3),
)
RULES = st.fixed_dictionaries(
    {"id": st.just("a1"), "source": st.sampled_from(SOURCES), "op": st.sampled_from(OPERATORS), "value": VALUES},
    optional={
        "severity": st.sampled_from(["down", "warning"]),
        "name": st.just("x-node"),
        "path": st.sampled_from(["$", "$.a"]),
        "quantifier": st.sampled_from(["any", "all"]),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"assertions": st.lists(RULES, max_size=3), "degradedMs": st.sampled_from([1, 120, 5000])}
)
LINES = st.lists(
    st.sampled_from(
        [b"X-Node: a1\r\n", b"Content-Type: text/html; charset=utf-16\r\n", b"content-type: text/plain\r\n"]
    )
)
FACTS = st.builds(
    HttpFacts,
    st.sampled_from([200, 204, 404, 500, 503]),
    st.sampled_from([0.5, 120.0, 6000.0]),
    st.one_of(LINES.map(Headers), st.just((("x-node", "a1"), ("Content-Type", "text/html; charset=latin-1")))),
    st.one_of(st.sampled_from([b"", b"ok", b"fine", b"12", b'{"a": 1}', "ü".encode()]), st.binary(max_size=6)),
    st.integers(0, 2),
    TEXTS,
)


@given(DOCUMENTS, FACTS)
@example(
    {"assertions": [{"id": "a1", "source": "body", "op": "contains", "value": "ok"}]},
    HttpFacts(200, 1.0, (), b"ok", 0, "x"),
)
def test_what_is_covered_is_fine_with_the_judge(document: dict[str, Any], facts: HttpFacts) -> None:
    if Acceptance(document).covers(facts):
        assert judge_http(document, facts) is FINE


@given(
    st.lists(
        RULES.filter(lambda rule: rule["source"] not in {"json", "header"} and "matches" not in rule["op"]), max_size=3
    ),
    FACTS,
)
def test_plain_rules_that_are_kept_are_covered(rules: list[dict[str, Any]], facts: HttpFacts) -> None:
    document = {"assertions": rules}

    assert Acceptance(document).covers(facts) is (judge_http(document, facts) is FINE)


@pytest.mark.parametrize(
    ("rules", "body"),
    [(1, b"ok" * LONGEST_BODY), (MOST_RULES + 1, b"ok")],
)
def test_what_takes_long_is_left_to_the_judge_and_his_watch(rules: int, body: bytes) -> None:
    rule = {"id": "a1", "source": "body", "op": "contains", "value": "ok"}

    assert not Acceptance({"assertions": [rule] * rules}).covers(HttpFacts(200, 1.0, (), body, 0, "x"))
