import json
import math
import random
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.metrics.codec import (
    DamagedBlockError,
    Relation,
    Table,
    UnknownVersionError,
    UnstorableError,
    decode,
    encode,
    sizes,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
CELLS = [
    INT64,
    st.tuples(st.integers(-9_000, 9_000), st.sampled_from([1, 10, 100, 10**6, 10**9])).map(math.prod),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-10_000, 10_000, places=2).map(float),
    st.text(),
    st.sampled_from(["a", "b", "\ud800", '{"error":"timeout"}']),
]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(0, 40))
    ts = sorted(draw(st.lists(INT64, min_size=rows, max_size=rows, unique=True)))
    keys = draw(st.lists(st.integers(0, 65_534), max_size=6, unique=True))
    columns = {}
    for key in keys:
        cell = draw(st.sampled_from(CELLS))
        columns[key] = draw(st.lists(st.one_of(st.none(), cell), min_size=rows, max_size=rows))
    return Table(ts, columns)


def bits(values: list[object]) -> list[object]:
    """Floats by their bits, so that -0.0 is not 0.0; everything else with its type."""
    return [struct.pack("<d", value) if isinstance(value, float) else (type(value), value) for value in values]


@given(tables())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_may_be_stored_comes_back_bit_for_bit(table: Table) -> None:
    restored = decode(encode(table))

    assert restored.ts == table.ts
    kept = {key: values for key, values in table.columns.items() if any(value is not None for value in values)}
    assert restored.columns.keys() == kept.keys()
    for key, values in kept.items():
        assert bits(restored.columns[key]) == bits(values)


