"""What a condition makes of one value."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.columns import column_of, value_of
from apps.alerts.conditions import Condition, covers, read
from apps.common.values import Cover
from tests.apps.alerts.making import subject

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        ("gt", False, False, True),
        ("ge", False, True, True),
        ("lt", True, False, False),
        ("le", True, True, False),
        ("eq", False, True, False),
        ("ne", True, False, True),
    ],
)
def test_a_comparison_says_which_side_of_the_bound_is_bad(op: str, below: bool, equal: bool, above: bool) -> None:
    condition = Condition("cpu.ratio", op, 0.5)

    assert [read(condition, value, subject()).bad for value in (0.4, 0.5, 0.6)] == [below, equal, above]


@given(numbers, numbers)
def test_every_comparison_has_an_opposite(value: float, bound: float) -> None:
    def bad(op: str) -> bool:
        return read(Condition("cpu.ratio", op, bound), value, subject()).bad

    assert bad("gt") != bad("le")
    assert bad("lt") != bad("ge")
    assert bad("eq") != bad("ne")
    assert bad("ge") == (bad("gt") or bad("eq"))


@pytest.mark.parametrize(
    ("low", "high", "value", "bad", "limit"),
    [
        (None, 90, 90, False, 90),
        (None, 90, 90.01, True, 90),
        (10, None, 9.9, True, 10),
        (10, None, 10, False, 10),
        (None, None, 1000, False, None),
        (50, 20, 30, True, 20),
        (10, 90, 5, True, 10),
        (10, 90, 95, True, 90),
        (10, 90, 50, False, 90),
    ],
)
def test_outside_is_bad_below_low_and_above_high_each_of_which_may_be_off(low, high, value, bad, limit) -> None:
    reading = read(Condition("cpu.ratio", "outside", low=low, high=high), value, subject())

    assert (reading.bad, reading.threshold) == (bad, limit)


@pytest.mark.parametrize(
    ("missing", "bad", "value"), [("clear", False, 0), ("zero", False, 0), ("bad", True, 0), ("hold", None, None)]
)
@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_no_value_is_fine_nothing_new_zero_or_bad(missing, bad, value, nothing) -> None:
    reading = read(Condition("cpu.ratio", "ge", 0.9, missing=missing), nothing, subject())

    assert (reading and (reading.bad, reading.value)) == (None if bad is None else (bad, value))


def test_a_missing_value_that_counts_as_zero_can_be_too_low() -> None:
    assert read(Condition("conn.tcp", "outside", low=1, missing="zero"), None, subject()).bad


@pytest.mark.parametrize(("cores", "load", "bad"), [(4, 4.9, False), (4, 5, True), (8, 5.1, False), (None, 1, True)])
def test_load_is_held_to_cores_and_what_is_added_to_them(cores, load, bad) -> None:
    condition = Condition("cpu.load1", "ge", 0, 1, plus="cores")

    assert read(condition, load, subject(cores=cores)).bad == bad


def test_silence_is_held_to_the_subjects_own_limit() -> None:
    condition = Condition("node.silence_s", "gt", plus="stale_after_s")

    assert not read(condition, 14, subject()).bad
    assert read(condition, 15, subject()).bad
    assert not read(condition, 15, subject(stale_after_s=60)).bad


def test_without_the_limit_that_it_is_held_to_nothing_is_bad() -> None:
    condition = Condition("latency_us", "gt", plus="latency_limit_us")

    assert read(condition, 9e9, subject(kind="device")).bad is False
    assert read(condition, 201, subject(kind="device", latency_limit_us=200)).bad is True


@pytest.mark.parametrize(("before", "value", "bad"), [(None, 1, False), (1, 1, False), (1, 2, True), (1, None, None)])
def test_a_change_needs_something_to_change_from(before, value, bad) -> None:
    reading = read(Condition("state", "changed"), value, subject(kind="container"), before=before)

    assert (reading and reading.bad) == bad


@given(st.booleans(), st.frozensets(st.integers(1, 9)), st.frozensets(st.integers(1, 9)), st.booleans())
def test_a_cover_takes_rows_in_and_out_and_touches_no_others(default_on, named, moved, covered) -> None:
    before = Cover(default_on, named)
    after = before.with_rows(moved, covered=covered)

    assert all(
        after.covers(number) == (covered if number in moved else before.covers(number)) for number in range(1, 12)
    )
    assert after.with_rows(moved, covered=covered) == after


def test_all_conditions_have_to_cover_a_subject() -> None:
    everywhere, seven = Condition("cpu.ratio", "gt"), Condition("mem.ratio", "gt", cover=Cover(False, frozenset({7})))

    assert covers([everywhere, seven], 7)
    assert not covers([everywhere, seven], 8)


def test_sums_are_made_where_both_parts_are_known() -> None:
    assert value_of({"net.rx_rate": 900, "net.tx_rate": 200}, "net.all_rate") == 1100
    assert value_of({"net.rx_rate": 900, "net.tx_rate": None}, "net.all_rate") is None
    assert value_of({"net.all_rate": 5, "net.rx_rate": 900}, "net.all_rate") == 5
    assert value_of({}, "cpu.ratio") is None


def test_a_metric_may_name_one_part_of_what_has_parts() -> None:
    assert column_of("node", "disk.ratio[sda1]").name == "disk.ratio"
    assert column_of("node", "cpu.ratio[0]") is None
    assert column_of("node", "http.status") is None
    assert column_of("planet", "cpu.ratio") is None
