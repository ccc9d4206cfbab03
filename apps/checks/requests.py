"""Checks outside the schedule: asked for, re-checks of a failure, and drafts of monitors that are not saved yet.

They are few, so each is a row with its own fenced lease; they go before routine.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.checks.confirmation import follow_up
from apps.checks.facts import draft_answer, fact_of
from apps.checks.models import CheckRequest
from apps.checks.types import CheckResult
from apps.common.looks import Look
from apps.pipeline.services import submit
from apps.workspaces.selectors import closed_workspaces

LEASE = timedelta(seconds=90)
MOST_ATTEMPTS = 3
# How long an answer can be fetched, and how long a request that nobody runs is worth keeping.
KEEP_ANSWERS = timedelta(hours=1)
KEEP_OPEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LeasedRequest:
    """A request in our hands: the row as it was taken, with its device (None for a draft)."""

    row: CheckRequest
    token: uuid.UUID


def take(*, owner: str, limit: int, now: datetime) -> list[LeasedRequest]:
    """Requests that are due and that nobody holds, oldest first."""
    # A worker asks once a second.
    if limit < 1 or not _due.finds_any(now):
        return []
    return _take(owner=owner, limit=limit, now=now)


@Look
def _due(now: datetime) -> QuerySet[CheckRequest]:
    return CheckRequest.objects.filter(done_at__isnull=True, due_at__lte=now)


@transaction.atomic
def _take(*, owner: str, limit: int, now: datetime) -> list[LeasedRequest]:
    # A lease with twice its length ahead came of a wrong clock.
    free = _due(now).filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now) | Q(lease_until__gt=now + 2 * LEASE))
    # What a closed workspace had asked for is never run.
    wanted = free.exclude(workspace__in=closed_workspaces())
    due = wanted.select_related("device")
    rows = list(due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "pk")[:limit])
    leased = []
    for row in rows:
        row.attempt += 1
        row.owner, row.lease_until, row.token = owner[:120], now + LEASE, uuid.uuid4()
        if row.attempt > MOST_ATTEMPTS:
            _give_up(row, now=now)
        else:
            leased.append(LeasedRequest(row, row.token))
    CheckRequest.objects.bulk_update(rows, ["attempt", "owner", "lease_until", "token", "done_at", "result"])
    return leased


def _give_up(row: CheckRequest, *, now: datetime) -> None:
    row.done_at = now
    row.result = {"status": "unknown", "message": "The check could not be run.", "detail": {"reason": "not_measured"}}


@transaction.atomic
def complete(*, request: LeasedRequest, result: CheckResult, run_ms: int, now: datetime) -> bool:
    """Store a finished request; False when the lease was lost, and then nothing is stored."""
    row = request.row
    mine = CheckRequest.objects.filter(pk=row.pk, token=request.token, done_at__isnull=True)
    answer = draft_answer(result)
    if row.reason == CheckRequest.Reason.RETRY:
        # A re-check has no asker; gone before the follow-up, it makes room for the next one.
        proved = mine.delete()[0] == 1
    else:
        proved = mine.update(done_at=now, result=answer, lease_until=None) == 1
    if not proved:
        return False
    device = row.device
    if device is not None:
        fact = fact_of(
            workspace_id=device.workspace_id,
            device_id=device.pk,
            at=_whole_ms(result.started_at),
            interval_ms=device.interval_s * 1000,
            run_ms=run_ms,
            result=result,
        )
        submitted = submit(observations=[fact], now=now)
        follow_up(submitted=submitted, devices={device.pk: device}, now=now)
    return True


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def give_back(*, owner: str) -> int:
    """Free every request this owner holds. Answers how many."""
    mine = CheckRequest.objects.filter(owner=owner[:120], done_at__isnull=True, token__isnull=False)
    return mine.update(lease_until=None, token=None, owner="")


def prune(*, now: datetime, limit: int = 1000) -> int:
    """Drop answers that nobody fetches any more, and requests that nobody ran for a day."""
    old = Q(done_at__lt=now - KEEP_ANSWERS) | Q(done_at__isnull=True, due_at__lt=now - KEEP_OPEN)
    ids = list(CheckRequest.objects.filter(old).order_by("pk").values_list("pk", flat=True)[:limit])
    return int(CheckRequest.objects.filter(pk__in=ids).delete()[0]) if ids else 0
