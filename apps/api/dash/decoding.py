"""JSON from agents to typed values: one fast way for what real agents send, a careful one for everything else.

The fast way knows every key by its exact name. What it does not take (other keys, other case, null among the entries of
a list) is read key by key: unknown keys are left out, case does not matter, the same key twice is refused.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from apps.api.dash.errors import InvalidRequestError

S = TypeVar("S", bound=Struct)

# Far beyond any machine: a body of more objects, lists or entries is not worth the time it takes to read.
MOST_PARTS = 50_000
_KEY = b'":'
# The character that PostgreSQL's text does not take.
_NUL = b"\\u0000"


def decode(body: bytes, shape: type[S]) -> S:
    """The typed value of a body; InvalidRequestError when it is not one JSON object of the shape's types."""
    is_escaped = b"\\" in body
    if is_escaped and _NUL in body:
        raise InvalidRequestError("A text holds a null character.")
    try:
        found: S = _decoder(shape).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _carefully(body, shape)
    if not _says_all(body, msgspec.json.encode(found), is_escaped=is_escaped):
        return _carefully(body, shape)
    return found


def _says_all(body: bytes, read: bytes, *, is_escaped: bool) -> bool:
    """Whether a body has as many keys as were read of it: then none is said twice.

    Where nothing is escaped the colons tell as much, since texts have theirs on both sides, and are counted faster. An
    instant may be spelled with other ones; a key spaced from its colon is counted the careful way.
    """
    if not is_escaped and body.count(b":") == read.count(b":"):
        return True
    return body.count(_KEY) == read.count(_KEY)


@cache
def _decoder(shape: type[S]) -> "msgspec.json.Decoder[S]":
    return msgspec.json.Decoder(shape)


def _carefully(body: bytes, shape: type[S]) -> S:
    if sum(map(body.count, (b"{", b"[", b","))) > MOST_PARTS:
        raise InvalidRequestError("The document has too many parts.")
    try:
        # UTF-8 and nothing before it: the reader itself would also take a mark of the byte order, and UTF-16.
        document = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite)
        found = msgspec.convert(_folded_object(document, shape), shape)
        msgspec.json.encode(found)  # half a surrogate pair has no form that anything could keep
    except (ValueError, RecursionError) as error:
        # msgspec's ValidationError is a ValueError as well.
        raise InvalidRequestError("The body is not the JSON document that is expected.") from error
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is said twice")
    return document


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refused(digits)


def _folded(value: Any, kind: Any) -> Any:
    """The value with the keys that its kind knows, spelled as there."""
    shape = _struct_in(kind)
    if shape is not None:
        return _folded_object({} if value is None else value, shape)
    entries = _entries_of(kind)
    if entries is not None and isinstance(value, list):
        return [_folded(entry, entries) for entry in value]
    if entries is not None and isinstance(value, Mapping):
        return {key: _folded(entry, entries) for key, entry in value.items()}
    return value


def _folded_object(document: Any, shape: type[Struct]) -> Any:
    if not isinstance(document, Mapping):
        return document
    known = _fields(shape)
    folded: dict[str, Any] = {}
    for key, value in document.items():
        name = key.lower()
        if name not in known:
            continue
        if name in folded:
            raise ValueError(f"{name} is said twice")
        # Null says the same as leaving it out, for lists as well: the rules ask for those that must be there.
        folded[name] = None if value is None else _folded(value, known[name])
    return folded


@cache
def _fields(shape: type[Struct]) -> dict[str, Any]:
    """What each field holds besides nothing."""
    hints = get_type_hints(shape, include_extras=True)
    return {name: hints[name] for name in shape.__struct_fields__}


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) not in {list, dict} and get_args(kind) else (kind,)


def _struct_in(kind: Any) -> type[Struct] | None:
    return next((each for each in _alternatives(kind) if isinstance(each, type) and issubclass(each, Struct)), None)


def _entries_of(kind: Any) -> Any:
    """The kind of a list's or map's entries, None for anything else."""
    return next((get_args(each)[-1] for each in _alternatives(kind) if get_origin(each) in {list, dict}), None)
