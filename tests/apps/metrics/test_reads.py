"""Results, charts, bars and sparks, each against the same rows at every stage of storage."""

from datetime import timedelta

import pytest

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.metrics import selectors, services
from apps.metrics.models import Block, DayTotals
from apps.metrics.tiers import DAY, FIVE_MINUTES, HOUR, MINUTE, RAW
from apps.projects.models import MaintenanceWindow
from tests.apps.metrics.conftest import NOW, append_all, observation, settle

TODAY = epoch_ms(NOW) // DAY * DAY
NOW_MS = epoch_ms(NOW)


def every(device, minutes, *, start, count, **values):
    """`count` results from `start` on, so many minutes apart."""
    step = minutes * MINUTE
    return [
        observation(
            device,
            start + index * step,
            **{"state": 1, "interval_ms": step, "latency_us": 1000 + index, "dns_us": 10 * index, **values},
        )
        for index in range(count)
    ]


def results_of(device, **window):
    return selectors.results(
        workspace_id=device.workspace_id, ref=device.ref, **{"start_ms": 0, "end_ms": NOW_MS, **window}
    )


def test_results_come_oldest_first_with_everything_that_was_said(device, now) -> None:
    detail = {"error": "assertion", "failed": ["a1"], "text": "Größe"}
    append_all(
        [
            observation(
                device,
                NOW_MS - 1000,
                state=3,
                interval_ms=60_000,
                total_us=1500,
                http_status=503,
                run_ms=2,
                detail=detail,
            ),
            *every(device, 1, start=NOW_MS - 10 * MINUTE, count=3),
        ],
        now,
    )
    fresh = results_of(device)
    settle(now)

    assert results_of(device) == fresh
    last = fresh[-1]
    assert (last.state, last.status_code, last.total_us, last.latency_us) == ("down", 503, 1500, None)
    assert (last.detail, last.others, last.interval_ms) == (detail, {"run_ms": 2}, 60_000)
    assert [row.ts_ms for row in fresh] == sorted(row.ts_ms for row in fresh)


@pytest.mark.parametrize("sealed", [False, True])
def test_the_newest_rows_span_sealed_days_and_the_inbox(device, now, sealed) -> None:
    rows = every(device, 30, start=TODAY - 8 * DAY, count=48 * 8 + 20)
    append_all(rows[:-5], now)
    services.seal_due(now=now)
    append_all(rows[-5:], now)
    if sealed:
        settle(now)

    found = results_of(device, newest=100)

    assert [row.ts_ms for row in found] == [epoch_ms(row.at) for row in rows if epoch_ms(row.at) < NOW_MS][-100:]


def test_a_slot_that_was_never_run_is_a_row_of_its_own_until_the_next_result(device, now) -> None:
    start = NOW_MS - 60 * MINUTE
    append_all(
        [
            observation(device, start, state=1, interval_ms=MINUTE, latency_us=5),
            observation(device, start + MINUTE, state=0, interval_ms=MINUTE, missed=1000),
            observation(device, start + 31 * MINUTE, state=1, interval_ms=MINUTE, latency_us=5),
        ],
        now,
    )

    rows = results_of(device)
    cut = results_of(device, start_ms=start + 10 * MINUTE, end_ms=start + 20 * MINUTE)
    newest = results_of(device, newest=3)

    assert [row.ts_ms for row in rows] == [start + index * MINUTE for index in range(32)]
    assert {row.state for row in rows[1:31]} == {"unknown"}
    assert rows[1].detail == {"reason": "not_measured"}
    assert [row.ts_ms for row in cut] == [start + index * MINUTE for index in range(10, 20)]
    assert newest == rows[-3:]
    totals = selectors.window_totals(
        workspace_id=device.workspace_id, ref=device.ref, start=from_epoch_ms(start), end=now
    )
    assert (totals.checks, totals.times.up_ms, totals.times.down_ms) == (2, 4 * MINUTE, 0)


@pytest.mark.parametrize("sealed", [False, True])
def test_every_stretch_is_the_part_of_the_whole_that_lies_in_it(device, now, sealed) -> None:
    start = TODAY - 20 * MINUTE
    rows = every(device, 1, start=start, count=60)
    for gap, slots in ((3, 2), (19, 4), (21, 1), (22, 5), (58, 9)):
        # What was due in the minutes after a gap's first slot is not there.
        rows = [row for row in rows if not 0 <= epoch_ms(row.at) - start - gap * MINUTE < slots * MINUTE]
        rows.append(observation(device, start + gap * MINUTE, state=0, interval_ms=MINUTE, missed=slots))
    append_all(rows, now)
    if sealed:
        settle(now)
    whole = results_of(device, end_ms=start + 70 * MINUTE)

    assert [row.ts_ms for row in whole] == [start + index * MINUTE for index in range(67)]
    assert [row.state for row in whole].count("unknown") == 19  # the third gap begins inside the second
    for first in range(0, 70, 3):
        for past in range(first, 70, 4):
            window = {"start_ms": start + first * MINUTE + 1, "end_ms": start + past * MINUTE}
            inside = [row for row in whole if window["start_ms"] <= row.ts_ms < window["end_ms"]]
            assert results_of(device, **window) == inside
            assert results_of(device, **window, newest=5) == inside[-5:]


def test_results_inside_a_window_say_so_at_both_ends(device, now) -> None:
    append_all(every(device, 1, start=NOW_MS - 5 * MINUTE, count=5), now)
    MaintenanceWindow.objects.create(
        workspace_id=device.workspace_id,
        project=device.project,
        starts_at=now - timedelta(minutes=4),
        ends_at=now - timedelta(minutes=2),
        created_at=now,
    )

    assert [row.in_maintenance for row in results_of(device)] == [False, True, True, True, False]


