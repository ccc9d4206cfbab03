from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.metrics.uptime import StateTimes
from apps.reports.sla import judge, parse_target, spell_target

MONTH_MS = 30 * 86_400_000
MS = st.integers(0, 10**12)
TARGETS = st.integers(50_000, 100_000)


def test_three_nines_of_a_month_leave_43_minutes() -> None:
    verdict = judge(StateTimes(up_ms=MONTH_MS - 600_000, down_ms=600_000), target=99_900)

    assert verdict.budget_ms == 43 * 60_000 + 12_000
    assert verdict.left_ms == 33 * 60_000 + 12_000
    assert verdict.met is True
    assert verdict.used_share == pytest.approx(600 / 2592)


def test_one_millisecond_too_many_is_a_miss() -> None:
    met = judge(StateTimes(up_ms=999_000, down_ms=1_000), target=99_900)
    missed = judge(StateTimes(up_ms=998_999, down_ms=1_001), target=99_900)

    assert (met.met, met.left_ms) == (True, 0)
    assert (missed.met, missed.left_ms) == (False, -1)


def test_maintenance_warning_and_unmeasured_time_cost_nothing() -> None:
    times = StateTimes(up_ms=100_000, warning_ms=90_000, down_ms=0, maintenance_ms=5_000_000, unknown_ms=7_000_000)

    assert judge(times, target=100_000).met is True
    assert judge(times, target=99_000).budget_ms == 1_000


def test_nothing_measured_is_no_verdict() -> None:
    verdict = judge(StateTimes(unknown_ms=MONTH_MS), target=99_900)

    assert (verdict.met, verdict.budget_ms, verdict.left_ms, verdict.used_share) == (None, 0, 0, None)


@settings(deadline=None)
@given(up=MS, down=MS, target=TARGETS)
def test_the_verdict_is_the_comparison_of_exact_fractions(up: int, down: int, target: int) -> None:
    verdict = judge(StateTimes(up_ms=up, down_ms=down), target=target)

    if up + down == 0:
        assert verdict.met is None
    else:
        assert verdict.met == (Fraction(up, up + down) >= Fraction(target, 100_000))
        assert verdict.met == (verdict.left_ms >= 0)


@settings(deadline=None)
@given(target=TARGETS)
def test_a_target_is_read_as_it_is_spelled(target: int) -> None:
    assert parse_target(spell_target(target)) == target


@pytest.mark.parametrize(
    ("text", "target"),
    [("99.9", 99_900), ("99,95", 99_950), (" 99.999 % ", 99_999), ("100", 100_000), ("50", 50_000), ("099", 99_000)],
)
def test_spellings_of_a_target(text: str, target: int) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "abc", "100.001", "49.999", "99.9999", "-99", "1e2", "٩٩", "99.", "99 9", "nan"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_target(text)

    assert set(refused.value.fields) == {"target"}
