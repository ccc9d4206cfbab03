from datetime import timedelta
from uuid import UUID

import pytest

from apps.common.clock import epoch_ms
from apps.metrics import retention, selectors, services, tasks
from apps.metrics.models import Block, DayTotals, DirtyWindow, HeadRow, HeartbeatPing, LatestRow, Source
from apps.metrics.tiers import DAY, FIVE_MINUTES, HOURS, RAW, Retention
from apps.metrics.types import NewPing
from tests.apps.metrics.conftest import NOW, append_all, observation, settle

TODAY = epoch_ms(NOW) // DAY * DAY
TABLES = (Source, HeadRow, Block, LatestRow, DirtyWindow, DayTotals, HeartbeatPing)


def days_of_results(device, *, days, now):
    append_all(
        [
            observation(device, TODAY - day * DAY + hour * 3_600_000, state=1, interval_ms=3_600_000, latency_us=7)
            for day in range(days, 0, -1)
            for hour in range(24)
        ],
        now,
    )


def counts(workspace_id):
    return [model.objects.of(workspace_id).count() for model in TABLES]


def test_each_tier_goes_when_its_time_is_over_and_the_day_rows_stay(device, now) -> None:
    days_of_results(device, days=5, now=now)
    settle(now)
    days = DayTotals.objects.count()

    first = services.expire(now=now + timedelta(days=88))
    second = services.expire(now=now + timedelta(days=1000))

    assert (first.raw, first.five_minutes, first.hours) == (3, 3, 0)
    assert second.hours == 1
    # The newest raw block stays: the state it ends with may still hold.
    assert list(Block.objects.filter(tier=RAW).values_list("t0", flat=True)) == [TODAY - DAY]
    assert not Block.objects.filter(tier__in=[FIVE_MINUTES, HOURS]).exists()
    assert DayTotals.objects.count() == days


def test_raw_rows_stay_while_a_roll_up_still_needs_them(device, now) -> None:
    days_of_results(device, days=5, now=now)
    services.seal_due(now=now)

    assert services.expire(now=now + timedelta(days=1000)).raw == 0

    services.rebuild_dirty(now=now + timedelta(days=1000), limit=1000)
    assert services.expire(now=now + timedelta(days=1000)).raw == 4
    assert DayTotals.objects.filter(checks=24).count() == 5


def test_a_workspace_may_keep_more_or_less_than_the_others(workspace, stranger, make_device, now) -> None:
    for owner in (workspace, stranger):
        days_of_results(make_device(owner), days=12, now=now)
    settle(now)

    services.expire(now=now, retention={stranger.pk: Retention(raw=7)})

    assert Block.objects.of(workspace.pk).filter(tier=RAW).count() == 12
    assert Block.objects.of(stranger.pk).filter(tier=RAW).count() == 7


def test_a_change_beyond_the_raw_rows_leaves_the_older_figures_standing(device, now) -> None:
    days_of_results(device, days=5, now=now)
    settle(now)
    services.expire(now=now + timedelta(days=88))
    before = list(DayTotals.objects.order_by("day").values())
    services.mark_dirty(
        workspace_id=device.workspace_id, ref=device.ref, start_ms=TODAY - 5 * DAY, end_ms=TODAY - 4 * DAY
    )

    rebuilt = services.rebuild_dirty(now=now + timedelta(days=88))

    assert (rebuilt.dropped, rebuilt.written) == (2, 0)
    assert list(DayTotals.objects.order_by("day").values()) == before
    assert not DirtyWindow.objects.exists()


def test_deletion_stops_at_its_limit_and_goes_on_next_time(device, now, monkeypatch) -> None:
    monkeypatch.setattr(retention, "SLICE", 2)
    days_of_results(device, days=8, now=now)
    settle(now)

    assert services.expire(now=now + timedelta(days=1000), limit=3).raw == 3
    assert services.expire(now=now + timedelta(days=1000), limit=100).raw == 4


def test_a_forgotten_subject_leaves_nothing_and_its_neighbours_everything(workspace, make_device, now) -> None:
    gone, stays = make_device(workspace), make_device(workspace)
    for device in (gone, stays):
        days_of_results(device, days=3, now=now)
        services.record_pings(pings=[NewPing(workspace.pk, device.pk, received_at=now, kind="success")])
    services.seal_due(now=now)
    services.rebuild_dirty(now=now)
    total = counts(workspace.pk)

    services.forget(workspace_id=workspace.pk, ref=gone.ref)

    assert [count * 2 for count in counts(workspace.pk)] == total
    assert services.forget(workspace_id=workspace.pk, ref=gone.ref) == 0
    services.append(rows=[observation(gone, now, state=1, interval_ms=60_000)], now=now)
    assert len(selectors.results(workspace_id=workspace.pk, ref=gone.ref, start_ms=0, end_ms=epoch_ms(now) + 1)) == 1


