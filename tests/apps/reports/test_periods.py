from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.common.errors import InvalidInputError
from apps.reports.periods import (
    Period,
    days_before,
    last_days,
    midnight,
    midnight_of,
    month_before,
    week_before,
    zone_named,
)
from apps.reports.presenters.spelling import period_words

BERLIN, LISBON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Lisbon")
NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)


def test_a_month_with_a_changed_clock_is_an_hour_short() -> None:
    period = month_before(date(2026, 4, 15), zone=BERLIN)

    assert (period.start, period.end) == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 31, 22, tzinfo=UTC),
    )
    assert period.end - period.start == timedelta(days=31, hours=-1)
    assert (period.first_day, period.last_day) == (date(2026, 3, 1), date(2026, 3, 31))


def test_january_looks_back_to_december() -> None:
    period = month_before(date(2026, 1, 1), zone=ZoneInfo("UTC"))

    assert (period.first_day, period.last_day) == (date(2025, 12, 1), date(2025, 12, 31))


@pytest.mark.parametrize("day", range(6, 13))
def test_a_calendar_week_begins_on_monday(day: int) -> None:
    period = week_before(date(2026, 4, day), zone=BERLIN)

    assert (period.first_day, period.last_day) == (date(2026, 3, 30), date(2026, 4, 5))


def test_a_day_that_begins_an_hour_late_begins_at_the_leap() -> None:
    # In Santiago the clock went from 24:00 straight to 1:00.
    santiago = ZoneInfo("America/Santiago")

    assert midnight(date(2026, 9, 6), santiago).astimezone(santiago).date() in {date(2026, 9, 5), date(2026, 9, 6)}
    period = days_before(date(2026, 9, 7), 1, name="daily", zone=santiago)
    assert period.end - period.start == timedelta(hours=23)


def test_the_last_days_end_now() -> None:
    period = last_days(7, name="weekly", zone=LISBON, now=NOW)

    assert (period.start, period.end) == (NOW - timedelta(days=7), NOW)
    assert period_words(period) == "24 March 2026, 12:30 to 31 March 2026, 13:30"


def test_whole_days_are_said_without_hours() -> None:
    assert period_words(days_before(date(2026, 3, 2), 7, name="weekly", zone=BERLIN)) == (
        "23 February 2026 to 1 March 2026"
    )
    assert period_words(days_before(date(2026, 3, 2), 1, name="daily", zone=BERLIN)) == "1 March 2026"


def test_a_period_is_cut_to_what_is_kept_and_what_has_passed() -> None:
    period = Period("custom", NOW - timedelta(days=10), NOW + timedelta(days=10), LISBON)

    assert period.until(NOW).end == NOW
    assert period.since(NOW - timedelta(days=3)).start == NOW - timedelta(days=3)
    assert period.since(NOW - timedelta(days=30)) == period
    nothing = period.until(NOW - timedelta(days=20))
    assert nothing.start == nothing.end == NOW - timedelta(days=20)
    late = period.since(NOW + timedelta(days=30))
    assert late.start == late.end == period.end


def test_zones_by_name() -> None:
    assert zone_named("Australia/Adelaide").key == "Australia/Adelaide"
    assert zone_named(None).key == zone_named("").key == "UTC"


@pytest.mark.parametrize("name", ["Mars", "Europe", "../UTC", "/etc/passwd", "Europe/Berlin\x00", "x" * 300, "\ud800"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        zone_named(name)

    assert set(refused.value.fields) == {"timezone"}


@pytest.mark.parametrize("text", [None, "", "2026-3-1", "2026-02-30", "0001-01-01", "20260301", "2026-03-01T00:00"])
def test_what_names_no_day(text: str | None) -> None:
    assert midnight_of(text, BERLIN) is None
