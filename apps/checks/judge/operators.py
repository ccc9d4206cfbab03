"""What the operators of an assertion mean, for values of any JSON type (contract Dashmon 6.1).

An operator that makes no sense for a value (`contains` on a number, `length_eq` on null) fails, and so
does its negation: an answer of the wrong shape is never good news.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Operator = Callable[[Any, Any], bool]

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_RANGE = re.compile(r"([0-9]{3})-([0-9]{3})")
_TYPES: Mapping[str, type] = {"string": str, "boolean": bool, "object": dict, "array": list}


def is_number(value: Any) -> bool:
    """A JSON number: true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_in(text: Any) -> int | float | None:
    """The decimal number a trimmed text spells, or None."""
    trimmed = text.strip() if isinstance(text, str) else ""
    if len(trimmed) > 400 or not _DECIMAL.fullmatch(trimmed):
        return None
    digits = trimmed.lstrip("+-")
    return int(trimmed) if digits.isdigit() else float(trimmed)


def equal(left: Any, right: Any) -> bool:
    """Deep equality by JSON type: 1 equals 1.0, "1" is not 1, true is not 1; arrays keep their order."""
    # A stack instead of recursion: the document is whatever a stranger's server sent.
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pairs.extend((one[key], other[key]) for key in one)
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif not _same_scalar(one, other):
            return False
    return True


def _same_scalar(one: Any, other: Any) -> bool:
    if is_number(one) and is_number(other):
        return bool(one == other)
    return type(one) is type(other) and one == other


def contains(node: Any, item: Any) -> bool | None:
    """Substring, member or key; None when the node can contain nothing."""
    if isinstance(node, str):
        return item in node if isinstance(item, str) else None
    if isinstance(node, list):
        return any(equal(member, item) for member in node)
    if isinstance(node, dict):
        return item in node if isinstance(item, str) else None
    return None


def is_empty(node: Any) -> bool:
    return node is None or (isinstance(node, str | list | dict) and not node)


def has_type(node: Any, name: Any) -> bool:
    """Whether the node is a `name`; an integer is also a number, and 1.0 is an integer."""
    if name == "number":
        return is_number(node)
    if name == "integer":
        return is_number(node) and (isinstance(node, int) or node.is_integer())
    if name == "null":
        return node is None
    kind = _TYPES.get(name) if isinstance(name, str) else None
    return kind is not None and isinstance(node, kind)


def status_in(node: Any, items: Any) -> bool:
    """Membership of a status code; an item such as "200-299" is an inclusive range."""
    return any(_status_item(node, item) for item in _items(items))


def text_in(node: Any, items: Any) -> bool:
    """Membership of a text; a number among the items is compared as a number."""
    return any(text_equal(node, item) for item in _items(items))


def text_equal(node: Any, expected: Any) -> bool:
    return equal(number_in(node) if is_number(expected) else node, expected)


def _status_item(node: Any, item: Any) -> bool:
    bounds = _RANGE.fullmatch(item) if isinstance(item, str) else None
    return int(bounds[1]) <= node <= int(bounds[2]) if bounds else equal(node, item)


def _items(items: Any) -> Sequence[Any]:
    return items if isinstance(items, list | tuple) else ()


def _compared(test: Callable[[Any, Any], bool]) -> Operator:
    return lambda node, value: is_number(node) and is_number(value) and test(node, value)


def _measured(test: Callable[[int, Any], bool]) -> Operator:
    return lambda node, size: isinstance(node, str | list | dict) and is_number(size) and test(len(node), size)


JSON_OPERATORS: Mapping[str, Operator] = {
    "eq": equal,
    "ne": lambda node, value: not equal(node, value),
    "lt": _compared(lambda node, value: bool(node < value)),
    "lte": _compared(lambda node, value: bool(node <= value)),
    "gt": _compared(lambda node, value: bool(node > value)),
    "gte": _compared(lambda node, value: bool(node >= value)),
    "contains": lambda node, item: contains(node, item) is True,
    "not_contains": lambda node, item: contains(node, item) is False,
    "exists": lambda _node, _value: True,
    "not_exists": lambda _node, _value: False,
    "in": lambda node, items: any(equal(node, item) for item in _items(items)),
    "not_in": lambda node, items: not any(equal(node, item) for item in _items(items)),
    "type_is": has_type,
    "length_eq": _measured(lambda length, size: bool(length == size)),
    "length_lt": _measured(lambda length, size: bool(length < size)),
    "length_gt": _measured(lambda length, size: bool(length > size)),
    "is_empty": lambda node, _value: is_empty(node),
    "not_empty": lambda node, _value: not is_empty(node),
}

STATUS_OPERATORS: Mapping[str, Operator] = {
    **JSON_OPERATORS,
    "in": status_in,
    "not_in": lambda node, items: not status_in(node, items),
}


def _numeric_text(op: str) -> Operator:
    """The operator on a text that has to spell a number as soon as the value is one."""
    plain = JSON_OPERATORS[op]

    def test(node: Any, value: Any) -> bool:
        if not is_number(value):
            return plain(node, value)
        number = number_in(node)
        return number is not None and plain(number, value)

    return test


TEXT_OPERATORS: Mapping[str, Operator] = {
    **JSON_OPERATORS,
    **{op: _numeric_text(op) for op in ("eq", "ne", "lt", "lte", "gt", "gte")},
    "in": text_in,
    "not_in": lambda node, items: not text_in(node, items),
}
