"""What a request to the receiver says: path beats JSON beats query (contract Dashmon 6.3)."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from apps.common.errors import InvalidInputError
from apps.common.ids import parse_uuid
from apps.devices.heartbeat.values import Kind, Signal

BODY_LIMIT = 100_000  # bytes of a body that are kept

_WORDS: Mapping[str, Kind] = {
    "up": "success",
    "ok": "success",
    "success": "success",
    "start": "start",
    "running": "start",
    "down": "fail",
    "fail": "fail",
    "error": "fail",
    "log": "log",
}
_PATHS: Mapping[str, Kind] = {"start": "start", "fail": "fail", "log": "log"}
_decoder = msgspec.json.Decoder()
_LONGEST_MS = 10 * 365 * 86_400_000


def read_json(body: bytes, content_type: str) -> dict[str, Any] | None:
    """The object of a JSON body, or None: scripts send anything, and a bad body is still a ping."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return None
    try:
        document = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        document = _leniently(body)
    return document if isinstance(document, dict) else None


def _leniently(body: bytes) -> Any:
    """What only the forgiving reader takes: other encodings, numbers that are none, half a surrogate pair."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def read_signal(
    *,
    at: datetime,
    path_parts: Sequence[str],
    json_body: Mapping[str, Any] | None,
    query: Mapping[str, str],
    method: str,
    body: bytes,
) -> Signal:
    """The signal a request carries; `path_parts` is what follows the token. Its instant is a whole millisecond.

    InvalidInputError names the field: an exit status beyond 255, a `rid` that is no UUID, a word nobody
    knows, a duration that is no number. Empty values count as absent.
    """
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    if not (json_body or query or any(path_parts)):
        # Nearly every signal says that it is there, and no more.
        return Signal(at=at, method=method.upper(), body=body[:BODY_LIMIT])
    sources = [_stated(json_body or {}), _stated(query)]
    kind, exit_code = _meaning(path_parts, sources)
    spelled = _first(sources, "rid")
    rid = parse_uuid(spelled) if isinstance(spelled, str) else None
    if spelled is not None and rid is None:
        raise InvalidInputError(fields={"rid": "rid must be a UUID."})
    message = _first(sources, "msg", "message")
    # The message of a bare request takes the place of the body it does not have.
    kept = body or (message.encode(errors="replace") if isinstance(message, str) else b"")
    return Signal(
        at=at,
        kind=kind,
        rid=str(rid) if rid else None,
        exit_code=exit_code,
        duration_ms=_duration(sources),
        method=method.upper(),
        body=kept[:BODY_LIMIT],
    )


def _stated(source: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if value is not None and value != ""}


def _first(sources: Sequence[Mapping[str, Any]], *names: str) -> Any:
    for source in sources:
        for name in names:
            if name in source:
                return source[name]
    return None


def _meaning(path_parts: Sequence[str], sources: Sequence[Mapping[str, Any]]) -> tuple[Kind, int | None]:
    parts = [part for part in path_parts if part]
    if parts:
        return _path_meaning(parts)
    for source in sources:
        code = _exit_code(source["exitCode"]) if "exitCode" in source else None
        if "status" in source:
            return _word(source["status"]), code
        if code is not None:
            return "exit", code
    return "success", None


def _path_meaning(parts: Sequence[str]) -> tuple[Kind, int | None]:
    if len(parts) == 1 and parts[0] in _PATHS:
        return _PATHS[parts[0]], None
    if len(parts) == 1 and parts[0].isascii() and parts[0].isdigit():
        return "exit", _exit_code(parts[0])
    raise InvalidInputError(fields={"signal": "Use /start, /fail, /log or an exit status."})


def _word(word: Any) -> Kind:
    kind = _WORDS.get(word.lower()) if isinstance(word, str) else None
    if kind is None:
        raise InvalidInputError(fields={"status": f"status must be one of {', '.join(_WORDS)}."})
    return kind


def _exit_code(value: Any) -> int:
    digits = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) <= 255:
        return int(digits)
    raise InvalidInputError(fields={"exitCode": "An exit status is a number from 0 to 255."})


def _duration(sources: Sequence[Mapping[str, Any]]) -> int | None:
    stated = _first(sources, "durationMs", "ping")
    if stated is None:
        return None
    try:
        number = -1.0 if isinstance(stated, bool) else float(stated)
    except (TypeError, ValueError):
        number = -1.0
    # The comparison also refuses NaN.
    if not 0 <= number <= _LONGEST_MS:
        raise InvalidInputError(fields={"durationMs": "A duration is a number of milliseconds from 0."})
    return round(number)
