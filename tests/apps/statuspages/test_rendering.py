"""Bars, spelling and boards: what is drawn is what was measured."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.boards import DAY, WHOLE, Board
from apps.metrics.uptime import StateTimes
from apps.statuspages.content import Row
from apps.statuspages.rendering.bars import bar
from apps.statuspages.rendering.spelling import Spelling

SPAN = range(20_000 * DAY, 20_090 * DAY, DAY)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DOWN = StateTimes(up_ms=DAY - 900_000, down_ms=900_000)
SLOW = StateTimes(up_ms=DAY, warning_ms=60_000)
NOTHING = StateTimes(unknown_ms=DAY)
SILENT = StateTimes(maintenance_ms=DAY)


def row(odd: dict[int, StateTimes], *, born: datetime = LONG_AGO) -> Row:
    return Row("Shop", "up", [Board(SPAN, {SPAN[index]: times for index, times in odd.items()})], born)


def test_a_good_quarter_is_one_line() -> None:
    drawn = bar(row({}), Spelling("en"))

    assert drawn.drawing.count("<path") == 1
    assert 'd="M0 14h90"' in drawn.drawing
    assert (drawn.share, drawn.tip) == ("100\u00a0%", "")
    assert drawn.label == "Shop: last 90 days, 100\u00a0% up"


def test_a_bad_day_stands_alone_with_its_story() -> None:
    drawn = bar(row({10: DOWN, 11: SLOW, 89: SILENT}), Spelling("en"))

    assert [part in drawn.drawing for part in ("M0 14h10", "M10 22h1", "M11 17.5h1", "M12 14h77", "M89 14h1")] == [
        True
    ] * 5
    assert "down 15 min" in drawn.drawing
    assert "degraded 1 min" in drawn.tip
    assert "days with trouble: 2" in drawn.label


def test_days_before_a_monitor_existed_are_not_days_without_data() -> None:
    born = datetime.fromtimestamp(SPAN[40] / 1000, UTC)
    drawn = bar(row(dict.fromkeys(range(45), NOTHING), born=born), Spelling("en"))

    assert 'class="z" d="M0 26.5h40"' in drawn.drawing
    assert drawn.drawing.count("v26h-.6z") == 5
    assert "not watched yet" in drawn.drawing


def test_nothing_measured_has_no_share() -> None:
    drawn = bar(row(dict.fromkeys(range(90), NOTHING)), Spelling("en"))

    assert drawn.share == ""
    assert drawn.label == "Shop: last 90 days, nothing measured"


def test_a_lost_second_is_not_a_hundred() -> None:
    drawn = bar(row({3: StateTimes(up_ms=DAY - 1000, down_ms=1000)}), Spelling("de"))

    assert drawn.share == "99,999\u00a0%"


@given(
    odd=st.dictionaries(st.integers(0, 89), st.sampled_from([DOWN, SLOW, NOTHING, SILENT, WHOLE]), max_size=90),
    count=st.integers(1, 90),
)
def test_a_bar_covers_every_day_once_and_sums_are_exact(odd: dict[int, StateTimes], count: int) -> None:
    import re

    shown = row(odd)
    drawn = bar(shown, Spelling("en")).drawing
    covered = []
    for first, days in re.findall(r'd="M(\d+) [\d.]+h(\d+)"', drawn):
        covered += range(int(first), int(first) + int(days))
    covered += [int(first) for first in re.findall(r"M(\d+)\.1 1h", drawn)]

    assert sorted(covered) == list(range(90))
    whole = sum((odd.get(index, WHOLE) for index in range(90 - count, 90)), StateTimes())
    assert shown.total(count) == whole


def test_names_are_only_names() -> None:
    hostile = Row('"><script>', "up", [Board(SPAN, {SPAN[0]: DOWN})], LONG_AGO)

    assert "<script>" not in bar(hostile, Spelling("en")).drawing


@pytest.mark.parametrize(
    ("language", "date", "share"),
    [
        ("en", "2 March 2026", "99.5"),
        ("de", "2. März 2026", "99,5"),
        ("fr", "2 mars 2026", "99,5"),
        ("es", "2 de marzo de 2026", "99,5"),
        ("ja", "2026年3月2日", "99.5"),
        ("zh-hans", "2026年3月2日", "99.5"),
    ],
)
def test_dates_and_numbers_are_written_as_the_language_does(language: str, date: str, share: str) -> None:
    spelling = Spelling(language, "Europe/Berlin")
    at = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

    assert spelling.moment(at) == f"{date}, 11:00"
    assert spelling.share((995, 1000)).startswith(share)


def test_spans_say_a_date_once_and_an_unknown_zone_is_utc() -> None:
    spelling, at = Spelling("en", "Nowhere/Town"), datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

    assert spelling.span(at, at + timedelta(hours=2)) == "2 March 2026, 10:00 \u2013 12:00"
    assert spelling.span(at, at + timedelta(days=1)).endswith("3 March 2026, 10:00")
    assert spelling.span(at, None).endswith("no end set")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3720, "1 h 2 min"), (93600, "1 d 2 h"), (-5, "0 s")]
)
def test_spans_of_time_have_two_units_at_most(seconds: int, text: str) -> None:
    assert Spelling("en").lasting(seconds) == text
