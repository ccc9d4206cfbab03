"""The verdict on an answered HTTP exchange (contract Dashmon 6.1; vectors dashmon_assertions.json)."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from apps.checks.headers import named
from apps.checks.judge import sentences
from apps.checks.judge.charsets import body_text
from apps.checks.judge.operators import JSON_OPERATORS, STATUS_OPERATORS, TEXT_OPERATORS, Operator
from apps.checks.types import Failure, HttpFacts, Status
from apps.devices.json_paths import PathError, compile_path
from apps.devices.patterns import SEARCH_SECONDS, PatternError, search

Severity = Literal["", "warning", "critical"]
Reason = Literal["mismatch", "missing", "invalid_json", "timeout", "invalid_rule"]

# Processor time one exchange may take: thirty rules over a megabyte of JSON could hold up a worker for minutes.
JUDGE_SECONDS = 0.5

IMPLICIT_STATUS = "implicit_status"

_OPERATORS = {
    "status_code": STATUS_OPERATORS,
    "header": TEXT_OPERATORS,
    "body": TEXT_OPERATORS,
    "final_url": TEXT_OPERATORS,
}


@dataclass(frozen=True, slots=True)
class FailedAssertion:
    """One assertion that did not hold, why, and a sentence for people."""

    id: str
    severity: Literal["down", "warning"]
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class HttpVerdict:
    """Status, the ids of failed assertions in order, and how loud a warning is.

    `severity` is "critical" when down, "warning" when warning, "" when up. `error` is the wire's word:
    "assertion", the transport's own (dns, connect, tls ...), or "" when nothing failed. `degraded` says
    the answer was slower than `degradedMs`; `failures` explains each entry of `failed`.
    """

    status: Status
    failed: tuple[str, ...]
    severity: Severity
    error: str = ""
    degraded: bool = False
    failures: tuple[FailedAssertion, ...] = ()


FINE = HttpVerdict("up", (), "")


class InvalidBodyError(ValueError):
    """The body is not a JSON document."""


class BudgetSpentError(Exception):
    """The exchange has had its share of processor time; what is left of its rules counts as failed."""


def judge_http(config: Mapping[str, Any], facts: HttpFacts | Failure) -> HttpVerdict:
    """Judge an exchange by a synthetic document's `assertions` and `degradedMs`; never raises on any body.

    Without an assertion on `status_code` a status below 500 is required, named `implicit_status`.
    A transport that broke is down, and no assertion is looked at.
    """
    if isinstance(facts, Failure):
        return HttpVerdict("down", (), "critical", facts.error)
    exchange = Exchange(facts)
    assertions = config.get("assertions") or ()
    failures = []
    if facts.status >= 500 and all(each.get("source") != "status_code" for each in assertions):
        sentence = f"Expected a status below 500, got {facts.status}."
        failures.append(FailedAssertion(IMPLICIT_STATUS, "down", "mismatch", sentence))
    failures += [failure for each in assertions if (failure := judge_assertion(each, exchange))]
    limit = config.get("degradedMs")
    degraded = limit is not None and facts.elapsed_ms > limit
    if not failures and not degraded:
        return FINE
    broken = any(failure.severity == "down" for failure in failures)
    return HttpVerdict(
        status="down" if broken else "warning",
        failed=tuple(failure.id for failure in failures),
        severity="critical" if broken else "warning",
        error="assertion" if failures else "",
        degraded=degraded,
        failures=tuple(failures),
    )


class Exchange:
    """Facts read once, however many assertions look at them."""

    def __init__(self, facts: HttpFacts) -> None:
        self.facts = facts
        self._began = time.monotonic()
        self._ends_at: float | None = None
        self._text: str | None = None

    def spend(self) -> None:
        """Raise BudgetSpentError once the time is up."""
        if self._ends_at is not None:
            if time.thread_time() > self._ends_at:
                raise BudgetSpentError
        elif time.monotonic() - self._began > JUDGE_SECONDS:
            # Asking for processor time is dear, and before all this time has passed it cannot have been spent.
            self._ends_at = time.thread_time() + JUDGE_SECONDS

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = body_text(self.facts.body, self.header("content-type"))
        return self._text

    @cached_property
    def document(self) -> Any:
        """The body as JSON, strictly; wrapped so that a failure is remembered, not repeated."""
        try:
            return json.loads(self.facts.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return InvalidBodyError()

    def header(self, name: str) -> list[str]:
        values = named(self.facts.headers, name)
        return [", ".join(values)] if values else []

    def nodes(self, assertion: Mapping[str, Any]) -> list[Any]:
        """The values an assertion speaks of: none, one, or several; InvalidBodyError without a document."""
        source, facts = assertion.get("source"), self.facts
        if source == "json":
            if isinstance(self.document, InvalidBodyError):
                raise self.document
            return compile_path(str(assertion.get("path"))).find(self.document)
        if source == "header":
            return self.header(str(assertion.get("name")))
        if source == "body":
            return [self.text]
        plain = {
            "status_code": facts.status,
            "response_time_ms": facts.elapsed_ms,
            "body_size": len(facts.body),
            "redirect_count": facts.redirects,
            "final_url": facts.final_url,
        }
        return [plain[source]] if source in plain else []


def judge_assertion(assertion: Mapping[str, Any], exchange: Exchange) -> FailedAssertion | None:
    """None when the assertion holds, else why it does not."""
    found: list[Any] = []
    reason: Reason | None
    try:
        exchange.spend()
        found = exchange.nodes(assertion)
        reason = _fault(assertion, found, exchange)
    except InvalidBodyError:
        reason = "invalid_json"
    except BudgetSpentError:
        reason = "timeout"
    except (PathError, PatternError):
        # Refused when the document is saved; a rule that cannot be read must not pass for a success.
        reason = "invalid_rule"
    if reason is None:
        return None
    severity: Literal["down", "warning"] = "warning" if assertion.get("severity") == "warning" else "down"
    sentence = sentences.failure(assertion, found, reason)
    return FailedAssertion(str(assertion.get("id", "")), severity, reason, sentence)


def operators_of(source: str) -> Mapping[str, Operator]:
    """What may be asked of the values of a source, beside the patterns."""
    return _OPERATORS.get(source, JSON_OPERATORS)


def _fault(assertion: Mapping[str, Any], found: list[Any], exchange: Exchange) -> Reason | None:
    op, value = str(assertion.get("op")), assertion.get("value")
    if not found:
        return None if op in ("not_exists", "is_empty") else "missing"
    if op in ("matches", "not_matches"):
        return _pattern_fault(assertion, found)
    test = operators_of(str(assertion.get("source"))).get(op)
    if test is None:
        return "invalid_rule"
    every = assertion.get("quantifier") == "all"
    if len(found) == 1:
        return None if test(found[0], value) else "mismatch"
    for node in found:
        exchange.spend()
        if test(node, value) is not every:
            return "mismatch" if every else None
    return None if every else "mismatch"


def _pattern_fault(assertion: Mapping[str, Any], found: list[Any]) -> Reason | None:
    """Search node by node within one time cap for the whole assertion."""
    wanted, every = assertion.get("op") == "matches", assertion.get("quantifier") == "all"
    pattern, deadline = str(assertion.get("value")), time.monotonic() + SEARCH_SECONDS
    for node in found:
        passed = False
        if isinstance(node, str):
            left = deadline - time.monotonic()
            hit = search(pattern, node, seconds=left) if left > 0 else None
            if hit is None:
                return "timeout"
            passed = hit is wanted
        if passed is not every:
            return None if passed else "mismatch"
    return None if every else "mismatch"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
