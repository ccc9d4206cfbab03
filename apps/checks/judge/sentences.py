"""Failed assertions in words: what was expected, and what came instead."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_LABELS = {
    "status_code": "the status",
    "response_time_ms": "the response time in ms",
    "body": "the body",
    "body_size": "the size of the body in bytes",
    "redirect_count": "the number of redirects",
    "final_url": "the final address",
}
_PHRASES = {
    "eq": "to be",
    "ne": "not to be",
    "lt": "to be below",
    "lte": "to be at most",
    "gt": "to be above",
    "gte": "to be at least",
    "contains": "to contain",
    "not_contains": "not to contain",
    "matches": "to match",
    "not_matches": "not to match",
    "exists": "to exist",
    "not_exists": "not to exist",
    "in": "to be one of",
    "not_in": "not to be one of",
    "type_is": "to be of type",
    "length_eq": "to have the length",
    "length_lt": "to be shorter than",
    "length_gt": "to be longer than",
    "is_empty": "to be empty",
    "not_empty": "not to be empty",
}
_LONGEST = 80


def failure(assertion: Mapping[str, Any], found: Sequence[Any], reason: str) -> str:
    """One sentence, such as: Expected the status to be one of 200-299, 304, got 503."""
    label, expectation = _label(assertion), _expectation(assertion)
    if reason == "invalid_json":
        return f"Expected {label} {expectation}, but the body is not JSON."
    if reason == "missing":
        return f"Expected {label} {expectation}, but there is none."
    if reason == "timeout":
        return f"The rule for {label} took too long."
    if reason == "invalid_rule":
        return f"The rule for {label} cannot be evaluated."
    # A body is neither short nor ours to repeat.
    shown = "" if assertion.get("source") == "body" or len(found) != 1 else f", got {_spell(found[0])}"
    return f"Expected {label} {expectation}{shown}."


def _label(assertion: Mapping[str, Any]) -> str:
    source = str(assertion.get("source"))
    if source == "json":
        return _cut(str(assertion.get("path")))
    if source == "header":
        return f"the header {_cut(str(assertion.get('name')))}"
    return _LABELS.get(source, source)


def _expectation(assertion: Mapping[str, Any]) -> str:
    op, value = str(assertion.get("op")), assertion.get("value")
    phrase = _PHRASES.get(op, op)
    if op in ("exists", "not_exists", "is_empty", "not_empty"):
        return phrase
    if isinstance(value, list) and op in ("in", "not_in"):
        return f"{phrase} {_cut(', '.join(str(item) for item in value))}"
    return f"{phrase} {_spell(value)}"


def _spell(value: Any) -> str:
    if isinstance(value, dict | list):
        # Deep or large values are not worth a sentence.
        return "an object" if isinstance(value, dict) else "an array"
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    # JSON can spell half a surrogate pair, which no database stores.
    clean = text[: _LONGEST + 1].encode(errors="replace").decode()
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 3]}..."
