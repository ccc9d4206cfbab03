"""What is kept of a report: one template writes what rounding every number by itself would have written."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.metrics.columns import read_row
from apps.metrics.layouts import Cells, shared_layout
from apps.metrics.packing import INT64
from apps.metrics.reported import kept
from apps.metrics.sources import LAYOUTS, KnownSource, layout_of
from tests.apps.metrics.conftest import rounded

# One of each number of decimal places there is, and one more.
NAMES = ("cpu.ratio", "cpu.load1", "temp.max_c", "uptime_s", "net.rx_bytes[eth0]")
KEYS = tuple(range(100, 100 + len(NAMES)))
numbers = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(),
    st.floats(-2, 2),
    st.floats(-1e12, 1e12).map(lambda value: round(value, 3)),
    st.sampled_from([0.0, -0.0, -1e-9, 0.5, 1.5, 2.5, 0.0000005, 1e15 + 0.3, float(INT64), 9.2e18]),
)


def spelled_one_by_one(values: dict[str, Any]) -> dict[int, Any]:
    places = [(name, key, kept(name).decimals) for name, key in zip(NAMES, KEYS, strict=True)]
    return {
        key: rounded(values[name], decimals)
        for name, key, decimals in places
        if values[name] is not None and -INT64 <= values[name] < INT64
    }


@settings(max_examples=400, deadline=None)
@given(st.tuples(*[numbers] * len(NAMES)))
def test_a_template_writes_what_rounding_one_by_one_would(told: tuple[Any, ...]) -> None:
    values = dict(zip(NAMES, told, strict=True))
    expected = spelled_one_by_one(values)

    cells = shared_layout(NAMES, KEYS).cells(values)
    read = read_row(cells.spelled())

    # As text, so that 1 and 1.0, and zero and minus zero, are told apart.
    assert json.dumps(read) == json.dumps(expected)
    assert dict(zip(cells.keys, cells.numbers, strict=True)) == {key: values[NAMES[key - 100]] for key in expected}


def test_small_reports_have_a_layout_as_well() -> None:
    assert shared_layout((), ()).cells({}) == Cells((), (), ())
    assert shared_layout(("uptime_s",), (40,)).cells({"uptime_s": 3}).spelled() == b'{"40":3}'


def test_a_source_remembers_few_layouts_and_none_that_may_grow() -> None:
    source = KnownSource(1, {"a": 100}, {"uptime_s": 40}, derived=("net.all_bytes",))

    assert layout_of(("a", "net.all_bytes", "uptime_s"), source).keys == (100, 40)
    assert layout_of(("a", "unknown"), source).keys == (100,)
    assert list(source.layouts) == [("a", "net.all_bytes", "uptime_s")]
    assert source.unknown(["a", "unknown"]) == {"unknown"}
    for number in range(2 * LAYOUTS):
        layout_of(("a",) * (number + 2), source)
    assert len(source.layouts) == LAYOUTS
