"""Column blocks: many rows of one source in a few hundred bytes, each column packed on its own, stdlib only.

A block is a header (version, CRC-32, columns, rows), a deflated directory with one entry a column, and the columns.
Integers lose the decimal zeros that every value of their column ends in, and are stored as the offset from their
minimum, as differences or as differences of differences, whichever takes the fewest bytes (apps.metrics.packing). A
constant and an arithmetic progression have no payload. An integer column may be kept as what it differs by from others,
where that takes less: a total from its parts, a minimum from a last value.
Floats become integers with the least decimal scale that restores every one bit for bit, else raw planes. Text is a
dictionary of the distinct strings of the block and a column of integers, so a text that does not change costs next to
nothing. Missing values are a bitmap in front. Encoding is a pure function of rows and columns.
"""

import json
import math
import struct
import zlib
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import add, sub
from typing import Any

from apps.common.errors import DomainError
from apps.metrics.packing import OFFSET, Packed, deflate, fits, from_planes, inflate, pack, planes, unpack

# The first version left no zeros out; its blocks read the same way.
VERSION = 2
READABLE = (1, VERSION)
TS_KEY = 65535
MAX_KEY = TS_KEY - 1
MAX_SCALE = 6
EXACT_FLOAT = 2**53
# Below, two roundings of a float leave it nearer to its integer than to any other.
SURELY_WHOLE = 2**50

INTEGER, SCALED, RAW_FLOAT, TEXT, RELATIVE = range(5)

_HEADER = struct.Struct("<BIHI")  # version, checksum, columns, rows
# Key, kind, scale, order, width, first, step, bytes of bitmap, bytes of data. The scale counts the decimal places of
# floats, and the zeros that were left out of integers.
_ENTRY = struct.Struct("<HBBBBqqII")
_LENGTH = struct.Struct("<I")
_RELATION = struct.Struct("<BBH")  # columns added, columns taken away, divisor; their keys follow


@dataclass(frozen=True, slots=True)
class Relation:
    """What a column is expected to hold: columns added, others taken away, the rest divided; missing values are 0."""

    plus: tuple[int, ...]
    minus: tuple[int, ...] = ()
    divisor: int = 1

    @property
    def keys(self) -> tuple[int, ...]:
        return self.plus + self.minus


class BlockError(DomainError):
    """A block that cannot be read, or values that no block can hold."""

    code = "storage_error"


class UnknownVersionError(BlockError):
    """Written by a later release: refused, never guessed."""


class DamagedBlockError(BlockError):
    """Bytes that are not what was written."""


class UnstorableError(BlockError):
    """NaN, infinity, an integer beyond 64 bits, or a column that mixes text and numbers."""


@dataclass(slots=True)
class Table:
    """Rows by column: `ts` in milliseconds, `columns` of the same length by key, None where a value is missing."""

    ts: list[int] = field(default_factory=list)
    columns: dict[int, list[Any]] = field(default_factory=dict)

    def column(self, key: int) -> list[Any]:
        """The column, or as many None when the block has never seen it."""
        return self.columns.get(key) or [None] * len(self.ts)

    def numbers(self, key: int) -> list[Any]:
        """The column with 0 where a value is missing."""
        values = self.columns.get(key) or [0] * len(self.ts)
        return [value or 0 for value in values] if None in values else values


def encode(table: Table, relations: Mapping[int, Relation] | None = None) -> bytes:
    """The block of a table; a column of nothing but None is left out. UnstorableError when a value has no exact form.

    Integers must fit 64 bits, floats be finite. A column that holds any float is a column of floats. `relations` names
    what a column may be measured against; columns that others are measured against have none themselves.
    """
    if not all(0 <= key <= MAX_KEY for key in table.columns):
        raise UnstorableError("a column key does not fit 16 bits")
    entries: list[bytes] = []
    payloads: list[bytes] = []
    for key, values in [(TS_KEY, table.ts), *sorted(table.columns.items())]:
        if len(values) != len(table.ts):
            raise UnstorableError(f"column {key} has {len(values)} values for {len(table.ts)} rows")
        present = [value for value in values if value is not None]
        if not present and key != TS_KEY:
            continue
        bitmap = b"" if len(present) == len(values) else deflate(_bitmap(values))
        kind, scale, packed = _encode_column(present)
        if kind == INTEGER and packed.data and relations and key in relations:
            kind, packed = _shorter(packed, _related(table, values, relations[key], scale))
        entries.append(
            _ENTRY.pack(
                key, kind, scale, packed.order, packed.width, packed.first, packed.step, len(bitmap), len(packed.data)
            )
        )
        payloads += [bitmap, packed.data]
    directory = deflate(b"".join(entries))
    rest = struct.pack("<HII", len(entries), len(table.ts), len(directory)) + directory + b"".join(payloads)
    return struct.pack("<BI", VERSION, _checksum(VERSION, rest)) + rest


