"""The schedule in numbers."""

from datetime import timedelta

from apps.checks import leases, services
from apps.checks.schedule import materialise
from apps.checks.selectors import due_per_second, schedule_figures, schedule_lag
from tests.apps.pipeline.scene import make_device

SECOND = timedelta(seconds=1)


def test_before_the_first_tick_nothing_is_behind(db, now) -> None:
    figures = schedule_figures(now)

    assert (schedule_lag(now), figures.oldest_slot_ms_ago, figures.due_per_second) == (timedelta(), 0, 0)
    assert not figures.stalled


def test_batches_leases_and_requests_are_counted_as_they_move(project, now) -> None:
    device = make_device(project, now=now)
    make_device(project, now=now, interval_s=30, phase_ms=500, shard=1)
    materialise(now=now)
    materialise(now=now + SECOND)
    services.request_check(device=device, now=now)

    waiting = schedule_figures(now + 3 * SECOND)
    assert (waiting.lag_ms, waiting.oldest_slot_ms_ago) == (2000, 3000)
    assert (waiting.batches_waiting, waiting.batches_leased, waiting.requests_waiting) == (1, 0, 1)
    assert leases.take(owner="a", now=now + 3 * SECOND) is not None
    held = schedule_figures(now + 3 * SECOND)
    assert (held.batches_waiting, held.batches_leased, held.leases_expired) == (0, 1, 0)

    late = schedule_figures(now + 3 * SECOND + leases.LEASE)
    assert (late.batches_waiting, late.leases_expired, late.stalled) == (1, 1, True)


def test_the_load_is_the_sum_over_enabled_devices(project, now) -> None:
    make_device(project, now=now, interval_s=10)
    make_device(project, now=now, interval_s=20)
    make_device(project, now=now, interval_s=1, enabled=False)

    assert round(due_per_second(), 6) == 0.15
