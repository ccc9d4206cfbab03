"""What is left of a closed workspace goes in slices: series, then every table that names it, its people, itself.

Each slice is a transaction of its own, which also proves and renews the lease. So two never erase at once, and whoever
is killed leaves what the next one finds: fewer rows. Which tables there are is asked of the models, not listed here; a
table that is added later is emptied too.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Case, Q, QuerySet, When

from apps.accounts.models import User
from apps.metrics import services as metrics
from apps.operations.models import Erasure
from apps.operations.tables import Table, tenant_tables
from apps.traffic import services as traffic
from apps.workspaces.models import Membership, Workspace

logger = structlog.get_logger(__name__)

SLICE = 500
# People are fewer and have more around them.
PEOPLE = 20
LEASE = timedelta(minutes=5)
# How long one run may take; the next one goes on.
BUDGET_S = 20.0
# They go last: seats say who the people are, and the erasure's row holds the lease.
LAST = frozenset({Membership, Erasure})

Slicer = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Held:
    """An erasure in our hands, and the clock of this run: the handed-in instant, moved on by the time that passes."""

    workspace_id: int
    token: UUID
    start: datetime
    mark: float
    budget_s: float

    def now(self) -> datetime:
        return self.start + timedelta(seconds=time.monotonic() - self.mark)

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self.mark >= self.budget_s

    def proves(self) -> bool:
        """Whether the lease is still ours, renewed in the transaction that asks; False ends this run."""
        mine = Erasure.objects.of(self.workspace_id).filter(token=self.token)
        return bool(mine.update(lease_until=self.now() + LEASE))


def erase_due(*, now: datetime, budget_s: float = BUDGET_S) -> bool:
    """Erase closed workspaces whose grace is over, for about `budget_s`; whether more could be done at once.

    Any number of workers may run this at once and be killed anywhere.
    """
    mark = time.monotonic()
    while (taken := _take(now=now + timedelta(seconds=time.monotonic() - mark))) is not None:
        assert taken.token is not None
        held = Held(taken.workspace_id, taken.token, now, mark, budget_s)
        if not _erase(held):
            return held.is_late
    return False


def _take(*, now: datetime) -> Erasure | None:
    """The oldest due erasure that nobody holds, under a lease; from here on there is no way back."""
    # A lease with twice its length ahead came of a wrong clock.
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now) | Q(lease_until__gt=now + 2 * LEASE)
    due = Erasure.objects.filter(free, due_at__lte=now)
    # Nearly every look ends with this probe.
    return _lease(due, now=now) if due.exists() else None


@transaction.atomic
def _lease(due: QuerySet[Erasure], *, now: datetime) -> Erasure | None:
    row: Erasure | None = due.select_for_update(skip_locked=True).order_by("due_at", "pk").first()
    if row is not None:
        row.begun_at = row.begun_at or now
        row.token, row.lease_until = uuid4(), now + LEASE
        row.save(update_fields=["begun_at", "token", "lease_until"])
    return row


def _erase(held: Held) -> bool:
    """Everything of one workspace; False when time is up or the lease is somebody else's."""
    while not _finish(held):
        for take_slice in _slicers(held.workspace_id):
            if not _empty(held, take_slice):
                return False
    return True


def _slicers(workspace_id: int) -> Iterator[Slicer]:
    """What deletes at most so many rows of one kind, in the order in which the kinds go."""
    yield lambda limit: traffic.forget_workspace(workspace_id=workspace_id, limit=limit)
    yield lambda limit: metrics.forget_workspace(workspace_id=workspace_id, limit=limit)
    for table in _tables():
        yield partial(_delete_slice, table, workspace_id)
    yield partial(_unseat, workspace_id)


def _empty(held: Held, take_slice: Slicer) -> bool:
    """Slice by slice until nothing is left; False when time is up or the lease is lost."""
    while True:
        with transaction.atomic():
            if not held.proves():
                logger.warning("erasure lease lost", workspace_id=held.workspace_id)
                return False
            deleted = take_slice(SLICE)
        if not deleted:
            return True
        if held.is_late:
            # Given back, so that whoever comes next need not wait for the lease to run out.
            Erasure.objects.of(held.workspace_id).filter(token=held.token).update(lease_until=None)
            return False


@transaction.atomic
def _finish(held: Held) -> bool:
    """The workspace itself, once nothing else is left; False while something is."""
    if not held.proves():
        return False
    workspace = Workspace.objects.select_for_update().get(pk=held.workspace_id)
    if Membership.objects.of(workspace).exists() or any(table.rows(workspace.pk).exists() for table in _tables()):
        return False
    slug, closed_at = workspace.slug, workspace.closed_at
    workspace.delete()
    transaction.on_commit(lambda: logger.info("workspace erased", slug=slug, closed_at=str(closed_at)))
    return True


def _tables() -> list[Table]:
    return [table for table in tenant_tables() if table.model not in LAST]


def _delete_slice(table: Table, workspace_id: int, limit: int) -> int:
    keys = list(table.rows(workspace_id).values_list("pk", flat=True)[:limit])
    if keys:
        table.rows(workspace_id).filter(pk__in=keys).delete()
    return len(keys)


def _unseat(workspace_id: int, limit: int) -> int:
    """Seats, and the people who sat in them and have no other place here; the owner's seat is the last one."""
    others_first = Case(When(role=Membership.Role.OWNER, then=1), default=0)
    seats = list(Membership.objects.of(workspace_id).order_by(others_first, "pk")[: min(limit, PEOPLE)])
    # Locked before it is asked where else they sit: whoever seats them meanwhile waits.
    people = User.objects.select_for_update().filter(pk__in=[seat.user_id for seat in seats if seat.user_id])
    people_here = list(people.order_by("pk"))
    Membership.objects.of(workspace_id).filter(pk__in=[seat.pk for seat in seats]).delete()
    _forget_people([user for user in people_here if not _has_a_place(user)])
    return len(seats)


def _has_a_place(user: User) -> bool:
    """Whether an account is still of use: a seat anywhere, closed or not, or the operator's or any other right."""
    if user.is_staff or user.is_superuser or user.groups.exists() or user.user_permissions.exists():
        return True
    return Membership.objects.filter(user=user).exists()


def _forget_people(people: Sequence[User]) -> None:
    sessions = UserSession.objects.filter(user__in=people)
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    User.objects.filter(pk__in=[user.pk for user in people]).delete()
