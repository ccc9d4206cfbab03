"""More than six changes in an hour, and the half hour without one that ends it (contract Dashmon 9.1)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.devices.flapping import CALM, MOST_FLIPS, WITHIN, Flaps, count, settle

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def minutes(number: float) -> datetime:
    return T0 + timedelta(minutes=number)


def counted(*at: float) -> tuple[Flaps, list[str]]:
    flaps, marks = Flaps(), []
    for number in at:
        flaps, mark = count(flaps, minutes(number))
        marks.append(mark)
    return flaps, marks


def test_the_seventh_change_within_an_hour_begins_it() -> None:
    flaps, marks = counted(0, 10, 20, 30, 40, 50, 60)

    assert marks == ["", "", "", "", "", "", "began"]
    assert (flaps.since, flaps.settles_at) == (minutes(60), minutes(90))


def test_seven_changes_in_a_moment_more_than_an_hour_do_not() -> None:
    flaps, marks = counted(0, 10, 20, 30, 40, 50, 60.001)

    assert marks[-1] == ""
    assert flaps.settles_at is None


def test_every_further_change_puts_the_end_off() -> None:
    flaps, marks = counted(0, 1, 2, 3, 4, 5, 6, 30)

    assert marks[-1] == "on"
    assert flaps.settles_at == minutes(60)


def test_it_ends_after_half_an_hour_to_the_instant_and_starts_from_nothing() -> None:
    flaps, _ = counted(0, 1, 2, 3, 4, 5, 6)

    assert settle(flaps, minutes(35.999)) == (flaps, None)
    assert settle(flaps, minutes(36)) == (Flaps(), minutes(36))
    assert settle(Flaps(), minutes(36)) == (Flaps(), None)


@given(st.lists(st.integers(0, 40), max_size=60))
def test_it_flaps_exactly_when_seven_changes_fit_into_an_hour(gaps: list[int]) -> None:
    flaps, instants, at = Flaps(), [], T0
    for gap in gaps:
        at += timedelta(minutes=gap)
        flaps, ended = settle(flaps, at)
        if ended is not None:
            instants.clear()
        instants.append(at)
        before = flaps.since
        flaps, mark = count(flaps, at)
        window = [one for one in instants if at - one <= WITHIN]
        if before is None:
            assert (mark == "began") == (len(window) > MOST_FLIPS)
        else:
            assert mark == "on"
            assert flaps.settles_at == at + CALM
        assert len(flaps.at) <= MOST_FLIPS + 1
