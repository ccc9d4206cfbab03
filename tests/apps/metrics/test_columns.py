import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.columns import (
    DETAIL,
    LATENCY,
    STANDARD,
    STATE,
    STEPPED,
    in_steps,
    is_plain,
    read_row,
    write_plain,
    write_row,
)

INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    "cells",
    [
        {},
        {STATE: 1, LATENCY: 81_234, 100: 0.25, 101: -1e-9, 102: 1.0},
        {STATE: 3, LATENCY: 2**63 - 1, 100: -(2**63)},
        {DETAIL: '{"text":"Größe \\"x\\""}'},
        {DETAIL: "half a pair: \ud800"},
    ],
)
def test_a_stored_row_says_what_was_written_with_the_types_it_had(cells: dict[int, object]) -> None:
    read = read_row(write_row(cells))

    assert read == cells
    assert [type(value) for value in read.values()] == [type(cells[key]) for key in read]


@pytest.mark.parametrize(
    "values",
    [
        {"state": 1},
        {"interval_ms": 60_000, "latency_us": 455, "state": 1, "http.status": 200},
        {"cert.days": -1, "run_ms": 0, "state": 3, "missed": 2**63 - 1},
        {"ttfb_us": 49, "dns_us": 50, "state": 1, "total_us": 149, "tls_us": 150, "connect_us": 12_088},
        {"dns_us": 149},
    ],
)
def test_plain_values_are_spelled_as_their_row_is(values: dict[str, int]) -> None:
    assert is_plain(values)
    assert write_plain(values) == write_row({STANDARD[name]: value for name, value in values.items()})


@given(INT64)
def test_a_phase_is_kept_to_the_nearest_tenth_of_a_millisecond_halves_up(us: int) -> None:
    kept = in_steps(us)

    assert kept % 100 == 0
    assert -50 < kept - us <= 50
    assert in_steps(kept) == kept
    assert -(2**63) <= kept < 2**63, "what a block can hold it still can"


@given(st.dictionaries(st.sampled_from(sorted(STANDARD)), INT64, min_size=1))
def test_phases_alone_are_kept_in_steps(values: dict[str, int]) -> None:
    said = {STANDARD[name]: value for name, value in values.items()}
    kept = read_row(write_plain(values))

    assert kept == read_row(write_row(said))
    assert kept == {key: in_steps(value) if key in STEPPED else value for key, value in said.items()}
    assert sorted(STEPPED) == [STANDARD[name] for name in ("dns_us", "connect_us", "tls_us", "ttfb_us")]


def test_a_phase_with_a_fraction_is_kept_as_it_is() -> None:
    assert read_row(write_row({STANDARD["dns_us"]: 149.5})) == {STANDARD["dns_us"]: 149.5}


@pytest.mark.parametrize("values", [{}, {"state": None}, {"state": True}, {"state": 1.5}, {"state": 1, "queue": 2}])
def test_anything_else_is_not_plain(values: dict[str, object]) -> None:
    assert not is_plain(values)
