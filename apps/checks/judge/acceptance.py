"""A document's rules made ready once: an answer that keeps them all is recognised in a few comparisons. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.checks.headers import Headers, named
from apps.checks.judge.assertions import operators_of
from apps.checks.judge.charsets import body_text
from apps.checks.types import HttpFacts


def _text_of(facts: HttpFacts) -> str:
    headers = facts.headers
    if isinstance(headers, Headers) and not headers.mention(b"charset"):
        # No sender without a word about it has another than this one.
        return facts.body.decode("utf-8", "replace")
    values = named(headers, "content-type")
    return body_text(facts.body, [", ".join(values)] if values else [])


# Sources that are a single value, and that cost nothing to read.
_PLAIN: Mapping[str, Callable[[HttpFacts], Any]] = {
    "status_code": lambda facts: facts.status,
    "response_time_ms": lambda facts: facts.elapsed_ms,
    "body_size": lambda facts: len(facts.body),
    "redirect_count": lambda facts: facts.redirects,
    "final_url": lambda facts: facts.final_url,
    "body": _text_of,
}
# A longer text, and more rules, are for the judge, who looks at the time they take.
LONGEST_BODY = 64 * 1024
MOST_RULES = 8

Test = tuple[Callable[[HttpFacts], Any], Callable[[Any, Any], bool], Any]


class Acceptance:
    """Whether an answer keeps all rules of a synthetic document, as far as that can be said at a glance.

    True is what `judge_http` would find as well: nothing. False says nothing: then the judge is asked.
    """

    __slots__ = ("_limit_ms", "_tests", "_watches_status")

    def __init__(self, config: Mapping[str, Any]) -> None:
        assertions = config.get("assertions") or ()
        self._watches_status = any(each.get("source") == "status_code" for each in assertions)
        self._limit_ms = config.get("degradedMs")
        self._tests = _tests_of(assertions)

    def covers(self, facts: HttpFacts) -> bool:
        if self._tests is None or len(facts.body) > LONGEST_BODY:
            return False
        if facts.status >= 500 and not self._watches_status:
            return False
        if self._limit_ms is not None and facts.elapsed_ms > self._limit_ms:
            return False
        for read, test, value in self._tests:  # noqa: SIM110  # a generator would cost more than the tests
            if not test(read(facts), value):
                return False
        return True


def _tests_of(assertions: Sequence[Mapping[str, Any]]) -> list[Test] | None:
    """What is to be compared with what; None when a rule is not of the plain kind."""
    tests: list[Test] = []
    for each in assertions:
        source = str(each.get("source"))
        read, test = _PLAIN.get(source), operators_of(source).get(str(each.get("op")))
        if read is None or test is None or len(tests) == MOST_RULES:
            return None
        tests.append((read, test, each.get("value")))
    return tests
