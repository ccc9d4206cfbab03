"""Shares of ticks: what a window remembers, and when it is over its limit."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.memory import NOTHING, Memory
from apps.alerts.windows import TICK, Share, Ticks, is_held, observe, tick_of
from tests.apps.alerts.making import START

bits = st.lists(st.booleans(), min_size=1, max_size=60)
sizes = st.integers(1, 12)


def window_after(share: Share, readings: list[bool], *, known_ticks: int = 0) -> Ticks:
    ticks = None
    for index, bad in enumerate(readings):
        known_since = START - known_ticks * TICK
        ticks = observe(share, ticks, bad=bad, at=START + index * TICK, known_since=known_since)
    assert ticks is not None
    return ticks


@given(sizes, bits, st.booleans())
def test_a_window_says_what_the_last_ticks_in_a_list_would_say(size: int, readings: list[bool], every: bool) -> None:
    share = Share(size, every)
    last = readings[-size:]
    full = len(last) == size
    expected = full and (all(last) if every else sum(last) * 100 // size > 70)

    assert is_held(share, window_after(share, readings)) == expected


@given(sizes, bits, st.integers(0, 20))
def test_ticks_before_the_first_trouble_are_known_to_have_been_fine(size: int, readings: list[bool], fine: int) -> None:
    share = Share(size)
    as_if_kept = window_after(share, [False] * fine + readings)
    rebuilt = window_after(share, readings, known_ticks=fine)

    assert (rebuilt.bits, rebuilt.length) == (as_if_kept.bits, as_if_kept.length)


@given(sizes, bits, st.integers(1, 30))
def test_a_tick_without_a_reading_is_like_the_one_before_it(size: int, readings: list[bool], gap: int) -> None:
    share, ticks = Share(size), window_after(Share(size), readings)
    later = START + (len(readings) - 1 + gap) * TICK

    skipping = observe(share, ticks, bad=True, at=later, known_since=START)
    filled = window_after(share, [*readings, *[readings[-1]] * (gap - 1), True])

    assert skipping == filled


@given(sizes, bits)
def test_a_reading_in_the_same_tick_takes_its_place(size: int, readings: list[bool]) -> None:
    share, ticks = Share(size), window_after(Share(size), readings)
    within = START + (len(readings) - 1) * TICK + timedelta(seconds=2)

    again = observe(share, ticks, bad=not readings[-1], at=within, known_since=START)

    assert again == window_after(share, [*readings[:-1], not readings[-1]])


@pytest.mark.parametrize(
    ("bad", "ticks", "held"),
    [(7, 10, False), (8, 10, True), (2, 3, False), (3, 3, True), (12, 17, False), (5, 7, True)],
)
def test_percents_are_whole_and_rounded_down(bad: int, ticks: int, held: bool) -> None:
    readings = [True] * bad + [False] * (ticks - bad)

    assert is_held(Share(ticks), window_after(Share(ticks), readings)) == held


def test_a_window_never_remembers_more_than_its_size() -> None:
    ticks = window_after(Share(10), [True] * 500)

    assert ticks.bits.bit_length() == 10
    assert ticks.length == 10


def test_ticks_are_three_seconds_long_and_begin_with_1970() -> None:
    assert tick_of(START) * 3 == START.timestamp()
    assert tick_of(START + timedelta(seconds=2.9)) == tick_of(START)
    assert tick_of(START + TICK) == tick_of(START) + 1


@given(sizes, bits)
def test_a_window_reads_back_as_it_was_kept(size: int, readings: list[bool]) -> None:
    memory = Memory(ticks=window_after(Share(size), readings), since=START)

    assert Memory.from_json(memory.to_json()) == memory
    assert Memory.from_json(NOTHING.to_json()) == NOTHING
