import pytest

from apps.metrics.columns import DETAIL, LATENCY, STANDARD, STATE, is_plain, read_row, write_plain, write_row


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
    ],
)
def test_plain_values_are_spelled_as_their_row_is(values: dict[str, int]) -> None:
    assert is_plain(values)
    assert write_plain(values) == write_row({STANDARD[name]: value for name, value in values.items()})


@pytest.mark.parametrize("values", [{}, {"state": None}, {"state": True}, {"state": 1.5}, {"state": 1, "queue": 2}])
def test_anything_else_is_not_plain(values: dict[str, object]) -> None:
    assert not is_plain(values)