def test_a_forgotten_workspace_leaves_nothing_and_the_others_everything(workspace, stranger, make_device, now) -> None:
    for owner in (workspace, stranger):
        days_of_results(make_device(owner), days=3, now=now)
    services.seal_due(now=now)
    services.rebuild_dirty(now=now)
    before = counts(stranger.pk)

    services.forget_workspace(workspace_id=workspace.pk)

    assert counts(workspace.pk) == [0] * len(TABLES)
    assert counts(stranger.pk) == before


def test_inbox_rows_of_nobody_are_swept_up(device, now) -> None:
    days_of_results(device, days=1, now=now)
    Source.objects.all().delete()

    assert services.expire(now=now).orphans == 24
    assert not HeadRow.objects.exists()


def test_signals_come_back_newest_first_page_by_page(device, now) -> None:
    rid = UUID("7d3f1b0e-2f1c-4d0e-9a52-0a3f6f0f3a11")
    for second in range(5):
        ping = NewPing(
            workspace_id=device.workspace_id,
            device_id=device.pk,
            received_at=now + timedelta(seconds=second),
            kind="exit" if second else "start",
            rid=rid,
            exit_code=second or None,
            duration_ms=4100,
            method="POST",
            body=b"x" * 150_000 if second == 4 else b"",
        )
        services.record_pings(pings=[ping])

    first = selectors.pings(workspace_id=device.workspace_id, device_id=device.pk, limit=3)
    rest = selectors.pings(workspace_id=device.workspace_id, device_id=device.pk, limit=3, before_id=first[-1].id)

    assert [ping.exit_code for ping in [*first, *rest]] == [4, 3, 2, 1, None]
    assert len(first[0].body or b"") == 100_000
    assert (rest[-1].kind, rest[-1].rid, rest[-1].method, rest[-1].body) == ("start", rid, "POST", None)
    assert selectors.pings(workspace_id=device.workspace_id + 1, device_id=device.pk) == []


def test_the_newest_thousand_signals_and_twenty_bodies_are_kept(workspace, make_device, now) -> None:
    busy, quiet = make_device(workspace), make_device(workspace)
    HeartbeatPing.objects.bulk_create(
        HeartbeatPing(workspace_id=workspace.pk, device_id=device.pk, received_at=at, kind=0, method="GET", body=b"log")
        for device, count in ((busy, 1010), (quiet, 5))
        for at in range(count)
    )
    before = selectors.pings(workspace_id=workspace.pk, device_id=busy.pk, limit=30)

    changed = services.prune_pings()

    assert changed == 1010 - 20 + 10
    rows = HeartbeatPing.objects.of(workspace.pk)
    assert rows.filter(device_id=busy.pk).count() == 1000
    assert rows.filter(device_id=busy.pk, received_at__lt=10).count() == 0
    assert rows.filter(device_id=busy.pk, body__isnull=False).count() == 20
    assert rows.filter(device_id=quiet.pk, body__isnull=False).count() == 5
    assert selectors.pings(workspace_id=workspace.pk, device_id=busy.pk, limit=30) == before
    assert services.prune_pings() == 0


def test_sizes_count_every_table_and_tier(device, now) -> None:
    days_of_results(device, days=3, now=now)
    settle(now)

    sizes = {(size.table, size.tier): size for size in selectors.storage_sizes()}

    assert sizes[("ts_block", RAW)].rows == 3
    assert sizes[("ts_block", RAW)].payload_bytes == sum(
        len(payload) for payload in Block.objects.filter(tier=RAW).values_list("payload", flat=True)
    )
    assert sizes[("ts_head", None)].rows == 0
    assert {table for table, _ in sizes} == {model._meta.db_table for model in TABLES}


@pytest.mark.parametrize("task", [tasks.seal_results, tasks.rebuild_rollups, tasks.expire_results])
def test_tasks_are_bounded_in_time_and_ignore_what_they_do_not_know(db, task) -> None:
    assert task.queue == "metrics"
    assert task.time_limit
    assert task(limit=10, sent_by="a later release") is None