def decode(
    block: "bytes | memoryview[int]", keys: Collection[int] | None = None, decimals: Mapping[int, int] | None = None
) -> Table:
    """The table of a block; with `keys`, only those columns are inflated.

    A column of numbers that `decimals` names comes as integers: its values times 10 to so many decimals, rounded.

    Raises UnknownVersionError for a version this release does not know, DamagedBlockError for anything else amiss.
    """
    data = bytes(block)
    if not data:
        raise DamagedBlockError("the block is empty")
    if data[0] not in READABLE:
        raise UnknownVersionError(f"block version {data[0]} is not known")
    if len(data) < _HEADER.size or _checksum(data[0], memoryview(data)[5:]) != _HEADER.unpack_from(data)[1]:
        raise DamagedBlockError("the block's checksum does not match")
    try:
        return _decode(data, keys, decimals or {})
    except (struct.error, zlib.error, ValueError, IndexError, EOFError, OverflowError) as error:
        raise DamagedBlockError(f"the block cannot be read: {error}") from error


def _decode(data: bytes, keys: Collection[int] | None, decimals: Mapping[int, int]) -> Table:
    block = _Columns(data)
    table = Table(block.column(TS_KEY) if TS_KEY in block.bodies else [])
    for key in block.bodies:
        if key != TS_KEY and (keys is None or key in keys):
            table.columns[key] = block.whole(key, decimals[key]) if key in decimals else block.column(key)
    return table


class _Columns:
    """The columns of a block; each is inflated when it is asked for, and once."""

    def __init__(self, data: bytes) -> None:
        _, _, _, self.rows = _HEADER.unpack_from(data)
        directory, offset = _directory(data)
        self.bodies: dict[int, tuple[tuple[Any, ...], bytes]] = {}
        for entry in _ENTRY.iter_unpack(directory):
            size = entry[7] + entry[8]
            self.bodies[entry[0]] = entry, data[offset : offset + size]
            offset += size
        self._known: dict[int, list[Any]] = {}

    def column(self, key: int) -> list[Any]:
        if key not in self._known:
            entry, body = self.bodies[key]
            self._known[key] = (
                self._related(entry, body) if entry[1] == RELATIVE else _decode_column(entry, body, self.rows)
            )
        return self._known[key]

    def whole(self, key: int, decimals: int) -> list[Any]:
        """The column as integers, scaled by so many decimal places."""
        entry, body = self.bodies[key]
        if entry[1] == RELATIVE:
            return _multiplied(self.column(key), 10**decimals)
        return _decode_column(entry, body, self.rows, decimals)

    def _related(self, entry: tuple[Any, ...], body: bytes) -> list[Any]:
        relation, rest = _read_relation(entry, body)
        if any(self.bodies[base][0][1] == RELATIVE for base in relation.keys if base in self.bodies):
            raise ValueError("a column measured against one that is measured itself")
        bases = Table([0] * self.rows, {base: self.column(base) for base in relation.keys if base in self.bodies})
        scale = entry[2]
        shortened = _combined(_decode_column(entry, rest, self.rows), _expected(bases, relation, scale), 1)
        return _multiplied(shortened, 10**scale)


def _checksum(version: int, rest: "bytes | memoryview[int]") -> int:
    """CRC-32 of the version byte and of everything after the checksum itself."""
    return zlib.crc32(rest, zlib.crc32(bytes([version])))


