import pytest

from apps.metrics.columns import DETAIL, LATENCY, STATE, read_row, write_row


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
