from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reports.rhythm import Rhythm, latest_until, next_after

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu")
RHYTHMS = st.builds(
    Rhythm,
    frequency=st.sampled_from(["daily", "weekly", "monthly"]),
    hour=st.integers(0, 23),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    weekday=st.integers(0, 6),
    day=st.integers(1, 31),
)
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001  # hypothesis wants naive bounds


def local(at: datetime, zone: ZoneInfo = BERLIN) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def test_every_day_at_eight_follows_the_clock_on_the_wall() -> None:
    rhythm, at = Rhythm("daily", 8, BERLIN), datetime(2026, 3, 27, 12, tzinfo=UTC)
    seen = []
    for _ in range(3):
        at = next_after(rhythm, at)
        seen.append((local(at), at.hour))

    assert seen == [("Sat 2026-03-28 08:00", 7), ("Sun 2026-03-29 08:00", 6), ("Mon 2026-03-30 08:00", 6)]


def test_an_hour_the_clock_leaves_out_is_the_next_one() -> None:
    at = next_after(Rhythm("daily", 2, BERLIN), datetime(2026, 3, 28, 12, tzinfo=UTC))

    assert local(at) == "Sun 2026-03-29 03:00"


def test_an_hour_that_comes_twice_counts_once() -> None:
    rhythm = Rhythm("daily", 2, BERLIN)
    first = next_after(rhythm, datetime(2026, 10, 24, 12, tzinfo=UTC))
    second = next_after(rhythm, first)

    assert first == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert local(second) == "Mon 2026-10-26 02:00"


def test_the_31st_is_the_last_day_of_shorter_months() -> None:
    rhythm, at = Rhythm("monthly", 6, ZoneInfo("UTC"), day=31), datetime(2026, 1, 31, 6, tzinfo=UTC)
    days = []
    for _ in range(3):
        at = next_after(rhythm, at)
        days.append(at.date())

    assert days == [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


@pytest.mark.parametrize(
    ("rhythm", "first", "last"),
    [
        (Rhythm("daily", 8, BERLIN), date(2026, 3, 1), date(2026, 3, 1)),
        (Rhythm("weekly", 8, BERLIN, weekday=0), date(2026, 2, 23), date(2026, 3, 1)),
        (Rhythm("monthly", 8, BERLIN, day=2), date(2026, 2, 1), date(2026, 2, 28)),
    ],
)
def test_what_a_report_of_the_second_of_march_is_about(rhythm: Rhythm, first: date, last: date) -> None:
    due = datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert latest_until(rhythm, due) == due

    period = rhythm.period_of(due)

    assert (period.first_day, period.last_day) == (first, last)
    assert period.end <= due


@settings(deadline=None)
@given(rhythm=RHYTHMS, at=INSTANTS)
def test_due_instants_follow_each_other_without_a_gap(rhythm: Rhythm, at: datetime) -> None:
    following = next_after(rhythm, at)

    assert following > at
    assert latest_until(rhythm, following) == following
    assert latest_until(rhythm, following - timedelta(microseconds=1)) <= at
    assert next_after(rhythm, latest_until(rhythm, at)) == following


@settings(deadline=None)
@given(rhythm=RHYTHMS, at=INSTANTS)
def test_a_due_instant_is_the_hour_or_the_one_the_clock_shows_instead(rhythm: Rhythm, at: datetime) -> None:
    due = next_after(rhythm, at).astimezone(rhythm.zone)

    assert (due.hour, due.minute) == (rhythm.hour, 0) or (due - timedelta(hours=2)).utcoffset() != due.utcoffset()


@settings(deadline=None)
@given(rhythm=RHYTHMS, at=INSTANTS)
def test_periods_of_a_rhythm_meet(rhythm: Rhythm, at: datetime) -> None:
    first = next_after(rhythm, at)
    second = next_after(rhythm, first)

    assert rhythm.period_of(first).end == rhythm.period_of(second).start
