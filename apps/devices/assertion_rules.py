"""The `assertions` of a synthetic document: what may be written (contract Dashmon 6.1)."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from apps.devices.documents import Document, is_storable
from apps.devices.json_paths import MAX_LENGTH as MAX_PATH
from apps.devices.json_paths import PathError, compile_path
from apps.devices.patterns import PatternError, compile_pattern

MAX_ASSERTIONS = 30
MAX_ITEMS = 100
MAX_VALUE = 4096  # characters of a value as JSON

NUMBERS = ("status_code", "response_time_ms", "body_size", "redirect_count")
TEXTS = ("header", "body", "final_url")
SOURCES = (*NUMBERS, *TEXTS, "json")

ORDER = ("lt", "lte", "gt", "gte")
MEMBERSHIP = ("in", "not_in")
LENGTHS = ("length_eq", "length_lt", "length_gt")
VALUELESS = ("exists", "not_exists", "is_empty", "not_empty")
TEXTUAL = ("contains", "not_contains", "matches", "not_matches")
OPERATORS = ("eq", "ne", *ORDER, *TEXTUAL, *MEMBERSHIP, *LENGTHS, *VALUELESS, "type_is")
NUMERIC_OPERATORS = ("eq", "ne", *ORDER, *MEMBERSHIP, "exists", "not_exists")
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110, field names
_ABSENT = object()
_STATUS_RANGE = re.compile(r"([1-9][0-9]{2})-([1-9][0-9]{2})")


def read_assertions(document: Document) -> list[dict[str, Any]]:
    """Every assertion with its defaults: id `a1` ..., severity down, quantifier any (json only)."""
    items, read = document.items("assertions", most=MAX_ASSERTIONS), list[dict[str, Any]]()
    given = [item["id"] for item in items if isinstance(item, Mapping) and isinstance(item.get("id"), str)]
    for index, item in enumerate(items):
        entry = Document(item, path=f"{document.path('assertions')}[{index}]", faults=document.faults)
        rule = _read(entry, default_id=_free_id(index + 1, given))
        entry.refuse_unknown()
        if rule["id"] in [each["id"] for each in read]:
            entry.fault("id", "Each assertion needs an id of its own.")
        read.append(rule)
    return read


def _free_id(number: int, taken: list[str]) -> str:
    name = f"a{number}"
    while name in taken:
        name += "x"
    return name


def is_field_name(text: str) -> bool:
    """Whether the text can name an HTTP header."""
    return _TOKEN.fullmatch(text) is not None


def _read(entry: Document, *, default_id: str) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": entry.text("id", default=default_id, longest=64) or default_id,
        "source": _required(entry, "source", SOURCES),
        "op": _required(entry, "op", OPERATORS),
        "severity": entry.choice("severity", ("down", "warning"), default="down"),
    }
    _read_place(entry, rule)
    if rule["source"] in NUMBERS and rule["op"] and rule["op"] not in NUMERIC_OPERATORS:
        entry.fault("op", f"A number is compared by one of {', '.join(NUMERIC_OPERATORS)}.")
    _read_value(entry, rule)
    return rule


def _required(entry: Document, name: str, options: tuple[str, ...]) -> str:
    value = entry.choice(name, options, default=None)
    if value is None:
        entry.fault(name, f"Must be one of {', '.join(options)}.")
    return value or ""


def _read_place(entry: Document, rule: dict[str, Any]) -> None:
    """Where in the source to look: a header's name, or a path and how many of its nodes must hold."""
    name = entry.text("name", default=None, longest=128, nullable=True)
    path = entry.text("path", default=None, longest=MAX_PATH, nullable=True)
    quantifier = entry.raw("quantifier")
    if rule["source"] == "header":
        rule["name"] = name
        if not is_field_name(name or ""):
            entry.fault("name", "The name of a header is needed.")
    elif name is not None:
        entry.fault("name", "Only a header has a name.")
    if rule["source"] == "json":
        rule["path"], rule["quantifier"] = path, "any" if quantifier is None else quantifier
        _check_path(entry, path)
        if rule["quantifier"] not in ("any", "all"):
            entry.fault("quantifier", "Must be one of any, all.")
    elif path is not None:
        entry.fault("path", "Only json has a path.")
    elif quantifier is not None:
        entry.fault("quantifier", "Only json has a quantifier.")


def _check_path(entry: Document, path: str | None) -> None:
    try:
        compile_path(path or "")
    except PathError as error:
        entry.fault("path", f"Not a supported path: {error}.")


def _read_value(entry: Document, rule: dict[str, Any]) -> None:
    # null is a value to compare with, but only when it is written down.
    op, value = rule["op"], entry.raw("value", _ABSENT)
    if op in VALUELESS:
        if value is not None and value is not _ABSENT:
            entry.fault("value", f"{op} takes no value.")
        return
    rule["value"] = None if value is _ABSENT else value
    if not is_storable(value) or _size(rule["value"]) > MAX_VALUE:
        entry.fault("value", f"Must be storable JSON of at most {MAX_VALUE} characters.")
    elif op and (sentence := _CHECKS[op](rule["source"], value)):
        entry.fault("value", sentence)


def _size(value: Any) -> int:
    try:
        return len(json.dumps(value, allow_nan=False))
    except (ValueError, RecursionError):
        return MAX_VALUE + 1


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _comparable(source: str, value: Any) -> str | None:
    if source == "json":
        return "A value is needed." if value is _ABSENT else None
    if source in TEXTS:
        return None if isinstance(value, str) or _number(value) else "Must be a string or a number."
    return None if _number(value) else "Must be a number."


def _ordered(_source: str, value: Any) -> str | None:
    return None if _number(value) else "Must be a number."


def _contained(source: str, value: Any) -> str | None:
    if source == "json":
        return "A value is needed." if value is _ABSENT else None
    return None if isinstance(value, str) else "Must be a string."


def _pattern(_source: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return "Must be a string."
    try:
        compile_pattern(value)
    except PatternError as error:
        return f"Not a usable pattern: {error}."
    return None


def _members(source: str, value: Any) -> str | None:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ITEMS:
        return f"Must be a list of 1 to {MAX_ITEMS} items."
    for item in value:
        if source == "status_code" and isinstance(item, str):
            bounds = _STATUS_RANGE.fullmatch(item)
            if bounds is None or bounds[1] > bounds[2]:
                return 'A range of statuses is written "200-299".'
        elif source != "json" and (sentence := _comparable(source, item)):
            return sentence
    return None


def _length(_source: str, value: Any) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if whole else "Must be a whole number from 0."


def _type(_source: str, value: Any) -> str | None:
    return None if value in TYPES else f"Must be one of {', '.join(TYPES)}."


_CHECKS: Mapping[str, Callable[[str, Any], str | None]] = {
    "eq": _comparable,
    "ne": _comparable,
    **dict.fromkeys(ORDER, _ordered),
    "contains": _contained,
    "not_contains": _contained,
    "matches": _pattern,
    "not_matches": _pattern,
    **dict.fromkeys(MEMBERSHIP, _members),
    **dict.fromkeys(LENGTHS, _length),
    "type_is": _type,
}
