"""Billing cycles: contiguous, half-open, by the wall clock of their zone."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.traffic.cycles import before, cycle_at, cycles_back, local_days, months_later
from apps.traffic.plans import CyclePlan, Mode

ZONES = ["UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu", "Atlantic/Azores"]

plans = st.builds(
    CyclePlan,
    mode=st.sampled_from(Mode),
    start_day=st.integers(1, 31),
    anchor=st.none() | st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    zone=st.sampled_from(ZONES),
).map(lambda plan: plan.normal)
instants = st.integers(0, 24 * 366 * 24 * 60).map(
    lambda minutes: datetime(2008, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(plan=plans, at=instants)
def test_a_cycle_holds_its_instant_and_is_about_a_month_long(plan: CyclePlan, at: datetime) -> None:
    cycle = cycle_at(plan, at)

    assert cycle.start <= at < cycle.end
    assert timedelta(days=27, hours=22) <= cycle.end - cycle.start <= timedelta(days=34)


@given(plan=plans, at=instants)
def test_every_instant_of_a_cycle_finds_the_same_cycle(plan: CyclePlan, at: datetime) -> None:
    cycle = cycle_at(plan, at)

    # Until its anchor has come, a walk begins anew every January, and its cycles need not touch (contract Dash 8.4).
    if plan.mode is not Mode.WHMCS or (plan.anchor is not None and plan.anchor < cycle.start.date()):
        assert cycle_at(plan, cycle.start) == cycle
        assert cycle_at(plan, cycle.end).start == cycle.end


@settings(max_examples=50)
@given(plan=plans, at=instants, number=st.integers(1, 30))
def test_cycles_walked_back_touch_each_other(plan: CyclePlan, at: datetime, number: int) -> None:
    walked = cycles_back(plan, at, number)

    assert len(walked) == number
    assert all(older.end == newer.start for newer, older in itertools.pairwise(walked))
    assert before(plan, walked[0]).end == walked[0].start


def test_a_clamped_day_comes_back_after_a_short_month() -> None:
    plan = CyclePlan(Mode.CLAMP, 31, zone="UTC")

    starts = [cycle.start.date() for cycle in cycles_back(plan, datetime(2028, 4, 1, tzinfo=UTC), 3)]

    assert starts == [date(2028, 3, 31), date(2028, 2, 29), date(2028, 1, 31)]


def test_a_walk_that_has_rolled_over_stays_where_it_came_to() -> None:
    plan = CyclePlan(Mode.WHMCS, 31, date(2026, 1, 31), "UTC")

    starts = [cycle_at(plan, datetime(2026, month, 15, tzinfo=UTC)).start.date() for month in (2, 3, 4, 12)]

    assert starts == [date(2026, 1, 31), date(2026, 3, 3), date(2026, 4, 3), date(2026, 12, 3)]


def test_an_anchor_of_long_ago_costs_a_few_steps_only() -> None:
    plan = CyclePlan(Mode.WHMCS, 28, date(1, 1, 28), "UTC")

    assert cycle_at(plan, datetime(2026, 3, 1, tzinfo=UTC)).start.date() == date(2026, 2, 28)


def test_the_end_of_the_calendar_is_no_error() -> None:
    assert months_later(date(9998, 12, 31), 1) == date(9999, 12, 1)


@pytest.mark.parametrize(
    ("first", "hours"),
    [(datetime(2026, 3, 28, 23, tzinfo=UTC), 23), (datetime(2026, 10, 24, 22, tzinfo=UTC), 25)],
)
def test_local_days_are_as_long_as_the_clock_makes_them(first: datetime, hours: int) -> None:
    month = cycle_at(CyclePlan(zone="Europe/Berlin"), first)

    days = list(local_days(month, "Europe/Berlin"))

    assert len(days) == 31
    assert (days[0].start, days[-1].end) == (month.start, month.end)
    assert next(day.end - day.start for day in days if day.start == first) == timedelta(hours=hours)


def test_a_day_that_was_skipped_altogether_is_left_out() -> None:
    month = cycle_at(CyclePlan(zone="Pacific/Apia"), datetime(2011, 12, 15, tzinfo=UTC))

    days = list(local_days(month, "Pacific/Apia"))

    assert all(one.end == other.start for one, other in itertools.pairwise(days))
    assert (days[0].start, days[-1].end) == (month.start, month.end)
