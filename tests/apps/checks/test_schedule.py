"""Cursor windows against the arithmetic truth."""

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.checks import schedule
from apps.checks.models import CheckBatch, ShardCursor
from apps.checks.schedule import BATCH, materialise, slots_between
from apps.common.clock import epoch_ms
from apps.devices.models import SHARDS, Device
from apps.pipeline.lifecycle import set_paused
from tests.apps.checks import simulation
from tests.apps.checks.stored import rows_of, slots_told
from tests.apps.pipeline.scene import make_device


def handed_out() -> list[tuple[int, int]]:
    """Every (device, slot) that waits in a batch."""
    pairs = []
    for batch in CheckBatch.objects.order_by("pk"):
        pairs += list(zip(batch.device_ids, batch.slots, strict=True))
    return pairs


def truth(devices: list[Device], start: datetime, end: datetime) -> list[tuple[int, int]]:
    return sorted((device.pk, slot) for device in devices for slot in simulation.slots_between(device, start, end))


def scattered(project, now: datetime, count: int = 40) -> list[Device]:
    rng = random.Random(7)
    devices = []
    for _ in range(count):
        interval = rng.choice([10, 30, 45, 60, 300])
        devices.append(
            make_device(
                project,
                now=now,
                interval_s=interval,
                phase_ms=rng.randrange(interval * 1000),
                shard=rng.randrange(SHARDS),
            )
        )
    return devices


@given(st.integers(0, 10**6), st.integers(1, 50), st.integers(0, 300), st.integers(0, 400))
def test_slots_of_a_window_are_those_that_counting_finds(start: int, interval: int, phase: int, length: int) -> None:
    phase %= interval
    counted = [ms for ms in range(start, start + length) if (ms - phase) % interval == 0]

    first, count = slots_between(phase_ms=phase, interval_ms=interval, start_ms=start, end_ms=start + length)

    assert [first + index * interval for index in range(count)] == counted


def cursors() -> set[int]:
    return set(ShardCursor.objects.values_list("cursor_ms", flat=True))


def test_with_nothing_to_check_cursors_move_every_few_seconds(db, now, django_assert_num_queries) -> None:
    materialise(now=now)
    begun = cursors()
    assert begun == {epoch_ms(now)}

    for tenths in range(1, 20):
        with django_assert_num_queries(1):
            materialise(now=now + timedelta(seconds=tenths / 10))
        assert cursors() == begun

    materialise(now=now + timedelta(seconds=2.5))
    assert cursors() == {epoch_ms(now) + 2500}


def test_a_clock_that_is_set_back_far_is_seen_without_a_monitor_too(db, now) -> None:
    materialise(now=now + timedelta(days=1))

    materialise(now=now)

    assert cursors() == {epoch_ms(now)}


def test_the_first_tick_of_an_installation_hands_out_nothing(device, now) -> None:
    tick = materialise(now=now)

    assert (tick.due, tick.missed) == (0, 0)
    assert ShardCursor.objects.count() == SHARDS


def test_ticks_of_any_length_hand_out_every_slot_exactly_once(project, now) -> None:
    devices = scattered(project, now)
    rng, instant = random.Random(3), now
    materialise(now=now)

    while instant < now + timedelta(minutes=12):
        instant += timedelta(milliseconds=rng.randrange(1, 9000))
        materialise(now=instant)

    assert sorted(handed_out()) == truth(devices, now, instant)


def test_a_tick_at_the_same_instant_or_an_earlier_one_hands_out_nothing(project, now) -> None:
    scattered(project, now)
    materialise(now=now)
    materialise(now=now + timedelta(seconds=30))
    before = handed_out()

    assert materialise(now=now + timedelta(seconds=30)).due == 0
    assert materialise(now=now + timedelta(seconds=10)).due == 0
    assert handed_out() == before


