from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.notifications.routing import Override, Rotation, Window
from apps.notifications.routing.duties import Duty, duties, now_and_next
from apps.notifications.routing.oncall import on_call

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = ("ana", "bo", "cy")


def rotation(**changes: object) -> Rotation:
    usual: dict[str, object] = {
        "id": "main",
        "zone": BERLIN,
        "members": PEOPLE,
        "starts_on": date(2026, 1, 5),
        "shift_days": 7,
        "handoff": time(9),
    }
    return Rotation(**usual | changes)  # type: ignore[arg-type]  # what a test leaves out is usual


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[misc,arg-type]  # year, month, day, hour


def test_a_week_of_summer_time_is_an_hour_short_and_hands_over_at_nine_all_the_same() -> None:
    found = duties(rotation(), start=berlin(2026, 3, 23, 9), end=berlin(2026, 4, 6, 9))

    assert [(duty.start, duty.end) for duty in found] == [
        (berlin(2026, 3, 23, 9), berlin(2026, 3, 30, 9)),
        (berlin(2026, 3, 30, 9), berlin(2026, 4, 6, 9)),
    ]
    assert found[0].end - found[0].start == timedelta(days=7, hours=-1)
    assert [duty.member for duty in found] == ["cy", "ana"]


def test_a_stand_in_cuts_a_shift_in_two_and_is_marked() -> None:
    override = Override(berlin(2026, 1, 7, 8), berlin(2026, 1, 8, 8), "cy")
    found = duties(rotation(overrides=(override,)), start=berlin(2026, 1, 5, 9), end=berlin(2026, 1, 12, 9))

    assert [(duty.member, duty.stand_in) for duty in found] == [("ana", False), ("cy", True), ("ana", False)]


def test_outside_staffed_hours_and_before_the_first_shift_nobody_is_on_call() -> None:
    hours = Window(frozenset(range(5)), time(9), time(17))
    found = duties(rotation(coverage=(hours,)), start=berlin(2026, 1, 5, 0), end=berlin(2026, 1, 6, 0))

    assert [duty.member for duty in found] == [None, "ana", None]


def test_one_who_left_is_replaced_by_the_next_who_is_there() -> None:
    found = duties(rotation(), start=berlin(2026, 1, 5, 9), end=berlin(2026, 1, 19, 9), present={"bo", "cy"})
    assert found == [Duty(berlin(2026, 1, 5, 9), berlin(2026, 1, 19, 9), "bo")]


def test_who_follows_is_found_however_long_a_shift_is_and_may_be_nobody_at_all() -> None:
    now = berlin(2026, 2, 1, 12)
    current, following = now_and_next(rotation(shift_days=366), now=now)
    assert (current.member, following and following.member) == ("ana", "bo")
    assert following is not None
    assert following.start == berlin(2027, 1, 6, 9)

    alone, nobody_else = now_and_next(rotation(members=("ana",)), now=now)
    assert (alone.member, nobody_else) == ("ana", None)


def test_nothing_is_on_call_in_no_time() -> None:
    assert duties(rotation(), start=berlin(2026, 1, 5), end=berlin(2026, 1, 5)) == []


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds
CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
WINDOWS = st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), CLOCKS, CLOCKS)
OVERRIDES = st.builds(
    lambda start, hours, member: Override(start, start + timedelta(hours=hours), member),
    INSTANTS,
    st.integers(1, 400),
    st.sampled_from(PEOPLE),
)
ROTATIONS = st.builds(
    rotation,
    zone=st.sampled_from([BERLIN, ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]),
    starts_on=st.dates(date(2025, 12, 1), date(2026, 6, 1)),
    shift_days=st.integers(1, 40),
    handoff=CLOCKS,
    coverage=st.none() | st.lists(WINDOWS, max_size=3).map(tuple),
    overrides=st.lists(OVERRIDES, max_size=3).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(ROTATIONS, INSTANTS, st.integers(1, 40), st.data())
def test_the_calendar_says_at_every_instant_what_the_rule_says(
    schedule: Rotation, start: datetime, days: int, data: st.DataObject
) -> None:
    end = start + timedelta(days=days)
    found = duties(schedule, start=start, end=end)

    assert (found[0].start, found[-1].end) == (start, end)
    assert all(left.end == right.start for left, right in pairwise(found))
    assert all((left.member, left.stand_in) != (right.member, right.stand_in) for left, right in pairwise(found))
    at = start + data.draw(st.integers(0, days * 86400 - 1)) * timedelta(seconds=1)
    (duty,) = (duty for duty in found if duty.start <= at < duty.end)
    assert duty.member == on_call(schedule, at)
