"""Integers as bytes: offsets or differences in the narrowest width, byte plane by byte plane, deflated."""

import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import Any

INT64 = 2**63
LEVEL = 6
OFFSET, DELTA, DELTA2 = range(3)
_STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY)

_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SIGNED = {1: "b", 2: "h", 4: "i", 8: "q"}


@dataclass(frozen=True, slots=True)
class Packed:
    """Integers as the directory describes them."""

    order: int
    width: int
    first: int
    step: int
    data: bytes


def pack(values: Sequence[int]) -> Packed:
    """Integers of 64 bits in the order that takes the fewest bytes; differences beyond 64 bits rule an order out."""
    if not values:
        return Packed(OFFSET, 0, 0, 0, b"")
    low = min(values)
    first = list(map(sub, values[1:], values))
    step = first[0] if first else 0
    if -INT64 <= step < INT64 and all(difference == step for difference in first):
        return Packed(OFFSET, 0, values[0], step, b"")
    offsets = _deflated(OFFSET, [value - low for value in values], low, 0)
    if not fits(first):
        return offsets
    second = list(map(sub, first[1:], first))
    if fits(second) and _bits(second) < _bits(first):
        differences = _deflated(DELTA2, second, values[0], step)
    else:
        differences = _deflated(DELTA, first, values[0], 0)
    return min(offsets, differences, key=lambda packed: len(packed.data))


def _deflated(order: int, stream: Sequence[int], first: int, step: int) -> Packed:
    codes = _UNSIGNED if order == OFFSET else _SIGNED
    width = _width(stream, signed=order != OFFSET)
    return Packed(order, width, first, step, deflate(*planes(array(codes[width], stream), width)))


def unpack(packed: Packed, count: int) -> list[int]:
    """What `pack` was given; ValueError when the bytes do not make that many integers."""
    if packed.width == 0:
        if not packed.step:
            return [packed.first] * count
        return list(range(packed.first, packed.first + count * packed.step, packed.step))
    codes = _UNSIGNED if packed.order == OFFSET else _SIGNED
    length = count - packed.order
    stream = from_planes(inflate(packed.data, length * packed.width), packed.width, codes[packed.width])
    if packed.order == OFFSET:
        return stream.tolist() if not packed.first else list(map(packed.first.__add__, stream))
    if packed.order == DELTA:
        return list(accumulate(stream, initial=packed.first))
    if packed.order == DELTA2:
        return list(accumulate(accumulate(stream, initial=packed.step), initial=packed.first))
    raise ValueError(f"unknown order {packed.order}")


def fits(values: Sequence[int]) -> bool:
    return not values or (min(values) >= -INT64 and max(values) < INT64)


def _bits(values: Sequence[int]) -> int:
    return sum(map(int.bit_length, values))


def _width(values: Sequence[int], *, signed: bool) -> int:
    low, high = min(values), max(values)
    for width in (1, 2, 4):
        limit = 1 << (8 * width - signed)
        if high < limit and low >= (-limit if signed else 0):
            return width
    return 8


def planes(values: "array[Any]", width: int) -> list[bytes]:
    if sys.byteorder == "big":
        values.byteswap()
    plain = values.tobytes()
    return [plain[plane::width] for plane in range(width)]


def from_planes(planes: bytes, width: int, code: str) -> "array[Any]":
    values = array(code)
    if width == 1:
        values.frombytes(planes)
        return values
    count = len(planes) // width
    plain = bytearray(len(planes))
    for plane in range(width):
        plain[plane::width] = planes[plane * count : (plane + 1) * count]
    values.frombytes(bytes(plain))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def deflate(*parts: bytes) -> bytes:
    """Parts as one stream, with or without the search for repetitions: in noise the few it finds cost more than they
    save. Each part begins a block of its own: noise beside a flat plane would share a code with it.
    """
    return min((_stream(parts, strategy) for strategy in _STRATEGIES), key=len)


def _stream(parts: Sequence[bytes], strategy: int) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, zlib.DEF_MEM_LEVEL, strategy)
    return b"".join(packer.compress(part) + packer.flush(zlib.Z_BLOCK) for part in parts[:-1]) + (
        packer.compress(parts[-1]) + packer.flush()
    )


def inflate(data: bytes, size: int) -> bytes:
    plain = zlib.decompressobj(-15).decompress(data, size + 1)
    if len(plain) != size:
        raise ValueError(f"a column of {len(plain)} bytes where {size} belong")
    return plain