def chart_of(device, *, days, **options):
    return selectors.chart(
        workspace_id=device.workspace_id,
        ref=device.ref,
        columns=["dns_us"],
        **{"start": NOW - timedelta(days=days), "end": NOW, **options},
    )


@pytest.mark.parametrize("days", [1, 7, 60])
def test_a_chart_shows_the_same_before_and_after_the_roll_ups(device, now, days) -> None:
    append_all(every(device, 20, start=TODAY - 20 * DAY, count=72 * 20 + 30), now)
    before = chart_of(device, days=days)
    settle(now)

    after = chart_of(device, days=days)

    assert after.points == before.points
    assert before.rollup == "raw"
    assert after.rollup == {1: "raw", 7: "5m", 60: "1h"}[days]
    assert sum(point.checks for point in after.points) == len(
        [1 for row in results_of(device) if row.ts_ms >= after.points[0].bucket_ms]
    )


def test_a_point_holds_extremes_and_means_and_times_that_add_up(device, now) -> None:
    append_all(every(device, 10, start=NOW_MS - 7 * DAY, count=6 * 24 * 7), now)
    settle(now)

    drawn = chart_of(device, days=7)
    point = drawn.points[3]

    assert (drawn.step_ms, len(drawn.points)) == (30 * MINUTE, 336)
    assert (point.latency_min_us, point.latency_avg_us, point.latency_max_us) == (1009, 1010.0, 1011)
    assert point.phases_us == {"dns_us": 100.0}
    for each in drawn.points:
        times = each.times
        assert times.up_ms + times.down_ms + times.maintenance_ms + times.unknown_ms == 30 * MINUTE


def test_where_the_finer_tier_has_expired_the_coarser_one_answers(device, now) -> None:
    append_all(every(device, 20, start=TODAY - 6 * DAY, count=72 * 4), now)
    settle(now)
    Block.objects.filter(tier__in=[RAW, FIVE_MINUTES], t0__lt=TODAY - 2 * DAY).delete()

    drawn = chart_of(device, days=7)

    assert (drawn.rollup, drawn.step_ms) == ("1h", HOUR)
    assert sum(point.checks for point in drawn.points) == 72 * 4


def test_a_cut_day_older_than_its_raw_rows_counts_its_whole_buckets(device, now) -> None:
    append_all(every(device, 5, start=TODAY - 3 * DAY, count=288), now)
    settle(now)
    Block.objects.filter(tier=RAW).delete()
    start = from_epoch_ms(TODAY - 3 * DAY + 6 * HOUR + 2 * MINUTE)

    totals = selectors.window_totals(
        workspace_id=device.workspace_id, ref=device.ref, start=start, end=start + timedelta(hours=1)
    )

    assert (totals.times.up_ms, totals.times.unknown_ms) == (55 * MINUTE, 5 * MINUTE)
    assert totals.checks == 11


def test_bars_and_sparks_of_fifty_devices_take_few_statements(
    workspace, make_device, now, django_assert_max_num_queries
) -> None:
    devices = [make_device(workspace) for _ in range(50)]
    for index, device in enumerate(devices):
        append_all(every(device, 60, start=TODAY - 2 * DAY, count=58, state=3 if index == 7 else 1), now)
    services.seal_due(now=now)
    services.rebuild_dirty(now=now, limit=1000)
    refs = [device.ref for device in devices]

    with django_assert_max_num_queries(12):
        bars = selectors.day_bars(workspace_id=workspace.pk, refs=refs, days=30, now=now)
    with django_assert_max_num_queries(6):
        sparks = selectors.sparklines(workspace_id=workspace.pk, refs=refs, now=now)

    assert {len(row) for row in bars.values()} == {30}
    assert [bar.state for bar in bars[devices[0].pk]][-4:] == ["none", "up", "up", "up"]
    assert bars[devices[7].pk][-1].state == "down"
    today = bars[devices[0].pk][-1]
    assert (today.checks, today.times.up_ms, today.times.unknown_ms) == (10, 10 * HOUR, 0)
    assert {len(row) for row in sparks.values()} == {48}
    assert sparks[devices[0].pk][-4:] == [None, 1057, None, None]


def test_a_device_without_results_has_unknown_days_and_an_empty_spark(device, now) -> None:
    bars = selectors.day_bars(workspace_id=device.workspace_id, refs=[device.ref], days=7, now=now)
    sparks = selectors.sparklines(workspace_id=device.workspace_id, refs=[device.ref], now=now)

    assert [bar.state for bar in bars[device.pk]] == ["none"] * 7
    assert sparks == {device.pk: [None] * 48}
    assert selectors.newest(workspace_id=device.workspace_id, refs=[device.ref]) == {}


def test_a_pause_between_computed_days_stays_unknown(device, now) -> None:
    append_all(every(device, 60, start=TODAY - 10 * DAY, count=24), now)
    append_all(every(device, 60, start=TODAY - 3 * DAY, count=24), now)
    settle(now)

    [bars] = selectors.day_bars(workspace_id=device.workspace_id, refs=[device.ref], days=11, now=now).values()

    assert [bar.state for bar in bars] == ["up", "up", *["none"] * 5, "up", "up", "none", "none"]
    assert DayTotals.objects.count() == 4


def test_the_percentage_is_a_fraction_of_time(device, now) -> None:
    append_all(every(device, 30, start=NOW_MS - 4 * HOUR, count=8), now)
    window = {"workspace_id": device.workspace_id, "ref": device.ref, "end": now}

    assert selectors.uptime_percent(**window, start=now - timedelta(hours=4)) == 100.0
    assert selectors.uptime_percent(**window, start=now) is None