def _directory(data: bytes) -> tuple[bytes, int]:
    """The entries of all columns, and where the columns begin."""
    _, _, columns, _ = _HEADER.unpack_from(data)
    (packed,) = _LENGTH.unpack_from(data, _HEADER.size)
    start = _HEADER.size + _LENGTH.size
    return inflate(data[start : start + packed], columns * _ENTRY.size), start + packed


def _decode_column(entry: tuple[Any, ...], body: bytes, rows: int, decimals: int | None = None) -> list[Any]:
    bitmap_size = entry[7]
    data = body[bitmap_size:]
    if not bitmap_size:
        return _decode_present(entry, data, rows, decimals)
    flags = _flags(inflate(body[:bitmap_size], (rows + 7) // 8), rows)
    source = iter(_decode_present(entry, data, sum(flags), decimals))
    return [next(source) if flag else None for flag in flags]


def _decode_present(entry: tuple[Any, ...], data: bytes, count: int, decimals: int | None) -> list[Any]:
    """The values of a column that are there; of a measured one what it differs by."""
    _, kind, scale, order, width, first, step, _, _ = entry
    if kind == RAW_FLOAT:
        floats = from_planes(inflate(data, count * 8), 8, "d").tolist()
        return floats if decimals is None else [round(value * 10**decimals) for value in floats]
    words: list[str] = []
    if kind == TEXT:
        words, data = _read_dictionary(data)
    values = unpack(Packed(order, width, first, step, data), count)
    if kind == TEXT:
        return [words[index] for index in values]
    if kind == INTEGER:
        return _multiplied(values, 10 ** (scale + (decimals or 0)))
    if kind == SCALED:
        power = 10.0**scale
        return [value / power for value in values] if decimals is None else _whole(values, scale, decimals)
    return values


def _whole(values: list[int], scale: int, decimals: int) -> list[int]:
    """`round(value * 10**decimals)` of the floats that these stand for; without them wherever that is the same."""
    missing = 10 ** (decimals - scale) if scale <= decimals else 0
    if missing and values and min(values) * missing > -SURELY_WHOLE and max(values) * missing < SURELY_WHOLE:
        return _multiplied(values, missing)
    power, factor = 10.0**scale, 10**decimals
    return [round(value / power * factor) for value in values]


def _multiplied(values: list[Any], factor: int) -> list[Any]:
    return values if factor == 1 else [None if value is None else value * factor for value in values]


def _divided(values: Sequence[Any], divisor: int) -> Sequence[Any]:
    return values if divisor == 1 else [None if value is None else value // divisor for value in values]


def _shorter(plain: Packed, related: "Packed | None") -> tuple[int, Packed]:
    if related is None or len(related.data) >= len(plain.data):
        return INTEGER, plain
    return RELATIVE, related


def _related(table: Table, values: Sequence[Any], relation: Relation, scale: int) -> "Packed | None":
    """A column of integers by what it differs from the expected, both without so many zeros; None where a base is no
    integer or a step too far.
    """
    if any(_holds(table.columns.get(key, ()), (float, str)) for key in relation.keys):
        return None
    differing = _combined(_divided(values, 10**scale), _expected(table, relation, scale), -1)
    rest = [value for value in differing if value is not None]
    if not fits(rest):
        return None
    packed = pack(rest)
    head = _RELATION.pack(len(relation.plus), len(relation.minus), relation.divisor)
    keys = struct.pack(f"<{len(relation.keys)}H", *relation.keys)
    return Packed(packed.order, packed.width, packed.first, packed.step, head + keys + packed.data)


def _read_relation(entry: tuple[Any, ...], body: bytes) -> tuple[Relation, bytes]:
    """The relation in front of a column's data, and the column without it."""
    plus, minus, divisor = _RELATION.unpack_from(body, entry[7])
    start = entry[7] + _RELATION.size
    end = start + 2 * (plus + minus)
    keys = struct.unpack_from(f"<{plus + minus}H", body, start)
    if not divisor:
        raise ValueError("a column divided by nothing")
    return Relation(keys[:plus], keys[plus:], divisor), body[: entry[7]] + body[end:]


def _expected(table: Table, relation: Relation, scale: int) -> Sequence[int]:
    """What a relation makes of its columns, without the digits that so many zeros stand for."""
    total = table.numbers(relation.plus[0]) if relation.plus else [0] * len(table.ts)
    for key in relation.plus[1:]:
        total = list(map(add, total, table.numbers(key)))
    for key in relation.minus:
        total = list(map(sub, total, table.numbers(key)))
    return _divided(total, relation.divisor * 10**scale)


def _combined(values: Sequence[Any], expected: Sequence[int], sign: int) -> list[Any]:
    if None in values:
        return [None if value is None else value + sign * other for value, other in zip(values, expected, strict=True)]
    return list(map(add if sign > 0 else sub, values, expected))


def _encode_column(present: Sequence[Any]) -> tuple[int, int, Packed]:
    """Kind, decimal scale and packed integers of the values that are there."""
    if _holds(present, str):
        return TEXT, 0, _pack_text(present)
    if not _holds(present, float):
        if not fits(present):
            raise UnstorableError("an integer does not fit 64 bits")
        return INTEGER, *_pack_whole(present)
    floats = [float(value) for value in present]
    if not all(map(math.isfinite, floats)):
        raise UnstorableError("NaN and infinity are not measurements")
    for scale in range(MAX_SCALE + 1):
        scaled = _scaled(floats, scale)
        if scaled is not None:
            return SCALED, scale, pack(scaled)
    return RAW_FLOAT, 0, Packed(OFFSET, 8, 0, 0, deflate(*planes(array("d", floats), 8)))


def _pack_whole(present: Sequence[int]) -> tuple[int, Packed]:
    """How many decimal zeros are left out, and the integers without them."""
    zeros = _common_zeros(present)
    packed = pack(_divided(present, 10**zeros))
    # Of a progression there is nothing to shorten, and whoever reads it would multiply for nothing.
    return (zeros, packed) if packed.data else (0, pack(present))


def _common_zeros(present: Sequence[int]) -> int:
    """The decimal zeros that every one of these ends in, at most MAX_SCALE."""
    common = math.gcd(*present)
    return next((zeros for zeros in range(MAX_SCALE) if common % 10 ** (zeros + 1)), MAX_SCALE)


def _holds(values: Sequence[Any], kind: type | tuple[type, ...]) -> bool:
    """Whether any value is of a kind; each type that occurs is looked at once."""
    return any(issubclass(found, kind) for found in set(map(type, values)))


def _scaled(floats: Sequence[float], scale: int) -> list[int] | None:
    """Every float times 10^scale as an integer, or None when one would not come back bit for bit."""
    power = 10.0**scale
    scaled: list[int] = []
    for value in floats:
        product = value * power
        if not abs(product) < EXACT_FLOAT or (value == 0.0 and math.copysign(1.0, value) < 0):
            return None
        number = round(product)
        if number / power != value:
            return None
        scaled.append(number)
    return scaled


def _pack_text(present: Sequence[Any]) -> Packed:
    if not all(isinstance(value, str) for value in present):
        raise UnstorableError("a column holds text or numbers, not both")
    words = {word: index for index, word in enumerate(dict.fromkeys(present))}
    packed = pack([words[word] for word in present])
    dictionary = deflate(json.dumps(list(words), separators=(",", ":")).encode())
    data = _LENGTH.pack(len(dictionary)) + dictionary + packed.data
    return Packed(packed.order, packed.width, packed.first, packed.step, data)


def _read_dictionary(data: bytes) -> tuple[list[str], bytes]:
    (size,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + size
    return json.loads(zlib.decompress(data[_LENGTH.size : end], -15)), data[end:]


def _bitmap(values: Sequence[Any]) -> bytes:
    bits = 0
    for index, value in enumerate(values):
        if value is not None:
            bits |= 1 << index
    return bits.to_bytes((len(values) + 7) // 8, "little")


def _flags(bitmap: bytes, rows: int) -> list[bool]:
    digits = f"{int.from_bytes(bitmap, 'little'):0{rows}b}"
    return list(map("1".__eq__, digits[: -rows - 1 : -1]))


def sizes(block: bytes) -> Mapping[int, int]:
    """Bytes each column takes in a block, bitmap and directory entry (before that is deflated) included."""
    return {entry[0]: _ENTRY.size + entry[7] + entry[8] for entry in _ENTRY.iter_unpack(_directory(block)[0])}
