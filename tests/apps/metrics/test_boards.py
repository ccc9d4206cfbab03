"""Boards against the same figures read day by day: they must never differ."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from apps.common.clock import from_epoch_ms
from apps.common.values import Observation, SourceRef
from apps.metrics import services as metrics
from apps.metrics.models import DayTotals, Source
from apps.metrics.selectors import boards, day_bars, window_totals
from apps.projects.windows import Target, set_window
from tests import factories

NOW = datetime(2026, 3, 12, 14, 30, tzinfo=UTC)
STEP_MS = 600_000


@pytest.fixture
def device(db):
    project = factories.make_project(factories.make_workspace(now=NOW), now=NOW)
    return factories.make_device(project, now=NOW - timedelta(days=20))


def live(device, *, days: int, dice: random.Random) -> None:
    """Results every ten minutes, some days good from end to end, some not."""
    end = int(NOW.timestamp() * 1000)
    start = (end // 86_400_000 - days) * 86_400_000
    bad = {day for day in range(days + 1) if dice.random() < 0.4}
    rows = []
    for at in range(start, end, STEP_MS):
        state = dice.choice([1, 1, 1, 2, 3]) if (at - start) // 86_400_000 in bad else 1
        values = {"state": state, "interval_ms": STEP_MS, "latency_us": None if state == 3 else 5000}
        rows.append(Observation(device.workspace_id, SourceRef(device.ref), from_epoch_ms(at), values))
    for first in range(0, len(rows), 500):
        with transaction.atomic():
            metrics.append(rows=rows[first : first + 500], now=NOW)


def settle() -> None:
    while metrics.seal_due(now=NOW, limit=200).sources:
        pass
    while metrics.rebuild_dirty(now=NOW, limit=500).written:
        pass


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("settled", [True, False])
def test_a_board_says_what_the_days_say(device, seed: int, settled: bool) -> None:
    dice = random.Random(seed)
    live(device, days=9, dice=dice)
    if settled:
        settle()
    if seed == 3:
        target = Target(device.workspace_id, ref=device.ref)
        set_window(target=target, starts_at=NOW - timedelta(hours=30), ends_at=NOW - timedelta(hours=20), now=NOW)
        metrics.mark_dirty(
            workspace_id=device.workspace_id,
            ref=device.ref,
            start_ms=int((NOW - timedelta(hours=30)).timestamp() * 1000),
            end_ms=int((NOW - timedelta(hours=20)).timestamp() * 1000),
        )
    common = {"workspace_id": device.workspace_id, "now": NOW}

    board = boards(refs=[device.ref], days=12, last_day=True, **common)[device.pk]
    bars = day_bars(refs=[device.ref], days=12, **common)[device.pk]

    assert [board.times_of(bar.day_ms) for bar in bars] == [bar.times for bar in bars]
    exact = window_totals(workspace_id=device.workspace_id, ref=device.ref, start=NOW - timedelta(days=1), end=NOW)
    assert board.last_day == exact.times
    assert board.latency_us == exact.latency_avg_us


def test_a_day_of_late_results_is_read_anew(device) -> None:
    live(device, days=5, dice=random.Random(1))
    settle()
    day = NOW.replace(hour=3, minute=5, second=0) - timedelta(days=3)
    late = Observation(device.workspace_id, SourceRef(device.ref), day, {"state": 3, "interval_ms": 60_000})
    with transaction.atomic():
        metrics.append(rows=[late], now=NOW)

    board = boards(workspace_id=device.workspace_id, refs=[device.ref], days=7, now=NOW)[device.pk]
    bars = day_bars(workspace_id=device.workspace_id, refs=[device.ref], days=7, now=NOW)[device.pk]

    assert [board.times_of(bar.day_ms) for bar in bars] == [bar.times for bar in bars]


def test_what_was_never_measured_is_unknown(device) -> None:
    board = boards(workspace_id=device.workspace_id, refs=[device.ref], days=3, now=NOW)[device.pk]

    assert board.total(3).fraction is None
    assert board.total(3).unknown_ms > 0


def test_a_day_that_one_has_anew_and_another_never_had_is_told_apart(device) -> None:
    other = factories.make_device(device.project, "quiet", now=NOW - timedelta(days=20))
    for each in (device, other):
        live(each, days=6, dice=random.Random(2))
    settle()
    gap = NOW - timedelta(days=2)
    source = Source.objects.get(ref=str(other.pk))
    DayTotals.objects.filter(source_id=source.pk, day=int(gap.timestamp()) // 86_400).delete()
    at = int(gap.timestamp() * 1000)
    metrics.mark_dirty(workspace_id=device.workspace_id, ref=device.ref, start_ms=at, end_ms=at)
    wanted = {"workspace_id": device.workspace_id, "refs": [device.ref, other.ref], "days": 5, "now": NOW}

    drawn, bars = boards(**wanted), day_bars(**wanted)

    for each in (device, other):
        assert [drawn[each.pk].times_of(bar.day_ms) for bar in bars[each.pk]] == [bar.times for bar in bars[each.pk]]
    day = at // 86_400_000 * 86_400_000
    assert drawn[other.pk].times_of(day).unknown_ms == 86_400_000
    assert drawn[device.pk].times_of(day).unknown_ms == 0
