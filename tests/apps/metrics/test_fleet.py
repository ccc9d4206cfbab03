"""Many subjects at once say what each says alone, at a fixed price."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.metrics import selectors, services
from apps.metrics.models import Block
from apps.metrics.tiers import RAW
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import StateTimes
from apps.projects.models import MaintenanceWindow
from tests.apps.metrics.conftest import append_all, observation, settle

STEP = timedelta(minutes=20)
STATES = (1, 1, 1, 1, 1, 2, 3, 0)


def fill(device, *, start: datetime, count: int, seed: int) -> list[tuple[datetime, int]]:
    """Results at random, with gaps; what was stored, oldest first."""
    chance = random.Random(seed)  # no secret
    written = []
    for index in range(count):
        if chance.random() < 0.1:
            continue
        written.append((start + index * STEP, chance.choice(STATES)))
    rows = [
        observation(
            device,
            at,
            state=state,
            interval_ms=STEP // timedelta(milliseconds=1),
            latency_us=chance.randrange(1_000, 900_000) if state in {1, 2} else None,
        )
        for at, state in written
    ]
    append_all(rows, start + count * STEP)
    return written


def silence(device, start: datetime, hours: float) -> None:
    MaintenanceWindow.objects.create(
        workspace_id=device.workspace_id,
        project=device.project,
        starts_at=start,
        ends_at=start + timedelta(hours=hours),
        created_at=start,
    )


@pytest.fixture
def fleet(workspace, make_device, now):
    """Three devices over five days: settled but for the newest results, one silenced for a while; and a silent one."""
    devices = [make_device(workspace) for _ in range(4)]
    begin = now - timedelta(days=5)
    written = {device.pk: fill(device, start=begin, count=300, seed=device.pk) for device in devices[:3]}
    silence(devices[0], now - timedelta(days=2, hours=3), 5)
    settle(begin + 300 * STEP)
    for device in devices[:3]:
        written[device.pk] += fill(device, start=begin + 300 * STEP, count=60, seed=100 + device.pk)
    return devices, written


@pytest.mark.parametrize(("back", "length"), [(5.0, 5.0), (4.6, 3.3), (1.9, 0.4), (0.2, 0.2), (9.0, 20.0), (3.0, 0.0)])
def test_each_subject_is_told_as_if_it_were_alone(workspace, fleet, now, back, length) -> None:
    devices, _ = fleet
    start = now - timedelta(days=back)
    end = min(start + timedelta(days=length), now)

    found = selectors.fleet_days(
        workspace_id=workspace.pk, refs=[device.ref for device in devices], start=start, end=end
    )

    for device in devices:
        scope = {"workspace_id": workspace.pk, "ref": device.ref, "start": start, "end": end}
        totals = sum(found[device.pk].days.values(), UptimeTotals())
        assert totals == selectors.window_totals(**scope)
        stats = selectors.latency_percentiles(**scope)
        assert found[device.pk].sketch.count == stats.samples == totals.latency_count
        if stats.samples > 50:
            assert found[device.pk].sketch.quantile(50) == pytest.approx(stats.p50_us, rel=0.05)


def test_percentiles_of_histograms_are_within_a_percent_of_the_nearest_rank(workspace, device, now) -> None:
    start = now - timedelta(days=3)
    values = [1_000 + 37 * index for index in range(200)]
    rows = [
        observation(device, start + index * STEP, state=1, interval_ms=1_200_000, latency_us=value)
        for index, value in enumerate(values)
    ]
    append_all(rows, now)
    settle(now)

    sketch = selectors.fleet_days(workspace_id=workspace.pk, refs=[device.ref], start=start, end=now)[device.pk].sketch

    for percent, wanted in ((50, values[99]), (95, values[189]), (99, values[197])):
        assert sketch.quantile(percent) == pytest.approx(wanted, rel=0.01)


def test_without_histograms_the_totals_are_the_same_for_less(
    workspace, fleet, now, django_assert_max_num_queries
) -> None:
    devices, _ = fleet
    scope = {"workspace_id": workspace.pk, "refs": [device.ref for device in devices], "end": now}
    start = now - timedelta(days=4)
    with django_assert_max_num_queries(20) as full:
        whole = selectors.fleet_days(start=start, **scope)
    with django_assert_max_num_queries(len(full) - 1):
        bare = selectors.fleet_days(start=start, histograms=False, **scope)

    assert {key: found.days for key, found in bare.items()} == {key: found.days for key, found in whole.items()}
    assert {found.sketch.count for found in bare.values()} == {0}


def test_failed_results_by_hour_are_those_outside_maintenance(workspace, fleet, now) -> None:
    devices, written = fleet
    start, quiet = now - timedelta(days=4, minutes=13), now - timedelta(days=2, hours=3)
    expected: Counter[int] = Counter()
    for device in devices[:3]:
        for at, state in written[device.pk]:
            # The window is the project's, so it silences all of them; its ends are inside.
            if state == 3 and start <= at < now and not quiet <= at <= quiet + timedelta(hours=5):
                expected[epoch_ms(at) // 3_600_000 * 3_600_000] += 1

    hours = selectors.down_hours(
        workspace_id=workspace.pk, refs=[device.ref for device in devices], start=start, end=now
    )

    assert hours == dict(sorted(expected.items()))
    assert list(hours) == sorted(hours)
    assert len(hours) > 10


def test_other_workspaces_are_unknown_throughout(stranger, fleet, now) -> None:
    devices, _ = fleet
    scope = {"workspace_id": stranger.pk, "refs": [devices[0].ref], "start": now - timedelta(days=1), "end": now}

    found = selectors.fleet_days(**scope)[devices[0].pk]

    assert sum(found.days.values(), UptimeTotals()).times == StateTimes(unknown_ms=86_400_000)
    assert selectors.down_hours(**scope) == {}
    assert selectors.fleet_counts(**scope).samples == 0


def test_the_price_does_not_grow_with_subjects_or_days(
    workspace, make_device, now, django_assert_max_num_queries
) -> None:
    devices = [make_device(workspace) for _ in range(6)]
    for device in devices:
        fill(device, start=now - timedelta(days=6), count=400, seed=device.pk)
    settle(now)
    with django_assert_max_num_queries(14) as one:
        selectors.fleet_days(
            workspace_id=workspace.pk, refs=[devices[0].ref], start=now - timedelta(days=1, hours=3), end=now
        )

    with django_assert_max_num_queries(len(one)):
        selectors.fleet_days(
            workspace_id=workspace.pk,
            refs=[device.ref for device in devices],
            start=now - timedelta(days=5, hours=3),
            end=now,
        )


def test_whole_days_never_touch_raw_rows(workspace, device, now) -> None:
    midnight = now.replace(hour=0)
    fill(device, start=midnight - timedelta(days=4), count=72 * 4, seed=1)
    settle(now)
    scope = {"workspace_id": workspace.pk, "refs": [device.ref], "start": midnight - timedelta(days=4), "end": midnight}
    before = selectors.fleet_days(**scope)
    Block.objects.filter(tier=RAW).delete()

    assert selectors.fleet_days(**scope) == before
    assert selectors.fleet_counts(**scope).samples > 200


def test_a_cut_day_that_lost_its_raw_rows_is_told_by_its_buckets_in_one_statement(
    workspace, make_device, now, django_assert_max_num_queries
) -> None:
    devices = [make_device(workspace) for _ in range(4)]
    for device in devices:
        fill(device, start=now - timedelta(days=100), count=400, seed=device.pk)
    settle(now - timedelta(days=94))
    services.expire(now=now + timedelta(days=5))
    start = from_epoch_ms(epoch_ms(now - timedelta(days=97)) // 300_000 * 300_000)
    refs = [device.ref for device in devices]
    scope = {"workspace_id": workspace.pk, "start": start, "end": start + timedelta(days=2)}
    assert not Block.objects.filter(tier=RAW, t0__lte=epoch_ms(start)).exists()

    with django_assert_max_num_queries(15) as one:
        alone = selectors.fleet_days(refs=refs[:1], **scope)
    with django_assert_max_num_queries(len(one)):
        together = selectors.fleet_days(refs=refs, **scope)

    assert together[devices[0].pk] == alone[devices[0].pk]
    totals = sum(together[devices[0].pk].days.values(), UptimeTotals())
    assert totals.counts.samples > 0
    assert totals.times.up_ms + totals.times.down_ms + totals.times.unknown_ms == 2 * 86_400_000
