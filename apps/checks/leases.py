"""Batches under a fenced lease: taken, renewed, completed or given back.

Whoever takes a batch gets a token and an end. Results are stored by one transaction that first proves the token is
still in force, so of two workers that ran the same slot (one of them frozen past its lease, say) exactly one stores
it. A probe can be sent twice after a crash; a result cannot be stored twice, and a slot cannot be lost.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db import transaction

from apps.checks.confirmation import follow_up
from apps.checks.facts import fact_of, missed, plain_of
from apps.checks.models import CheckBatch
from apps.checks.monitors import enabled_monitors
from apps.checks.plans import Monitor
from apps.checks.statements import Taken, lease_oldest
from apps.checks.types import CheckResult
from apps.common import counters
from apps.common.clock import epoch_ms, from_epoch_ms
from apps.metrics.types import PlainResult
from apps.pipeline.services import submit
from apps.pipeline.types import DeviceFact

LEASE = timedelta(seconds=60)
# A batch that was taken this often brought its workers down; its slots are recorded as not measured.
MOST_ATTEMPTS = 5
Slot = tuple[int, int]  # device, slot in epoch milliseconds


class Member(NamedTuple):
    """One slot of a leased batch with the device as it is configured now."""

    device: Monitor
    slot_ms: int

    @property
    def key(self) -> Slot:
        return self.device.pk, self.slot_ms


@dataclass(frozen=True, slots=True)
class Leased:
    """A batch in our hands until `until`, and what of it is to be run."""

    id: int
    token: uuid.UUID
    until: datetime
    members: tuple[Member, ...]


class Ran(NamedTuple):
    """A finished check of a batch and how long it occupied its place."""

    member: Member
    result: CheckResult
    run_ms: int


@transaction.atomic
def take(*, owner: str, now: datetime) -> Leased | None:
    """The oldest batch that nobody holds, or None.

    Slots that are no longer worth running (their device's next slot has begun) are recorded as missed at once;
    devices that are gone or paused by now drop out. A batch of which nothing remains is finished here and the next
    one is looked at.
    """
    while (row := lease(owner=owner, now=now)) is not None:
        members, stale = members_of(row, now=now)
        if stale:
            submit(observations=stale, now=now)
            transaction.on_commit(partial(counters.count, "checks_not_measured/late", len(stale)))
        mine = CheckBatch.objects.filter(pk=row.id)
        if not members:
            mine.delete()
            continue
        if len(members) < len(row.device_ids):
            slots = [member.key for member in members]
            mine.update(device_ids=[device_id for device_id, _ in slots], slots=[slot_ms for _, slot_ms in slots])
        return Leased(row.id, row.token, row.until, tuple(members))
    return None


def lease(*, owner: str, now: datetime) -> Taken | None:
    """Put the oldest batch that nobody holds under our lease, whatever is in it."""
    return lease_oldest(owner=owner[:120], now=now, lasting=LEASE)


def members_of(row: Taken, *, now: datetime) -> tuple[list[Member], list[DeviceFact]]:
    """What of a batch is to be run, and the slots that are not worth it any more."""
    monitors = enabled_monitors(row.device_ids)
    now_ms, poisoned = epoch_ms(now), row.attempt > MOST_ATTEMPTS
    members: list[Member] = []
    stale: list[DeviceFact] = []
    for device_id, slot_ms in zip(row.device_ids, row.slots, strict=True):
        monitor = monitors.get(device_id)
        if monitor is None:
            continue
        if poisoned or slot_ms + monitor.interval_s * 1000 <= now_ms:
            stale.append(_missed(monitor, slot_ms))
        else:
            members.append(Member(monitor, slot_ms))
    return members, stale


def _missed(device: Monitor, slot_ms: int) -> DeviceFact:
    return missed(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        slot_ms=slot_ms,
        interval_ms=device.interval_s * 1000,
    )


@transaction.atomic
def complete(*, batch: Leased, results: Sequence[Ran], rest: Sequence[Member] = (), now: datetime) -> bool:
    """Store finished checks of a batch and let everything follow; with a `rest` the batch stays for that.

    False when the lease was lost: nothing is stored then, whoever holds it now will.
    """
    if not _prove(batch, rest=rest):
        return False
    plain = [_plain(ran) for ran in results]
    facts = [_fact(ran) for ran, short in zip(results, plain, strict=True) if short is None]
    submitted = submit(observations=facts, plain=[each for each in plain if each is not None], now=now)
    follow_up(
        submitted=submitted,
        devices={ran.member.device.pk: ran.member.device for ran in results},
        now=now,
    )
    return True


def _prove(batch: Leased, *, rest: Sequence[Member]) -> bool:
    mine = CheckBatch.objects.filter(pk=batch.id, token=batch.token)
    if not rest:
        return mine.delete()[0] == 1
    device_ids = [member.device.pk for member in rest]
    return mine.update(device_ids=device_ids, slots=[member.slot_ms for member in rest]) == 1


def _plain(ran: Ran) -> PlainResult | None:
    (device, slot_ms), result, run_ms = ran
    return plain_of(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        slot_ms=slot_ms,
        interval_ms=device.interval_s * 1000,
        run_ms=run_ms,
        result=result,
    )


def _fact(ran: Ran) -> DeviceFact:
    device = ran.member.device
    return fact_of(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        at=from_epoch_ms(ran.member.slot_ms),
        interval_ms=device.interval_s * 1000,
        run_ms=ran.run_ms,
        result=ran.result,
    )


def renew(*, batches: Iterable[Leased], now: datetime) -> Mapping[int, datetime]:
    """Hold these leases for longer; the batches still ours, with their new end."""
    until = now + LEASE
    kept: dict[int, datetime] = {}
    for batch in batches:
        if CheckBatch.objects.filter(pk=batch.id, token=batch.token).update(lease_until=until):
            kept[batch.id] = until
    return kept


def give_back(*, owner: str) -> int:
    """Free everything this owner holds, at its start (after a crash) and at its stop. Answers how many batches."""
    mine = CheckBatch.objects.filter(owner=owner[:120], token__isnull=False)
    # Not counted as an attempt: a worker that was told to stop says nothing against the batch.
    return mine.update(lease_until=None, token=None, owner="")