@given(tables(), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_block_with_one_changed_byte_is_refused_by_name(table: Table, data: st.DataObject) -> None:
    block = bytearray(encode(table))
    position = data.draw(st.integers(0, len(block) - 1))
    block[position] ^= data.draw(st.integers(1, 255))

    with pytest.raises((DamagedBlockError, UnknownVersionError)):
        decode(bytes(block))


@given(tables(), st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_block_that_was_cut_short_is_refused_by_name(table: Table, data: st.DataObject) -> None:
    block = encode(table)

    with pytest.raises(DamagedBlockError):
        decode(block[: data.draw(st.integers(0, len(block) - 1))])


@given(st.sampled_from([1, 2]), st.binary(max_size=200))
def test_foreign_bytes_behind_a_correct_checksum_are_refused_or_read(version: int, rest: bytes) -> None:
    block = struct.pack("<BI", version, zlib.crc32(rest, zlib.crc32(bytes([version])))) + rest

    try:
        table = decode(block)
    except DamagedBlockError:
        return
    assert isinstance(table.ts, list)


# What a block of the first version looks like, byte for byte: every later release must still read it.
FIRST_VERSION = (
    "0139c16a760400030000002d000000fbff9f010924bc6240018c20ccc8c8800958809809cc0ab285c8bb7fff0f06cc5015fc"
    "0ccc58f481c4b881180063600200630600630100070000008b56aa508a0500"
)
# The second leaves zeros out, of the last column two.
SECOND_VERSION = (
    "027617e4bd04000300000032000000fbff9f010924bc6240018c20ccc8c8800958809809cc0ab285c8bb7fff0f06cc501540"
    "9a89899107cafb0d91fc0f9561000063600200630600630700"
)
RELATED = {7: Relation((2,)), 6: Relation((2,), (3, 4)), 12: Relation((2,), divisor=1000)}


@given(st.integers(0, 40), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_column_kept_as_a_difference_comes_back_exactly(rows: int, data: st.DataObject) -> None:
    stepped = st.integers(-90, 90).map((100).__mul__)
    exact = data.draw(st.sampled_from([INT64, st.integers(0, 9000), st.floats(0, 1)]))

    def column(cell: st.SearchStrategy[float]) -> list[float | None]:
        return data.draw(st.lists(st.one_of(st.none(), cell), min_size=rows, max_size=rows))

    # What is kept in steps is measured against what is not, and the other way round.
    columns = {key: column(data.draw(st.sampled_from([exact, stepped]))) for key in (2, 3, 4, 6, 7, 12)}
    table = Table(list(range(rows)), columns)
    block = encode(table, RELATED)

    assert decode(block) == decode(encode(table))
    for key in columns:
        assert decode(block, {key}).column(key) == table.column(key), "its bases are read unasked, and left out"


def test_what_follows_from_other_columns_costs_a_fraction_of_it() -> None:
    rng = random.Random(3)
    parts = {key: [int(rng.lognormvariate(10, 0.3)) for _ in range(1440)] for key in (3, 4)}
    waits = [rng.randrange(100) for _ in range(1440)]
    whole = [sum(row) for row in zip(waits, *parts.values(), strict=True)]
    runs = [latency // 1000 + 2 for latency in whole]
    table = Table(list(range(1440)), {2: whole, 6: waits, 7: whole, 12: runs, **parts})

    plain, related = sizes(encode(table)), sizes(encode(table, RELATED))

    assert (related[7], related[12]) < (60, 60)
    assert related[2] == plain[2], "others are measured against it"
    assert sum(related.values()) < 0.65 * sum(plain.values())
    assert decode(encode(table, RELATED)) == table


def test_a_block_of_the_first_version_is_read() -> None:
    table = Table([0, 60_000, 120_000], {1: [1, 1, 3], 2: [81_234, 79_001, None], 15: [None, None, "x"]})

    assert decode(bytes.fromhex(FIRST_VERSION)) == table


def test_a_block_of_the_second_version_is_read_and_is_what_is_written() -> None:
    table = Table([0, 60_000, 120_000], {1: [1, 1, 3], 2: [81_234, 79_001, None], 3: [1200, 700, 900]})

    assert decode(bytes.fromhex(SECOND_VERSION)) == table
    assert encode(table)[0] == bytes.fromhex(SECOND_VERSION)[0]


def test_what_is_kept_in_steps_costs_what_its_steps_do() -> None:
    rng = random.Random(11)
    steps = [int(rng.lognormvariate(5, 0.3)) for _ in range(1440)]
    rows = list(range(1440))

    def cost(factor: int) -> int:
        return sizes(encode(Table(rows, {4: [step * factor for step in steps]})))[4]

    assert cost(1) == cost(100) == cost(10**6)
    # A seventh zero is one too many.
    assert cost(10**7) > cost(10**6)


def test_a_stepped_column_is_measured_against_exact_ones() -> None:
    rng = random.Random(5)
    parts = {key: [rng.randrange(100) * 100 for _ in range(1440)] for key in (3, 4)}
    waits = [rng.randrange(600) * 100 for _ in range(1440)]
    whole = [sum(row) + rng.randrange(300) for row in zip(waits, *parts.values(), strict=True)]
    table = Table(list(range(1440)), {2: whole, 6: waits, **parts})

    plain, related = sizes(encode(table)), sizes(encode(table, RELATED))

    assert related[6] < plain[6] / 3
    assert decode(encode(table, RELATED)) == table
    assert decode(encode(table, RELATED), {6}, {6: 2}).columns[6] == [wait * 100 for wait in waits]


def test_another_version_is_an_error_and_not_a_guess() -> None:
    block = bytearray(encode(Table([1], {1: [2]})))
    block[0] = 3

    with pytest.raises(UnknownVersionError, match="version 3"):
        decode(bytes(block))


@pytest.mark.parametrize(
    "column", [[math.nan], [math.inf], [-math.inf], [2**63], [-(2**63) - 1], ["text", 1], [1.5, "text"]]
)
def test_values_without_an_exact_form_are_refused(column: list[object]) -> None:
    with pytest.raises(UnstorableError):
        encode(Table(list(range(len(column))), {1: column}))


def test_a_column_of_another_length_and_a_key_beyond_16_bits_are_refused() -> None:
    with pytest.raises(UnstorableError):
        encode(Table([1, 2], {1: [1]}))
    with pytest.raises(UnstorableError):
        encode(Table([1], {65_535: [1]}))


def test_differences_beyond_64_bits_fall_back_to_offsets() -> None:
    column = [2**63 - 1, -(2**63), 2**63 - 1, 0, -(2**63), 7]

    assert decode(encode(Table(list(range(6)), {1: column}))).columns[1] == column


def test_only_the_wanted_columns_are_read() -> None:
    table = decode(encode(Table([10, 20], {1: [1, 2], 2: ["a", "b"], 3: [None, 1.25]})), {3})

    assert table == Table([10, 20], {3: [None, 1.25]})
    assert table.column(1) == [None, None]


@given(tables(), st.integers(0, 8))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_column_asked_for_as_integers_is_what_rounding_its_floats_gives(table: Table, decimals: int) -> None:
    numbers = {key: values for key, values in table.columns.items() if not any(isinstance(v, str) for v in values)}
    numbers = {key: values for key, values in numbers.items() if all(abs(v or 0) < 1e290 for v in values)}
    restored = decode(encode(table), decimals=dict.fromkeys(numbers, decimals))

    for key, values in restored.columns.items():
        plain = table.columns[key]
        if key in numbers:
            # A whole number in a column of floats has become one.
            floats = any(isinstance(value, float) for value in plain)
            read = [None if value is None else float(value) if floats else value for value in plain]
            plain = [None if value is None else round(value * 10**decimals) for value in read]
        assert bits(values) == bits(plain)


def test_a_related_column_asked_for_as_integers_is_multiplied() -> None:
    table = Table([1, 2, 3], {1: [700, 900, None], 2: [701, 905, 4], 3: [7.5, None, 8.25]})
    block = encode(table, {2: Relation((1,))})

    assert decode(block, {2, 3}, {2: 3, 3: 1}).columns == {2: [701_000, 905_000, 4000], 3: [75, None, 82]}


def test_a_column_measured_against_a_measured_one_is_damage() -> None:
    noise = [random.Random(row).randrange(10**9) for row in range(50)]
    table = Table(list(range(50)), {1: noise, 2: [value + 5 for value in noise]})
    block = bytearray(encode(table, {2: Relation((1,))}))
    place = block.index(struct.pack("<BBHH", 1, 0, 1, 1))
    block[place : place + 6] = struct.pack("<BBHH", 1, 0, 1, 2)
    block[1:5] = struct.pack("<I", zlib.crc32(block[5:], zlib.crc32(block[:1])))

    with pytest.raises(DamagedBlockError):
        decode(bytes(block))


def test_a_detail_that_does_not_change_costs_a_few_bytes_however_many_rows_carry_it() -> None:
    detail = json.dumps({"error": "timeout", "reason": "timeout", "attempt_ms": 15_000})
    many = encode(Table(list(range(0, 1440 * 60_000, 60_000)), {15: [detail] * 1440}))
    one = encode(Table([0], {15: [detail]}))

    assert sizes(many)[15] == sizes(one)[15]
    assert decode(many).columns[15] == [detail] * 1440


def test_a_regular_clock_and_a_constant_cost_their_directory_entry_only() -> None:
    block = encode(Table(list(range(0, 1440 * 60_000, 60_000)), {1: [1] * 1440}))

    assert len(block) < 100


def test_a_day_of_a_monitor_takes_little_more_than_its_latencies_hold_bits() -> None:
    rng = random.Random(7)
    ts = [minute * 60_000 for minute in range(1440)]
    latency = [int(rng.lognormvariate(10.6, 0.3)) for _ in ts]
    phases = {key: [int(value * share) for value in latency] for key, share in ((3, 0.1), (4, 0.2), (6, 0.5), (7, 1))}
    block = encode(Table(ts, {1: [1] * 1440, 2: latency, 8: [200] * 1440, 13: [60_000] * 1440, **phases}))

    # Five columns of lognormal microseconds hold 71 bits a row; everything else is constant or regular.
    assert len(block) * 8 / 1440 < 71 * 1.3
