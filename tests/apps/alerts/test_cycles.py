"""Cycles of calendar units, and what a counter gains in one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.cycles import Cycle, Used, bounds, count, next_check_s, settled
from apps.alerts.memory import Memory

LATEST = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp())
instants = st.integers(946_684_800, LATEST).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(["", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"])
cycles = st.builds(
    Cycle, instants, st.integers(1, 40), st.sampled_from(["hour", "day", "week", "month", "year"]), zones
)


def wall(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@given(cycles, instants)
def test_every_instant_lies_in_its_cycle_and_cycles_join_without_a_gap(cycle: Cycle, at: datetime) -> None:
    at = max(at, cycle.anchor + timedelta(seconds=1))
    start, end = bounds(cycle, at)

    assert start <= at <= end
    assert start < end
    following, _ = bounds(cycle, end + timedelta(microseconds=1))
    assert following == end


@given(cycles, st.integers(0, 30))
def test_a_cycle_is_found_as_by_walking_from_the_anchor(cycle: Cycle, steps: int) -> None:
    """The short cut through old anchors ends where the slow walk of the contract ends."""
    start, end = bounds(cycle, cycle.anchor + timedelta(seconds=1))
    assert start == cycle.anchor
    for _ in range(steps):
        start, end = bounds(cycle, end + timedelta(microseconds=1))
    direct = bounds(cycle, start + (end - start) / 2)

    assert direct == (start, end)


@pytest.mark.parametrize(
    ("anchor", "unit", "at", "start", "end"),
    [
        ("2026-01-31", "month", "2026-04-10", "2026-04-03", "2026-05-03"),
        ("2026-01-31", "month", "2026-02-10", "2026-01-31", "2026-03-03"),
        ("2024-01-31", "month", "2024-03-01", "2024-01-31", "2024-03-02"),
        ("2024-02-29", "year", "2026-06-01", "2026-03-01", "2027-03-01"),
        ("2026-01-01", "month", "2026-12-31", "2026-12-01", "2027-01-01"),
    ],
)
def test_days_that_a_month_lacks_roll_over_and_the_walk_goes_on_from_there(anchor, unit, at, start, end) -> None:
    cycle = Cycle(wall(anchor, "UTC"), 1, unit)

    assert bounds(cycle, wall(at, "UTC")) == (wall(start, "UTC"), wall(end, "UTC"))


def test_an_instant_on_the_border_belongs_to_the_cycle_that_ends_and_a_whole_hour_to_the_one_that_begins() -> None:
    border = datetime(2026, 5, 15, tzinfo=UTC)

    assert bounds(Cycle(datetime(2026, 1, 15, tzinfo=UTC), 1, "month"), border)[1] == border
    assert bounds(Cycle(datetime(2026, 1, 15, tzinfo=UTC), 6, "hour"), border)[0] == border


def test_days_follow_the_wall_clock_of_their_zone_through_summer_time() -> None:
    cycle = Cycle(wall("2026-03-28T00:00"), 1, "day", "Europe/Berlin")
    start, end = bounds(cycle, wall("2026-03-29T12:00"))

    assert (start, end) == (wall("2026-03-29T00:00"), wall("2026-03-30T00:00"))
    assert end - start == timedelta(hours=23)


def test_without_a_zone_the_anchors_offset_holds_all_year() -> None:
    cycle = Cycle(datetime.fromisoformat("2026-01-01T00:00:00+01:00"), 1, "month")

    assert bounds(cycle, wall("2026-07-10T00:00"))[0] == datetime.fromisoformat("2026-07-01T00:00:00+01:00")


@pytest.mark.parametrize("unit", ["hour", "day", "week", "month", "year"])
def test_an_anchor_of_long_ago_and_a_cycle_beyond_the_calendar_have_an_answer(unit: str) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)

    assert bounds(Cycle(datetime(2, 1, 31, tzinfo=UTC), 1, unit), now)[1] >= now
    assert bounds(Cycle(datetime(2026, 1, 31, tzinfo=UTC), 10_000 if unit == "year" else 7, unit), now)[1] > now


def test_what_a_counter_gains_counts_for_the_cycle_of_the_later_reading() -> None:
    cycle, midnight = Cycle(datetime(2026, 5, 1, tzinfo=UTC), 1, "day"), datetime(2026, 5, 2, tzinfo=UTC)
    used = None
    amounts = []
    for minutes, counter in ((-30, 1000), (-20, 1400), (-10, 1500), (10, 1700), (20, 100), (30, 150)):
        used = count(cycle, used, counter=counter, at=midnight + timedelta(minutes=minutes))
        amounts.append(used.amount)

    # What was before the first reading is not known; the counter began again before the fifth.
    assert amounts == [0, 400, 500, 200, 300, 350]


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=30))
def test_a_count_kept_seldom_reckons_what_a_count_kept_always_does(gains: list[int]) -> None:
    cycle, at = Cycle(datetime(2026, 5, 1, tzinfo=UTC), 1, "hour"), datetime(2026, 5, 2, tzinfo=UTC)
    always = seldom = None
    counter = 0
    for gain in gains:
        counter, at = counter + gain, at + timedelta(seconds=30)
        always = count(cycle, always, counter=counter, at=at)
        now = count(cycle, seldom, counter=counter, at=at)
        assert now.amount == always.amount
        seldom = settled(cycle, now, seldom)


def test_a_count_is_written_when_it_is_due_and_when_it_could_not_be_told_later() -> None:
    cycle, start = Cycle(datetime(2026, 5, 1, tzinfo=UTC), 1, "hour"), datetime(2026, 5, 1, tzinfo=UTC)
    at = start + timedelta(minutes=10)
    before = Used(start, 500, 1000, at)

    def kept(counter: float, seconds: float, begun: datetime = start) -> bool:
        now = Used(begun, 510, counter, at + timedelta(seconds=seconds))
        return settled(cycle, now, before) is now

    assert not kept(1010, 59)
    assert kept(1010, 60)
    assert kept(50, 1)
    assert kept(1010, 1, start + timedelta(hours=1))
    late = Used(start, 500, 1000, start + timedelta(minutes=59, seconds=1))
    assert settled(cycle, replace(late, counter=1001, kept_at=late.kept_at + timedelta(seconds=3)), late) is not late


@pytest.mark.parametrize(
    ("limit", "used", "seconds"), [(1000, 0, 1800), (1000, 430, 1026), (1000, 950, 180), (1000, 5000, 180), (0, 5, 180)]
)
def test_the_nearer_the_limit_the_sooner_another_look(limit: float, used: float, seconds: float) -> None:
    assert next_check_s(limit, used) == seconds


def test_a_count_reads_back_as_it_was_kept() -> None:
    memory = Memory(used=Used(datetime(2026, 5, 1, tzinfo=UTC), 1.5, 7, datetime(2026, 5, 2, tzinfo=UTC)))

    assert Memory.from_json(memory.to_json()) == memory
