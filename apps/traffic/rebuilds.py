"""Rebuilding a node's facts from raw samples: a row that anybody can carry on from, killed wherever it was."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, cast

import structlog
from django.db import transaction
from django.db.models import QuerySet

from apps.common.errors import ConflictError
from apps.common.values import Ref
from apps.metrics.codec import BlockError
from apps.metrics.models import Source
from apps.metrics.seal import OvertakenError
from apps.metrics.sources import source_of
from apps.metrics.tiers import DAY
from apps.traffic.counters import Tape, wiring_of
from apps.traffic.models import Interface, Rebuild
from apps.traffic.records import reopen
from apps.traffic.rewrite import rewrite
from apps.workspaces.models import Workspace

LEASE = timedelta(minutes=5)
DEADLINE = timedelta(hours=6)
STRETCH_MS = DAY // 4  # reckoned in one transaction
NO_SOURCE = 0  # of a node that never reported

State = Literal["idle", "running", "completed", "failed"]
Reason = Literal["", "failed", "timeout", "canceled"]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RebuildState:
    """How the workspace's newest rebuild is doing; `percent` of its time has been reckoned."""

    state: State = "idle"
    node_id: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reason: Reason = ""
    percent: int = 0


class RebuildRunningError(ConflictError):
    """There is one at a time in a workspace."""

    code = "traffic_rebuild_running"


def rebuild_state(workspace: Workspace) -> RebuildState:
    """The newest rebuild of a workspace, idle when there never was one."""
    row = Rebuild.objects.of(workspace).first()
    return RebuildState() if row is None else _state(row)


@transaction.atomic
def start_rebuild(*, workspace: Workspace, ref: Ref, now: datetime) -> RebuildState:
    """Have a node's facts reckoned anew as far back as raw samples reach, and its ended cycles with them.

    RebuildRunningError while another one runs. For a node that never reported there is nothing to do, and it is done.
    """
    # The lock queues those who ask, so two requests cannot both begin.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    row = Rebuild.objects.of(workspace).first() or Rebuild(workspace=workspace)
    if row.status == Rebuild.Status.RUNNING:
        raise RebuildRunningError("A rebuild is running already.")
    source = source_of(workspace.pk, ref)
    row.first_ms, row.end_ms = (0, 0) if source is None else _stretch(source)
    row.next_ms, row.source_id = row.first_ms, NO_SOURCE if source is None else source.pk
    row.node_id, row.status, row.reason = ref.id, Rebuild.Status.RUNNING, ""
    row.started_at, row.finished_at, row.lease_until = now, None, now
    row.save()
    if source is not None:
        reopen(source, row.first_ms, row.end_ms, complete_too=True)
    return _state(row)


def _stretch(source: Source) -> tuple[int, int]:
    """From the oldest raw sample to just behind the newest one."""
    start_ms = Tape(source, wiring_of(source)).start_ms or 0
    newest = Interface.objects.of(source.workspace_id).filter(source_id=source.pk).order_by("-last_ms").first()
    return start_ms, start_ms if newest is None else newest.last_ms + 1


def run_rebuilds(*, now: datetime, limit: int = 20) -> int:
    """Carry on with rebuilds that nobody has, a quarter of a day at a time; how many of those were reckoned."""
    done = 0
    running = Rebuild.objects.filter(status=Rebuild.Status.RUNNING, lease_until__lte=now).order_by("lease_until")
    for row in running[:limit]:
        # Whoever moves the lease on has it; after a crash it is due again.
        mine = Rebuild.objects.of(row.workspace_id).filter(pk=row.pk, lease_until=row.lease_until)
        if mine.update(lease_until=now + LEASE):
            row.lease_until = now + LEASE
            done += _run(row, now=now, limit=limit - done)
    return done


def _run(row: Rebuild, *, now: datetime, limit: int) -> int:
    source = Source.objects.of(row.workspace_id).filter(pk=row.source_id).first()
    if source is None:
        _finish(row, now=now, reason="" if row.source_id == NO_SOURCE else "canceled")
    elif now >= row.started_at + DEADLINE:
        _finish(row, now=now, reason="timeout")
    else:
        for done in range(limit):
            if row.next_ms >= row.end_ms:
                _finish(row, now=now)
                return done
            if not _advance(row, source, now=now):
                return done
        _move(row, row.next_ms, lease_until=now)
        return limit
    return 0


def _advance(row: Rebuild, source: Source, *, now: datetime) -> bool:
    """One stretch; False when somebody else has the row by now, or it came to an end."""
    past = min(row.next_ms // STRETCH_MS * STRETCH_MS + STRETCH_MS, row.end_ms)
    try:
        rewrite(source, row.next_ms, past, settle=partial(_move, row, past, lease_until=row.lease_until))
    except OvertakenError:
        # Rows were being sealed: once more. Or the row is somebody else's, who goes on from there.
        return _mine(row).exists()
    except BlockError:
        logger.exception("traffic.rebuild_failed", workspace_id=row.workspace_id, source=source.pk)
        _finish(row, now=now, reason="failed")
        return False
    row.next_ms = past
    return True


def _move(row: Rebuild, next_ms: int, *, lease_until: datetime) -> bool:
    """Note how far it has come; False when the row is no longer ours."""
    return bool(_mine(row).update(next_ms=next_ms, lease_until=lease_until))


def _finish(row: Rebuild, *, now: datetime, reason: Reason = "") -> None:
    status = Rebuild.Status.FAILED if reason else Rebuild.Status.COMPLETED
    _mine(row).update(status=status, reason=reason, finished_at=now)


def _mine(row: Rebuild) -> "QuerySet[Rebuild]":
    rows: QuerySet[Rebuild] = Rebuild.objects.of(row.workspace_id)
    return rows.filter(pk=row.pk, status=Rebuild.Status.RUNNING, lease_until=row.lease_until)


def _state(row: Rebuild) -> RebuildState:
    length = row.end_ms - row.first_ms
    finished = row.status == Rebuild.Status.COMPLETED or not length
    return RebuildState(
        state=cast("State", row.status),
        node_id=row.node_id,
        started_at=row.started_at,
        finished_at=row.finished_at,
        reason=cast("Reason", row.reason),
        percent=100 if finished else (row.next_ms - row.first_ms) * 100 // length,
    )
