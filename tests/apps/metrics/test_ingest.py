import math
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from apps.common.clock import epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.metrics import selectors, services
from apps.metrics.models import HeadRow, LatestRow, Source
from apps.metrics.tiers import Retention
from apps.metrics.types import Appended
from tests.apps.metrics.conftest import append_all, observation, settle


def up(device, at, **values):
    return observation(device, at, **{"state": 1, "interval_ms": 60_000, "latency_us": 41_000, **values})


def test_rows_of_many_sources_and_workspaces_enter_in_few_statements(
    workspace, stranger, make_device, now, django_assert_max_num_queries
) -> None:
    devices = [make_device(workspace) for _ in range(20)] + [make_device(stranger) for _ in range(20)]
    rows = [up(device, now - timedelta(minutes=minute)) for device in devices for minute in range(12)]

    with transaction.atomic(), django_assert_max_num_queries(6):
        appended = services.append(rows=rows, now=now)

    assert appended == Appended(stored=480)
    assert Source.objects.of(stranger.pk).count() == 20
    newest = selectors.newest(workspace_id=workspace.pk, refs=[device.ref for device in devices])
    assert {pk: row.ts_ms for pk, row in newest.items()} == {device.pk: epoch_ms(now) for device in devices[:20]}
    assert LatestRow.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_source_is_looked_up_once_and_then_remembered(workspace, make_device, now, django_assert_num_queries) -> None:
    device = make_device(workspace)
    with transaction.atomic():
        services.append(rows=[up(device, now - timedelta(minutes=1))], now=now)

    with transaction.atomic(), django_assert_num_queries(1):
        services.append(rows=[up(device, now)], now=now)

    assert HeadRow.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_source_made_in_a_transaction_that_failed_is_not_remembered(workspace, make_device, now) -> None:
    device = make_device(workspace)
    with transaction.atomic():
        services.append(rows=[up(device, now)], now=now)
        transaction.set_rollback(True)

    services.append(rows=[up(device, now)], now=now)

    assert HeadRow.objects.get().source_id == Source.objects.get().pk


def test_a_replay_changes_nothing_and_is_counted(device, now) -> None:
    rows = [up(device, now - timedelta(minutes=minute)) for minute in range(5)]
    services.append(rows=rows, now=now)
    before = list(HeadRow.objects.order_by("ts").values_list("ts", "payload"))

    appended = services.append(rows=[*rows, *rows], now=now)

    assert appended == Appended(duplicates=10)
    assert list(HeadRow.objects.order_by("ts").values_list("ts", "payload")) == before


def test_phases_that_are_kept_alike_are_one_row_told_twice(device, now) -> None:
    services.append(rows=[up(device, now, dns_us=1_150)], now=now)

    appended = services.append(rows=[up(device, now, dns_us=1_249), up(device, now, dns_us=1_250)], now=now)

    assert appended == Appended(duplicates=1, conflicts=1)


def test_the_first_stored_row_of_an_instant_wins_and_the_contradiction_is_counted(device, now) -> None:
    services.append(rows=[up(device, now)], now=now)

    appended = services.append(rows=[up(device, now, state=3), up(device, now, state=2)], now=now)

    assert appended == Appended(conflicts=2)
    assert selectors.newest(workspace_id=device.workspace_id, refs=[device.ref])[device.pk].state == "up"
    settle(now)
    services.append(rows=[up(device, now, state=3)], now=now)
    settle(now + timedelta(days=1))
    [row] = selectors.results(workspace_id=device.workspace_id, ref=device.ref, start_ms=0, end_ms=epoch_ms(now) + 1)
    assert row.state == "up"


@pytest.mark.parametrize(
    ("offset", "values"),
    [
        (timedelta(minutes=5, milliseconds=1), {}),
        (timedelta(days=-91), {}),
        (timedelta(0), {"load": math.nan}),
        (timedelta(0), {"load": math.inf}),
        (timedelta(0), {"bytes": 2**63}),
    ],
)
def test_rows_that_cannot_be_kept_are_refused_and_leave_the_others_alone(device, now, offset, values) -> None:
    appended = services.append(rows=[up(device, now + offset, **values), up(device, now - timedelta(1))], now=now)

    assert appended == Appended(stored=1, refused=1)
    assert HeadRow.objects.count() == 1


def test_a_workspace_with_a_shorter_memory_refuses_what_it_would_forget_at_once(device, now) -> None:
    old = up(device, now - timedelta(days=8))

    refused = services.append(rows=[old], now=now, retention={device.workspace_id: Retention(raw=7)})

    assert refused == Appended(refused=1)
    assert not Source.objects.exists()


def test_more_than_a_batch_is_refused_before_anything_is_stored(device, now) -> None:
    with pytest.raises(ValueError, match="500"):
        services.append(rows=[up(device, now)] * 501, now=now)

    assert not HeadRow.objects.exists()


def test_the_newest_row_is_kept_whatever_comes_late(device, now) -> None:
    services.append(rows=[up(device, now, state=3)], now=now)
    services.append(rows=[up(device, now - timedelta(minutes=1))], now=now)

    newest = selectors.newest(workspace_id=device.workspace_id, refs=[device.ref])[device.pk]

    assert (newest.ts_ms, newest.state) == (epoch_ms(now), "down")


def test_new_columns_appear_at_any_time_and_keep_their_numbers(device, now: datetime) -> None:
    services.append(rows=[up(device, now - timedelta(minutes=3), queue=7)], now=now)
    services.append(rows=[up(device, now - timedelta(minutes=2), load=0.25)], now=now)
    settle(now)
    services.append(rows=[up(device, now - timedelta(minutes=1), queue=9, load=1.5, depth=None)], now=now)

    rows = selectors.results(workspace_id=device.workspace_id, ref=device.ref, start_ms=0, end_ms=epoch_ms(now))

    assert [dict(row.others) for row in rows] == [{"queue": 7}, {"load": 0.25}, {"queue": 9, "load": 1.5}]
    assert {column["name"] for column in Source.objects.get().columns.values()} == {"queue", "load"}


def test_a_device_seen_from_a_node_is_a_source_of_its_own(device, now) -> None:
    seen = Observation(device.workspace_id, SourceRef(device.ref, via=3), now, {"state": 3, "interval_ms": 60_000})

    services.append(rows=[up(device, now), seen], now=now)

    assert set(Source.objects.values_list("ref", flat=True)) == {f"{device.pk}", f"{device.pk}@3"}
    assert selectors.newest(workspace_id=device.workspace_id, refs=[device.ref])[device.pk].state == "up"


def test_another_workspace_finds_nothing(device, stranger, now) -> None:
    append_all([up(device, now - timedelta(minutes=minute)) for minute in range(5)], now)
    settle(now)
    ref, window = Ref("device", device.pk), {"start": now - timedelta(days=1), "end": now}

    assert selectors.results(workspace_id=stranger.pk, ref=ref, start_ms=0, end_ms=epoch_ms(now)) == []
    assert selectors.newest(workspace_id=stranger.pk, refs=[ref]) == {}
    assert selectors.window_totals(workspace_id=stranger.pk, ref=ref, **window).checks == 0
    assert selectors.latency_percentiles(workspace_id=stranger.pk, ref=ref, **window).samples == 0
    assert not any(point.checks for point in selectors.chart(workspace_id=stranger.pk, ref=ref, **window).points)
    assert services.forget(workspace_id=stranger.pk, ref=ref) == 0
    assert selectors.window_totals(workspace_id=device.workspace_id, ref=ref, **window).checks == 5 - 1
