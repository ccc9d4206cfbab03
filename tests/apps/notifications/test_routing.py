"""The arithmetic of routing: windows of the week, rotations and timetables, whatever the zone does."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.routing import Policy, QuietHours, Repeat, Rotation, Step, Target, Window, forecast
from apps.notifications.routing.oncall import on_call, shift_at, shift_start
from apps.notifications.routing.policy import Override
from apps.notifications.routing.quiet import LONGEST, quiet_until, settle
from apps.notifications.routing.timetable import moments
from apps.notifications.routing.wall import covers, spans

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]).map(
    ZoneInfo
)
CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
WINDOWS = st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), CLOCKS, CLOCKS)
INSTANTS = st.integers(0, 3 * 365 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(st.lists(WINDOWS, min_size=1, max_size=4), ZONES, INSTANTS)
def test_quiet_lasts_exactly_while_some_window_covers(windows, zone, at) -> None:
    quiet = QuietHours(enabled=True, windows=tuple(windows))
    end = quiet_until(quiet, zone, at)

    assert (end is not None) == covers(windows, zone, at)
    if end is not None and end - at <= LONGEST:
        assert not covers(windows, zone, end)
        step = (end - at) / 7
        assert all(covers(windows, zone, at + part * step) for part in range(7))


@given(st.lists(WINDOWS, max_size=4), ZONES, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_deferring_never_lets_the_later_overtake_the_earlier(windows, zone, at, gap) -> None:
    quiet = QuietHours(enabled=True, windows=tuple(windows), bypass=frozenset())
    first = settle(quiet, zone, at=at, severity="critical").at
    second = settle(quiet, zone, at=at + gap, severity="critical").at

    assert first is None or first >= at
    assert first is None or second is None or first <= second


@given(ZONES, st.integers(1, 40), CLOCKS, INSTANTS)
def test_every_instant_after_the_beginning_lies_in_one_shift(zone, days, handoff, at) -> None:
    rotation = Rotation("oc", zone, ("a", "b", "c"), date(2025, 1, 1), days, handoff)
    number = shift_at(rotation, at)

    if number is None:
        assert at < shift_start(rotation, 0)
    else:
        assert shift_start(rotation, number) <= at < shift_start(rotation, number + 1)
        assert on_call(rotation, at) == "abc"[number % 3]


def test_everybody_who_is_there_stands_in_for_those_who_are_not() -> None:
    rotation = Rotation("oc", ZoneInfo("UTC"), ("a", "b", "c"), date(2026, 1, 1), 1, time(9))
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert on_call(rotation, at, present={"b", "c"}) == "b"
    assert on_call(rotation, at, present={"c"}) == "c"
    assert on_call(rotation, at, present=set()) is None


def test_an_override_of_somebody_who_has_left_gives_way_to_the_rotation() -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    away = Override(at - timedelta(hours=1), at + timedelta(hours=1), "gone")
    rotation = Rotation("oc", ZoneInfo("UTC"), ("a",), date(2026, 1, 1), 1, time(9), overrides=(away,))

    assert on_call(rotation, at) == "gone"
    assert on_call(rotation, at, present={"a"}) == "a"


def test_quiet_hours_without_an_end_drop_what_is_due() -> None:
    always = QuietHours(enabled=True, windows=(Window(frozenset(range(7)), time(0), time(0)),), bypass=frozenset())
    settled = settle(always, ZoneInfo("UTC"), at=datetime(2026, 1, 1, tzinfo=UTC), severity="critical")

    assert (settled.at, settled.quiet) == (None, True)


@pytest.mark.parametrize(("start", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_whole_day_is_as_long_as_the_clock_makes_it(start: date, hours: int) -> None:
    day = Window(frozenset(range(7)), time(0), time(0))
    (span,) = spans([day], ZoneInfo("Europe/Berlin"), first=start, last=start)

    assert span[1] - span[0] == timedelta(hours=hours)


STEPS = st.lists(st.integers(0, 300), min_size=1, max_size=4).map(
    lambda minutes: tuple(Step(minute, (Target("channel", f"ch_{index}"),)) for index, minute in enumerate(minutes))
)
POLICIES = st.builds(
    Policy,
    zone=ZONES,
    quiet=st.builds(
        QuietHours,
        enabled=st.booleans(),
        mode=st.sampled_from(["suppress", "defer"]),
        windows=st.lists(WINDOWS, max_size=2).map(tuple),
        bypass=st.sampled_from([frozenset(), frozenset({"critical"})]),
    ),
    steps=STEPS,
    repeat=st.builds(Repeat, st.integers(0, 3), st.integers(1, 120)),
)


@given(POLICIES, INSTANTS)
def test_moments_come_in_the_order_in_which_they_leave(policy: Policy, at: datetime) -> None:
    listed = list(moments(policy, begun_at=at, severity="warning"))

    assert len(listed) == len(policy.steps) * (policy.repeat.times + 1)
    leaving = [moment.at for moment in listed if moment.at is not None]
    assert leaving == sorted(leaving)


@given(POLICIES, INSTANTS, st.integers(0, 600), st.integers(0, 600))
def test_nobody_hears_after_it_was_taken_on_and_of_the_end_only_who_heard(policy, at, ack, end) -> None:
    acknowledged, resolved = at + timedelta(minutes=ack), at + timedelta(minutes=end)
    story = forecast(policy, opened_at=at, severity="warning", acknowledged_at=acknowledged, resolved_at=resolved)

    opened = [notice for notice in story.sent if notice.kind == "open"]
    assert all(notice.at < min(acknowledged, resolved) for notice in opened)
    ends = [notice for notice in story.sent if notice.kind == "resolved"]
    assert {notice.recipient for notice in ends} <= {notice.recipient for notice in opened}
    assert len({(notice.at, notice.recipient, notice.kind) for notice in story.sent}) == len(story.sent)
