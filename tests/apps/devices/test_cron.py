"""Schedules beyond the vector file: what is refused, and that time only moves forward."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.devices import cron

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "0 * * * * *",
        "@daily",
        "60 * * * *",
        "0 0 30 2 *",
        "0 0 31 2,4,6 *",
        "*/0 * * * *",
        "٣ * * * *",
        "1-999999999999 * * * *",
        "a b c d e",
        "0 0 * * 8",
        "5-1 * * * *",
        "* " * 60,
    ],
)
def test_a_schedule_that_is_none_or_never_fires_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        cron.validate(expression, "UTC")

    assert list(refused.value.fields) == ["schedule"]


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe", "localtime", "Europe/Berlin\0"])
def test_only_zones_of_the_world_are_known(zone: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        cron.validate("0 0 * * *", zone)

    assert list(refused.value.fields) == ["timezone"]


def test_the_second_run_of_a_repeated_hour_never_leads_back() -> None:
    # 02:15 comes twice on this day; the second one is 01:15 UTC.
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)

    assert cron.next_after("30 2 * * *", "Europe/Berlin", second) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_fraction_of_a_second_counts_as_before_the_minute() -> None:
    almost = datetime(2026, 3, 1, 11, 59, 59, 999_000, tzinfo=UTC)

    assert cron.next_after("0 12 * * *", "UTC", almost) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert cron.next_after("0 12 * * *", "UTC", almost + timedelta(milliseconds=1)) == datetime(
        2026, 3, 2, 12, tzinfo=UTC
    )


expressions = st.builds(
    lambda *fields: " ".join(fields),
    st.sampled_from(["*", "*/7", "0", "30", "15,45", "5-20/5"]),
    st.sampled_from(["*", "0", "1", "2", "3", "0-3", "*/2", "23"]),
    st.sampled_from(["*", "1", "29", "L", "10-20"]),
    st.sampled_from(["*", "3", "10,11", "2"]),
    st.sampled_from(["*", "0", "7", "1-5", "5L", "2#2"]),
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca"]
)


@given(expression=expressions, zone=zones, hours=st.integers(0, 24 * 365 * 3), minutes=st.integers(0, 59))
@settings(max_examples=300, deadline=None)
def test_every_fire_time_is_later_and_no_other_lies_between(
    expression: str, zone: str, hours: int, minutes: int
) -> None:
    at = NOW + timedelta(hours=hours, minutes=minutes)

    first = cron.next_after(expression, zone, at)

    assert first is not None
    assert first > at
    halfway = at + (first - at) / 2
    assert cron.next_after(expression, zone, halfway) == first
