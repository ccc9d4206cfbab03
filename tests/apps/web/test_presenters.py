from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.clock import epoch_ms
from apps.incidents.types import Cursor
from apps.metrics.types import Chart, ChartPoint, DayBar
from apps.metrics.uptime import StateTimes
from apps.web.paging import read_cursor, read_place, write_cursor, write_place
from apps.web.presenters import bars, charts, drawing, sparklines, status, words

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = 86_400_000
MINUTE = 60_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3720, "1 h 02 min"),
        (86_400, "1 d"),
        (183_600, "2 d 3 h"),
        (40 * 86_400 + 3600, "40 d"),
        (-5, "0 s"),
    ],
)
def test_a_span_shows_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30 s"), (90, "90 s"), (300, "5 min"), (7200, "2 h"), (86_400, "1 d")]
)
def test_an_interval_never_loses_a_remainder(seconds: int, text: str) -> None:
    assert words.interval(seconds) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [(None, "—"), (400, "0.4 ms"), (212_000, "212 ms"), (1_840_000, "1\u202f840 ms"), (10_000_000, "10.0 s")],
)
def test_a_response_time_has_its_unit(us: int | None, text: str) -> None:
    assert words.millis(us) == text


@given(st.integers(1, 10**12).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_uptime_is_never_rounded_up(fraction: tuple[int, int]) -> None:
    part, whole = fraction
    text = words.share(fraction)

    assert (text == "100 %") is (part == whole)
    thousandths = round(float(text.removesuffix(" %")) * 1000)
    assert thousandths * whole <= part * 100_000 < (thousandths + 1) * whole


def day(offset: int, **times: int) -> DayBar:
    return DayBar(epoch_ms(NOW) // DAY * DAY - offset * DAY, StateTimes(**times), checks=1, fails=0)


def test_a_bar_tells_not_yet_watched_from_no_data_and_trouble_from_health() -> None:
    days = [
        day(5),
        day(4, up_ms=DAY),
        day(3),
        day(2, up_ms=DAY - 60_000, down_ms=60_000),
        day(1, up_ms=DAY, warning_ms=5 * 60_000),
        day(0, maintenance_ms=DAY),
    ]
    bar = bars.bar(days, name="Till 1", created_at=NOW - timedelta(days=4))

    assert [cell.status for cell in bar.days] == ["none", "up", "unknown", "down", "degraded", "maintenance"]
    assert bar.trouble == 2
    assert "Not watched yet" in bar.days[0].summary
    assert "down 1 min" in bar.days[3].summary
    assert bar.label.startswith("Till 1: last 6 days, 99.97")


def test_a_sparkline_has_gaps_and_a_common_floor() -> None:
    spark = sparklines.spark([100_000, None, 100_000, 50_000])

    assert spark.path.count("M") == 2
    assert "L96.0" in spark.path
    assert spark.summary == "min 50 ms, median 100 ms, max 100 ms"
    assert sparklines.spark([None, None]).path == ""
    # A calm monitor stays near the ground: the scale never shrinks below 200 ms.
    assert "19.0" not in sparklines.spark([12_000, 12_000]).path
    assert float(sparklines.spark([12_000, 12_000]).path.split("h")[0].split(" ")[-1]) > 17


def point(minute: int, latency_us: float | None, **times: int) -> ChartPoint:
    return ChartPoint(
        bucket_ms=epoch_ms(NOW) + minute * MINUTE,
        times=StateTimes(**(times or {"up_ms": MINUTE})),
        checks=1,
        fails=0,
        latency_min_us=None,
        latency_avg_us=latency_us,
        latency_max_us=None if latency_us is None else int(latency_us * 2),
        phases_us={"dns_us": 1000, "connect_us": None, "tls_us": None, "ttfb_us": 3000, "total_us": 5000},
    )


def test_a_chart_keeps_gaps_and_joins_neighbouring_trouble() -> None:
    points = (
        point(0, 100_000),
        point(1, None, down_ms=MINUTE),
        point(2, None, down_ms=MINUTE // 2, up_ms=MINUTE // 2),
        point(3, 120_000),
        point(4, 130_000, maintenance_ms=MINUTE),
    )
    view = charts.chart_view(Chart(MINUTE, "raw", points), name="Till 1")

    assert view.series["lines"][0]["values"] == [100.0, None, None, 120.0, 130.0]
    assert [(span.status, span.label) for span in view.spans] == [
        ("down", "Down 1 min"),
        ("maintenance", "Maintenance 1 min"),
    ]
    assert view.lines[0].path.count("M") == 2
    assert [phase.label for phase in view.phases] == ["Name lookup", "First byte", "Download"]
    assert sum(phase.width for phase in view.phases) == pytest.approx(100, abs=0.1)
    assert view.ticks[-1].y == 0
    assert view.points == 3


def test_phases_lie_on_each_other_and_reach_up_to_the_average() -> None:
    points = (point(0, 5_000), point(1, None, down_ms=MINUTE), point(2, 6_000), point(3, 5_000))
    view = charts.chart_view(Chart(MINUTE, "raw", points), name="Till 1")

    layers = {layer["key"]: layer["values"] for layer in view.series["layers"]}
    assert list(layers) == ["dns", "ttfb", "rest"]  # a phase nobody measured takes no place
    assert layers["rest"] == [1.0, None, 2.0, 1.0]
    sums = [None if values[0] is None else sum(values) for values in zip(*layers.values(), strict=True)]
    assert sums == view.series["lines"][0]["values"]
    for _, _, path in view.areas:
        assert path.count("Z") == 2  # the gap is a gap in every layer
    assert view.rows[0].phases == ["1 ms", "3 ms", "1 ms"]
    assert view.rows[2].phases == ["—", "—", "—"]
    assert [label for _, label, _ in view.legend] == ["Average", "Slowest", "Name lookup", "First byte", "Download"]


def test_a_kind_with_one_phase_has_a_plain_line() -> None:
    plain = replace(point(0, 5_000), phases_us={"dns_us": 5_000, "total_us": 5_000})
    view = charts.chart_view(Chart(MINUTE, "raw", (plain, plain)), name="Resolver")

    assert view.areas == []
    assert view.series["layers"] == []
    assert view.rows[0].phases == []
    assert view.lines[0].path == "M0.0 150.0L1000.0 150.0"  # of 200, on a scale up to 20 ms


@pytest.mark.parametrize(("took_us", "rest"), [(1_349, []), (1_400, []), (1_401, ["Download"]), (2_000, ["Download"])])
def test_what_rounding_the_phases_leaves_is_no_download(took_us: int, rest: list[str]) -> None:
    # Two of the phases were measured, each at most half a step beside what it took.
    phases = {"dns_us": 300, "connect_us": 1000, "tls_us": None, "ttfb_us": None, "total_us": took_us}
    quick = replace(point(0, took_us), phases_us=phases)
    view = charts.chart_view(Chart(MINUTE, "raw", (quick, quick)), name="Till 1")

    assert [label for _, label, _ in view.areas] == ["Name lookup", "Connect", *rest]
    assert [phase.label for phase in view.phases] == ["Name lookup", "Connect", *rest]


def test_a_limit_is_drawn_only_where_the_lines_stay_readable() -> None:
    chart = Chart(MINUTE, "raw", (point(0, 100_000), point(1, 100_000)))  # the slowest took 200 ms
    near = charts.chart_view(chart, name="Till 1", limit_ms=400)
    far = charts.chart_view(chart, name="Till 1", limit_ms=30_000)

    assert near.limit is not None
    assert near.limit.y == 40.0  # of 200, on a scale up to 500 ms
    assert near.series["limit"] == 400
    assert far.limit is not None
    assert (far.limit.text, far.limit.y, far.series["limit"]) == ("Degraded above 30.0 s", None, None)
    assert charts.chart_view(chart, name="Till 1").limit is None


def test_labels_of_spans_never_lie_on_each_other() -> None:
    down = {"down_ms": MINUTE}
    points = [point(minute, None, **down) if minute % 3 == 0 else point(minute, 5_000) for minute in range(40)]
    view = charts.chart_view(Chart(MINUTE, "raw", tuple(points)), name="Till 1")

    boxes = [
        (span.place - charts.LABEL_ROOM, span.place)
        if span.anchor == "end"
        else (span.place, span.place + charts.LABEL_ROOM)
        for span in view.spans
        if span.place is not None
    ]
    assert 3 <= len(boxes) < len(view.spans)
    assert all(before[1] <= after[0] for before, after in pairwise(boxes))
    assert all(left >= 0 and right <= 100 for left, right in boxes)


def test_one_value_between_two_gaps_is_still_seen() -> None:
    assert drawing.line([None, 50.0, None], 100) == "M500.0 100.0h0.1"


def test_a_chart_without_answers_says_so() -> None:
    view = charts.chart_view(Chart(MINUTE, "raw", (point(0, None, unknown_ms=MINUTE),)), name="Till 1")

    assert view.points == 0
    assert "no answer" in view.summary


def test_up_is_quiet_and_everything_else_says_since_when() -> None:
    since = NOW - timedelta(minutes=4)

    up = status.of_state(state="up", since=since, now=NOW)
    down = status.of_state(state="down", since=since, now=NOW)
    late = status.of_state(state="down", cause="late", since=since, now=NOW)
    confirming = status.of_state(state="warning", since=since, now=NOW, confirming=True)
    assert (up.word, up.since) == ("Up", "")
    assert (down.shape, down.word, down.since) == ("down", "Down", "4 min")
    assert late.word == "Late"
    assert (confirming.shape, confirming.word) == ("degraded", "Confirming")


def test_a_place_in_a_list_is_read_back_and_nothing_else_is() -> None:
    cursor = Cursor(NOW, 17)

    assert read_cursor(write_cursor(cursor)) == cursor
    assert "17" not in write_cursor(cursor)[:8]
    assert read_place(write_place((5, "a", 3))) == [5, "a", 3]
    for text in (None, "", "garbage", write_cursor(cursor)[:-4] + "AAAA"):
        assert read_cursor(text) is None
    assert write_place(None) == ""
