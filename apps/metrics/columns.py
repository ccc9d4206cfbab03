"""Names, numbers and spelling of columns. A number is never given to another name."""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from apps.metrics.packing import INT64

WHOLE = {int}
_ROW = msgspec.json.Decoder(dict[int, Any])
_WRITER = msgspec.json.Encoder()

# Raw rows of a device. Units: microseconds for latency and phases, milliseconds for run and interval, days, seconds.
STATE = 1
LATENCY = 2
DNS = 3
CONNECT = 4
TLS = 5
TTFB = 6
TOTAL = 7
HTTP_STATUS = 8
CERT_DAYS = 9
DOMAIN_DAYS = 10
DNS_TTL = 11
RUN = 12
INTERVAL = 13
MISSED = 14
DETAIL = 15

STANDARD: Mapping[str, int] = {
    "state": STATE,
    "latency_us": LATENCY,
    "dns_us": DNS,
    "connect_us": CONNECT,
    "tls_us": TLS,
    "ttfb_us": TTFB,
    "total_us": TOTAL,
    "http.status": HTTP_STATUS,
    "cert.days": CERT_DAYS,
    "domain.days": DOMAIN_DAYS,
    "dns.ttl_s": DNS_TTL,
    "run_ms": RUN,
    "interval_ms": INTERVAL,
    "missed": MISSED,
}
PHASES: Mapping[str, int] = {"dns_us": DNS, "connect_us": CONNECT, "tls_us": TLS, "ttfb_us": TTFB, "total_us": TOTAL}
FIRST_OWN_KEY = 100
# Whoever measures a phase is busy with other checks: less than this says nothing. The whole stays exact.
PHASE_STEP_US = 100
STEPPED = frozenset({DNS, CONNECT, TLS, TTFB})

# Buckets of a device (tiers 1 to 3): milliseconds per state, counts, then the parts of each gauge.
UP_MS = 1
WARNING_MS = 2  # a part of UP_MS
DOWN_MS = 3
MAINTENANCE_MS = 4
CHECKS = 5
FAILS = 6
SAMPLES = 7
AVAILABLE = 8
COUNTED = (UP_MS, WARNING_MS, DOWN_MS, MAINTENANCE_MS, CHECKS, FAILS, SAMPLES, AVAILABLE)
_FIRST_GAUGE_KEY = 64
_PARTS = 8


def gauge_key(column: int, part: int) -> int:
    """The bucket column that holds one part (sum, minimum ...) of a raw column."""
    return _FIRST_GAUGE_KEY + column * _PARTS + part


def gauge_part(key: int) -> int | None:
    """Which part a bucket column holds, None for the plain sums of states and counts."""
    return None if key < _FIRST_GAUGE_KEY else (key - _FIRST_GAUGE_KEY) % _PARTS


def is_storable(value: int | float) -> bool:
    """Finite, and within 64 bits when it is an integer."""
    if isinstance(value, float):
        return math.isfinite(value)
    return -INT64 <= value < INT64


def are_storable(values: Collection[int | float | None]) -> bool:
    """Whether a block can hold all of them."""
    if set(map(type, values)) == WHOLE:
        # Nearly every result.
        whole: Collection[int] = values  # type: ignore[assignment]  # as was just seen
        return min(whole) >= -INT64 and max(whole) < INT64
    return all(value is None or is_storable(value) for value in values)


def in_steps(us: int) -> int:
    """Microseconds of a phase as history keeps them: in steps of 0.1 ms, halves up."""
    return (us + PHASE_STEP_US // 2) // PHASE_STEP_US * PHASE_STEP_US


def is_plain(values: Mapping[str, int | float | None]) -> bool:
    """Whether `write_plain` may spell these values: whole numbers of standard columns, as in nearly every result."""
    return set(map(type, values.values())) == WHOLE and values.keys() <= STANDARD.keys()


def write_plain(values: Mapping[str, int | float | None]) -> bytes:
    """The bytes of `write_row` for plain values by name: rows with the same names differ in their numbers alone."""
    pick, stepped, text = _shape(tuple(values))
    cells = list(pick(values))
    for place in stepped:
        cells[place] = in_steps(cells[place])
    spelled: bytes = text % tuple(cells)
    return spelled


@lru_cache(maxsize=1024)
def _shape(names: tuple[str, ...]) -> tuple[Callable[[Any], Any], tuple[int, ...], bytes]:
    """Which values stand where in the text of a row with these names, and the places of those kept in steps."""
    ordered = sorted(names, key=STANDARD.__getitem__)
    cells = ",".join(f'"{STANDARD[name]}":%d' for name in ordered)
    stepped = tuple(place for place, name in enumerate(ordered) if STANDARD[name] in STEPPED)
    return _picking(ordered), stepped, f"{{{cells}}}".encode()


def _picking(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes these values out of a mapping, as a tuple even of one."""
    pick = itemgetter(*names)
    return pick if len(names) > 1 else lambda values: (pick(values),)


def write_row(cells: Mapping[int, Any]) -> bytes:
    """A stored row as compact JSON by column number, phases in steps; the same cells always give the same bytes."""
    ordered = {key: _kept(key, cell) for key, cell in sorted(cells.items())}
    if set(map(type, ordered.values())) == WHOLE:
        # Nearly every row; the slow writer spells integers the same way.
        return _WRITER.encode(ordered)
    return json.dumps(ordered, separators=(",", ":"), allow_nan=False).encode()


def _kept(key: int, cell: Any) -> Any:
    """A cell as history keeps it. No check measures fractions of microseconds; whatever brings one keeps it."""
    return in_steps(cell) if key in STEPPED and type(cell) is int else cell


def read_row(payload: "bytes | memoryview[int] | str") -> dict[int, Any]:
    """The cells of a stored row by column number."""
    try:
        return _ROW.decode(payload)
    except msgspec.DecodeError:
        # Half a surrogate pair, which text from outside may hold, is beyond the fast reader.
        text = payload if isinstance(payload, str) else bytes(payload)
        return {int(key): value for key, value in json.loads(text).items()}


def write_detail(detail: Mapping[str, Any]) -> str | None:
    """The few facts that are text, as JSON whose bytes depend on nothing but the facts; None for no facts."""
    return json.dumps(detail, separators=(",", ":"), sort_keys=True, ensure_ascii=False) if detail else None


def read_detail(text: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(text) if text else {}
    return facts
