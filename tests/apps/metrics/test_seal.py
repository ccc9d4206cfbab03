"""Sealing and rebuilding: idempotent, fenced, and the same after a crash at any step."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from apps.common.clock import epoch_ms
from apps.metrics import rebuild, seal, selectors, services
from apps.metrics.codec import decode
from apps.metrics.models import Block, DayTotals, DirtyWindow, HeadRow, LatestRow, Source
from apps.metrics.tiers import DAY, DEFAULT_RETENTION, FIVE_MINUTES, HOURS, RAW
from apps.projects.models import MaintenanceWindow
from tests.apps.metrics.conftest import NOW, append_all, observation, settle, stored_bytes

START = epoch_ms(NOW) // DAY * DAY - 2 * DAY


def results_of(device, *, minutes=range(0, 2880, 10), **values):
    return [
        observation(
            device,
            START + minute * 60_000,
            **{"state": 3 if minute % 300 == 0 else 1, "interval_ms": 600_000, "latency_us": 1000 + minute, **values},
        )
        for minute in minutes
    ]


class CrashError(RuntimeError):
    pass


STEPS = [
    (seal, "_write_block"),
    (seal, "mark_windows"),
    (seal, "_delete_head"),
    (seal, "_note"),
    (rebuild, "_replace"),
    (rebuild, "_replace_day"),
    (rebuild, "mark_windows"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", STEPS, ids=[name for _, name in STEPS])
def test_killed_at_any_step_and_run_again_the_result_is_the_same(
    workspace, make_device, monkeypatch, place, when
) -> None:
    now, (module, step) = NOW, place
    whole, broken = make_device(workspace), make_device(workspace)
    append_all(results_of(whole), now)
    settle(now)
    expected = stored_bytes()
    services.forget(workspace_id=workspace.pk, ref=whole.ref)
    append_all(results_of(broken), now)
    real = getattr(module, step)

    def crash(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            real(*args, **kwargs)
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(module, step, crash)
        with suppress(CrashError):
            services.seal_due(now=now + timedelta(hours=30))
        with suppress(CrashError):
            services.rebuild_dirty(now=now + timedelta(hours=30))
    # The lease of the crashed sealer has run out.
    settle(now + timedelta(minutes=11))

    assert stored_bytes() == expected
    assert not HeadRow.objects.exists()


def test_sealing_twice_changes_nothing(device, now) -> None:
    append_all(results_of(device), now)
    source = Source.objects.get()
    services.seal(source=source, now=now)
    before = stored_bytes()

    again = services.seal(source=source, now=now)

    assert (again.rows, again.blocks) == (0, 0)
    assert stored_bytes() == before


def test_a_sealer_that_was_overtaken_reads_the_block_again(device, now, monkeypatch) -> None:
    rows = results_of(device, minutes=range(0, 600, 10))
    append_all(rows[:30], now)
    source = Source.objects.get()
    real, calls = seal._merges, []

    def overtaken(*args: Any) -> Any:
        merges = real(*args)
        if not calls:
            calls.append(1)
            append_all(rows[30:], now)
            services.seal(source=source, now=now)
        return merges

    monkeypatch.setattr(seal, "_merges", overtaken)

    services.seal(source=source, now=now)

    assert decode(Block.objects.get(tier=RAW).payload).ts == [epoch_ms(row.at) for row in rows]
    assert not HeadRow.objects.exists()


def test_a_rebuild_that_was_overtaken_leaves_the_window_on_the_list(device, now, monkeypatch) -> None:
    append_all(results_of(device, minutes=range(0, 1440, 10)), now)
    services.seal_due(now=now + timedelta(hours=1))
    real = rebuild._day_result

    def overtaken(source: Source, t0: int) -> Any:
        result = real(source, t0)
        append_all(results_of(device, minutes=[5], state=3), now)
        services.seal(source=source, now=now)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(rebuild, "_day_result", overtaken)
        window = DirtyWindow.objects.get(tier=FIVE_MINUTES, t0=START)
        outcome = rebuild.rebuild(window=window, retention=DEFAULT_RETENTION, now_ms=epoch_ms(now))

    assert (outcome.written, outcome.overtaken) == (0, 1)
    assert not DayTotals.objects.exists()
    settle(now)
    assert DayTotals.objects.get(day=START // DAY).checks == 145


def test_a_late_row_changes_exactly_the_days_it_speaks_about(device, now) -> None:
    append_all(results_of(device, minutes=range(0, 1430, 10)), now)
    settle(now)
    before = {row.day: row.checks for row in DayTotals.objects.all()}

    append_all(results_of(device, minutes=[1439], state=3), now)
    settle(now + timedelta(hours=1))

    after = {row.day: row for row in DayTotals.objects.all()}
    assert after[START // DAY].checks == before[START // DAY] + 1
    # It holds for three intervals: 29 minutes of the next day are down.
    assert after[START // DAY + 1].down_ms == 29 * 60_000


def test_the_open_day_and_the_hour_not_yet_sealed_are_not_computed_ahead(device, now) -> None:
    append_all(results_of(device), now)
    services.seal_due(now=now + timedelta(hours=1))

    services.rebuild_dirty(now=now - timedelta(hours=9))

    assert [row.day for row in DayTotals.objects.all()] == [START // DAY]


def test_a_maintenance_window_set_afterwards_moves_the_figures_of_its_days_only(device, now) -> None:
    append_all(results_of(device), now)
    settle(now)
    untouched = DayTotals.objects.get(day=START // DAY + 1)
    start, end = now.replace(hour=1) - timedelta(days=2), now.replace(hour=2) - timedelta(days=2)
    MaintenanceWindow.objects.create(
        workspace_id=device.workspace_id,
        subject_kind="device",
        subject_id=device.pk,
        starts_at=start,
        ends_at=end,
        created_at=now,
    )

    marked = services.mark_dirty(
        workspace_id=device.workspace_id, ref=device.ref, start_ms=epoch_ms(start), end_ms=epoch_ms(end)
    )
    totals = selectors.window_totals(workspace_id=device.workspace_id, ref=device.ref, start=start, end=end)
    settle(now)

    assert marked == 1
    assert totals.times.maintenance_ms == 3_600_000, "at once, before the day is computed again"
    day = DayTotals.objects.get(day=START // DAY)
    assert (day.maintenance_ms, day.checks, day.samples) == (3_600_000, 144, 144 - 7)
    assert DayTotals.objects.get(day=START // DAY + 1).up_ms == untouched.up_ms


def test_a_heartbeat_holds_its_state_over_days_without_rows(device, now) -> None:
    day = timedelta(days=1)
    first = now.replace(hour=0) - 6 * day
    append_all([observation(device, first, state=1, interval_ms=0)], now)
    settle(now - 5 * day)
    week = {"workspace_id": device.workspace_id, "ref": device.ref, "start": first, "end": now}

    assert selectors.window_totals(**week).times.up_ms == epoch_ms(now) - epoch_ms(first), "the last row still speaks"
    append_all([observation(device, first + 4 * day, state=3, interval_ms=0)], now)
    settle(now)

    times = selectors.window_totals(**week).times
    assert (times.up_ms, times.unknown_ms) == (4 * DAY, 0)
    assert DayTotals.objects.get(day=epoch_ms(first) // DAY + 2).up_ms == DAY


def test_one_damaged_block_holds_up_nobody_else(workspace, make_device, now) -> None:
    broken, healthy = make_device(workspace), make_device(workspace)
    for device in (broken, healthy):
        append_all(results_of(device, minutes=range(0, 600, 10)), now)
    services.seal_due(now=now + timedelta(hours=1))
    source = Source.objects.get(ref=str(broken.pk))
    Block.objects.filter(source_id=source.pk).update(payload=b"\x01 not a block")
    for device in (broken, healthy):
        append_all(results_of(device, minutes=[601, 602]), now)

    services.seal_due(now=now + timedelta(hours=3))
    services.rebuild_dirty(now=now + timedelta(days=2))

    assert set(HeadRow.objects.values_list("source_id", flat=True)) == {source.pk}
    assert DayTotals.objects.get().checks == 62


def test_hours_whose_finer_rows_have_expired_stand_as_they_were(device, now) -> None:
    append_all(results_of(device), now)
    settle(now)
    before = decode(Block.objects.get(tier=HOURS).payload)
    Block.objects.filter(tier=FIVE_MINUTES, t0=START).delete()
    services.mark_dirty(workspace_id=device.workspace_id, ref=device.ref, start_ms=START + DAY, end_ms=START + DAY + 1)

    settle(now + timedelta(days=1))

    assert decode(Block.objects.get(tier=HOURS).payload) == before


def test_due_sources_are_taken_once_and_come_back_within_the_hour(device, now) -> None:
    append_all(results_of(device), now)
    first = services.seal_due(now=now)

    assert (first.sources, services.seal_due(now=now).sources) == (1, 0)
    assert epoch_ms(now) < Source.objects.get().due_ms <= epoch_ms(now) + 3_600_000
    assert services.seal_due(now=now + timedelta(hours=1)).sources == 1


def test_a_source_forgotten_meanwhile_leaves_no_inbox_behind(device, now) -> None:
    append_all(results_of(device), now)
    source = Source.objects.get()
    Source.objects.all().delete()

    services.seal(source=source, now=now)

    assert not HeadRow.objects.exists()
    assert not Block.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_the_same_rows_store_them_once(workspace, make_device, now) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time")
    from threading import Barrier, Thread

    device = make_device(workspace)
    rows, barrier, failures = results_of(device), Barrier(2), []

    def write(order: int) -> None:
        try:
            barrier.wait()
            with transaction.atomic():
                services.append(rows=rows[::order], now=now)
            services.seal_due(now=now + timedelta(hours=1))
        except Exception as error:  # noqa: BLE001  # handed to the test below
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=write, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(now)

    assert failures == []
    assert sum(Block.objects.filter(tier=RAW).values_list("n", flat=True)) == len(rows)
    assert LatestRow.objects.get().ts == epoch_ms(rows[-1].at)
