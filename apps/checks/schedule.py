"""Due checks as batches: cursor windows over a pure function of (interval, phase). No row per check.

A shard's cursor says up to which instant its slots have been handed out. A tick takes the window from the cursor to
now, finds the devices whose slot begins in it by one index range per distinct interval, writes one row per 500 of
them, and moves the cursor, all in one transaction: a tick happens wholly or not at all, and any number of tickers
may run. Creating, resuming or re-timing a device writes nothing here; the next window finds it.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Min, Q

from apps.checks import statements
from apps.checks.facts import missed
from apps.checks.models import CheckBatch, ShardCursor
from apps.common import counters
from apps.common.clock import epoch_ms
from apps.common.gathered import Gathered
from apps.devices.models import SHARDS, Device
from apps.pipeline.services import submit_in_chunks
from apps.pipeline.types import DeviceFact

log = logging.getLogger(__name__)

BATCH = 500
# A cursor further ahead than this was moved by a clock that was wrong. A lead up to it is waited for.
AHEAD_MS = 5 * 60_000
# How far cursors stay behind while there is nothing to check: moving them costs a commit.
RESTING_MS = 2_000


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did: slots handed out, batches written, slots recorded as never run."""

    due: int
    batches: int
    missed: int


@dataclass(frozen=True, slots=True)
class Due:
    """Parallel lists: slots in epoch milliseconds and their devices. No object each, for there are thousands a tick."""

    slots: list[int] = field(default_factory=list)
    device_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time that some shards still have to hand out, in epoch milliseconds."""

    start_ms: int
    end_ms: int
    shards: tuple[int, ...]
    # Shards of crowded hosts that move with those cursors.
    crowded: tuple[int, ...] = ()

    @property
    def reach(self) -> tuple[int, ...]:
        return self.shards + self.crowded


def slot_of(*, phase_ms: int, interval_ms: int, start_ms: int) -> int:
    """The first slot of this phase at or after `start_ms`."""
    return start_ms + (phase_ms - start_ms) % interval_ms


def slots_between(*, phase_ms: int, interval_ms: int, start_ms: int, end_ms: int) -> tuple[int, int]:
    """The first slot in [start, end) and how many there are; (first slot after it, 0) when there is none."""
    first = slot_of(phase_ms=phase_ms, interval_ms=interval_ms, start_ms=start_ms)
    return first, max(0, -(-(end_ms - first) // interval_ms))


def materialise(*, now: datetime) -> Tick:
    """Hand out everything that became due since the last tick.

    After an outage each device is due once, for its newest slot; the older slots become one `missed` fact per
    device. Shards that another ticker holds are left to it.
    """
    return Tick(0, 0, 0) if _is_at_rest(epoch_ms(now)) else _materialise(now)


def _is_at_rest(now_ms: int) -> bool:
    """Whether nobody wants a check, and the cursors are near: one look, and no place in the line of writers."""
    return statements.is_at_rest(from_ms=now_ms - RESTING_MS, to_ms=now_ms + AHEAD_MS)


@transaction.atomic
def _materialise(now: datetime) -> Tick:
    due: dict[int, Due] = {}  # by crowd, 0 for everybody else: a crowd has batches of its own
    lost: list[DeviceFact] = []
    windows = _claim_windows(end_ms=epoch_ms(now))
    intervals = list(_intervals()) if windows else []
    for window in windows:
        for interval_s in intervals:
            for shard, found in _due_in(window, interval_s=interval_s):
                crowd = due.setdefault(shard // SHARDS, Due())
                crowd.slots.extend(found.slots)
                crowd.device_ids.extend(found.device_ids)
            lost.extend(_lost_in(window, interval_s=interval_s))
    submit_in_chunks(observations=lost, now=now)
    batches = _write_batches(due)
    for window in windows:
        ShardCursor.objects.filter(shard__in=window.shards).update(cursor_ms=window.end_ms)
    tick = Tick(
        sum(len(crowd.slots) for crowd in due.values()), batches, sum(int(fact.values["missed"] or 0) for fact in lost)
    )
    transaction.on_commit(lambda: _count(tick))
    return tick


def _count(tick: Tick) -> None:
    counters.count("checks_due", tick.due + tick.missed)
    counters.count("checks_not_measured/outage", tick.missed)


def _claim_windows(*, end_ms: int) -> list[Window]:
    """Lock the shards nobody else works on; those with one cursor share a window, so batches do not get tiny."""
    cursors = list(ShardCursor.objects.select_for_update(skip_locked=True).order_by("shard"))
    if len(cursors) < SHARDS and ShardCursor.objects.count() < SHARDS:
        # The first tick of an installation: nothing before it was ever due.
        fresh = [ShardCursor(shard=shard, cursor_ms=end_ms) for shard in range(SHARDS)]
        ShardCursor.objects.bulk_create(fresh, ignore_conflicts=True)
    by_start: dict[int, list[int]] = {}
    astray = []
    for cursor in cursors:
        # A clock that was set back must not hand a slot out twice.
        if cursor.cursor_ms < end_ms:
            by_start.setdefault(cursor.cursor_ms, []).append(cursor.shard)
        elif cursor.cursor_ms > end_ms + AHEAD_MS:
            astray.append(cursor.shard)
    if astray:
        _set_back(astray, end_ms=end_ms)
    crowded = _crowded() if by_start else []
    return [
        Window(start, end_ms, tuple(shards), tuple(shard for shard in crowded if shard % SHARDS in shards))
        for start, shards in sorted(by_start.items())
    ]


def _crowded() -> list[int]:
    """The shards of crowded hosts that are in use: one index probe when there are none."""
    devices = Device.objects.filter(enabled=True, shard__gte=SHARDS)
    return sorted(devices.values_list("shard", flat=True).distinct())


def _set_back(shards: list[int], *, end_ms: int) -> None:
    """Begin anew from now on: waiting for a clock that was a year ahead would mean a year without checks.

    Slots that were handed out too early and are not stored yet come again when their time comes.
    """
    log.error("schedule: the clock was far ahead, the schedule begins anew", extra={"shards": len(shards)})
    CheckBatch.objects.filter(first_slot__gte=end_ms).delete()
    ShardCursor.objects.filter(shard__in=shards).update(cursor_ms=end_ms)


def _intervals() -> Iterator[int]:
    """The distinct intervals in use, by one index probe each."""
    enabled = Device.objects.filter(enabled=True)
    interval = enabled.aggregate(least=Min("interval_s"))["least"]
    while interval is not None:
        yield interval
        interval = enabled.filter(interval_s__gt=interval).aggregate(least=Min("interval_s"))["least"]


def _due_in(window: Window, *, interval_s: int) -> Iterator[tuple[int, Due]]:
    """Slots in the window by shard, each device once: a window longer than the interval is cut to its newest part."""
    interval_ms = interval_s * 1000
    start_ms = max(window.start_ms, window.end_ms - interval_ms)
    low, high = start_ms % interval_ms, window.end_ms % interval_ms
    phases = Q()
    if window.end_ms - start_ms < interval_ms:
        reach = Q(phase_ms__gte=low), Q(phase_ms__lt=high)
        phases = reach[0] & reach[1] if low < high else reach[0] | reach[1]
    devices = Device.objects.filter(phases, shard__in=window.reach, enabled=True, interval_s=interval_s)
    by_shard = devices.values_list("shard").annotate(ids=Gathered("pk"), phases=Gathered("phase_ms")).order_by()
    for shard, device_ids, phases_ms in by_shard:
        # `slot_of`, written out: this line is run for every check there is.
        yield shard, Due([start_ms + (phase_ms - start_ms) % interval_ms for phase_ms in phases_ms], device_ids)


def _lost_in(window: Window, *, interval_s: int) -> Iterator[DeviceFact]:
    """One fact per device for its slots before the part of the window that is still worth running."""
    interval_ms = interval_s * 1000
    end_ms = window.end_ms - interval_ms
    if window.start_ms >= end_ms:
        return
    devices = Device.objects.filter(shard__in=window.reach, enabled=True, interval_s=interval_s)
    columns = ("pk", "workspace_id", "phase_ms", "created_at")
    for device_id, workspace_id, phase_ms, created_at in devices.values_list(*columns):
        # Nothing was due before the device was there.
        start_ms = max(window.start_ms, epoch_ms(created_at))
        slot, count = slots_between(phase_ms=phase_ms, interval_ms=interval_ms, start_ms=start_ms, end_ms=end_ms)
        if count:
            yield missed(
                workspace_id=workspace_id, device_id=device_id, slot_ms=slot, interval_ms=interval_ms, count=count
            )


def _write_batches(due: Mapping[int, Due]) -> int:
    batches = []
    for crowd, found in due.items():
        order = sorted(range(len(found.slots)), key=found.slots.__getitem__)
        batches += [_batch(crowd, found, order[start : start + BATCH]) for start in range(0, len(order), BATCH)]
    CheckBatch.objects.bulk_create(batches)
    return len(batches)


def _batch(crowd: int, found: Due, part: list[int]) -> CheckBatch:
    # All batches of a crowd have one shard, by which they are known.
    return CheckBatch(
        shard=crowd * SHARDS,
        device_ids=[found.device_ids[place] for place in part],
        slots=[found.slots[place] for place in part],
        first_slot=found.slots[part[0]],
    )