def test_batches_hold_at_most_500_slots_in_the_order_of_time(project, now) -> None:
    rows = [
        Device(
            workspace_id=project.workspace_id,
            project=project,
            number=1000 + index,
            name="x",
            kind=Device.Kind.HTTP,
            label="http",
            interval_s=60,
            phase_ms=index * 40,
            shard=index % SHARDS,
            created_at=now,
            updated_at=now,
        )
        for index in range(1203)
    ]
    Device.objects.bulk_create(rows)
    materialise(now=now)

    tick = materialise(now=now + timedelta(seconds=59))

    assert (tick.due, tick.batches) == (1203, 3)
    batches = list(CheckBatch.objects.order_by("pk"))
    assert [len(batch.slots) for batch in batches] == [BATCH, BATCH, 203]
    slots = [slot for batch in batches for slot in batch.slots]
    assert slots == sorted(slots)


def test_after_an_outage_each_device_is_due_once_and_the_rest_is_told_as_missed(project, now) -> None:
    devices = scattered(project, now)
    materialise(now=now)
    back = now + timedelta(minutes=47, milliseconds=321)

    tick = materialise(now=back)

    due = handed_out()
    assert len(due) == len(devices) == len({device for device, _ in due})
    for device in devices:
        interval = timedelta(seconds=device.interval_s)
        newest = simulation.slots_between(device, back - interval, back)
        assert [slot for pk, slot in due if pk == device.pk] == newest
        assert slots_told(device) == simulation.slots_between(device, now, back - interval)
        assert len(rows_of(device)) <= 1
        assert all(row.state == "unknown" and row.detail == {"reason": "not_measured"} for row in rows_of(device))
    assert tick.missed == sum(len(slots_told(device)) for device in devices)


def test_nothing_was_missed_before_a_device_was_made(project, now) -> None:
    materialise(now=now)
    late = make_device(project, now=now + timedelta(minutes=30))

    materialise(now=now + timedelta(minutes=40))

    assert slots_told(late) == simulation.slots_between(late, now + timedelta(minutes=30), now + timedelta(minutes=39))


def test_a_device_that_was_resumed_or_re_timed_follows_from_the_function_alone(project, now) -> None:
    device = make_device(project, now=now, interval_s=60, phase_ms=5000)
    set_paused(device=device, paused=True, now=now)
    materialise(now=now)
    materialise(now=now + timedelta(seconds=60))
    assert handed_out() == []

    set_paused(device=device, paused=False, now=now + timedelta(seconds=60))
    Device.objects.filter(pk=device.pk).update(interval_s=10, phase_ms=3000)
    materialise(now=now + timedelta(seconds=70))

    assert handed_out() == [(device.pk, epoch_ms(now) + 63_000)]


def test_heartbeats_are_never_handed_out(heartbeat, now) -> None:
    materialise(now=now)

    assert materialise(now=now + timedelta(hours=2)).due == 0


@pytest.mark.parametrize("step", ["_claim_windows", "_due_in", "_lost_in", "_write_batches", "submit_in_chunks"])
def test_a_tick_that_breaks_off_has_not_happened(project, now, monkeypatch, step) -> None:
    devices = scattered(project, now)
    materialise(now=now)
    end = now + timedelta(minutes=3)
    original = getattr(schedule, step)

    def breaks_after(*args, **kwargs):
        original(*args, **kwargs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(schedule, step, breaks_after)
        with pytest.raises(RuntimeError, match="killed"):
            materialise(now=end)
    assert handed_out() == []
    assert not any(rows_of(device) for device in devices)

    materialise(now=end)

    told = [(device.pk, slot) for device in devices for slot in slots_told(device)]
    assert sorted(handed_out() + told) == truth(devices, now, end)


def test_a_tick_costs_a_fixed_number_of_statements(project, now, django_assert_max_num_queries) -> None:
    for index in range(60):
        make_device(project, now=now, interval_s=60, phase_ms=index * 100, shard=index % SHARDS)
    materialise(now=now)

    with django_assert_max_num_queries(10):
        assert materialise(now=now + timedelta(seconds=10)).due == 60
