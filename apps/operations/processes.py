"""The processes of the installation: each writes its own row, and one that ended leaves its counts behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from apps.operations.models import ProcessReport

# The row that holds what ended processes have counted.
ENDED = UUID(int=0)
# A row that nobody has written for this long is of a process that is no more.
GONE = timedelta(minutes=5)
# Three reports missed.
SILENT = timedelta(seconds=20)
LIMIT = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What a process says of itself; counters count since its start or since its last row was taken for ended."""

    kind: ProcessReport.Kind
    host: str
    pid: int
    version: str
    started_at: datetime
    rss_bytes: int
    cpu_s: float
    slots: int
    slots_used: int
    counters: Mapping[str, float]
    marks: Mapping[str, int]


def enlist(*, key: UUID, facts: Facts, now: datetime) -> None:
    """Write the first row of a process."""
    ProcessReport.objects.create(id=key, seen_at=now, **_columns(facts))


def refresh(*, key: UUID, facts: Facts, now: datetime) -> bool:
    """Write how the process stands; False when its row was taken for that of an ended one."""
    return ProcessReport.objects.filter(pk=key).update(seen_at=now, **_columns(facts)) == 1


def _columns(facts: Facts) -> dict[str, object]:
    return {
        "kind": facts.kind,
        "host": facts.host[:120],
        "pid": facts.pid,
        "version": facts.version,
        "started_at": facts.started_at,
        "rss_bytes": facts.rss_bytes,
        "cpu_s": facts.cpu_s,
        "slots": facts.slots,
        "slots_used": facts.slots_used,
        "counters": dict(facts.counters),
        "marks": dict(facts.marks),
    }


@transaction.atomic
def retire(*, key: UUID, now: datetime) -> None:
    """A process ends and says so."""
    _add_to_ended(ProcessReport.objects.select_for_update().filter(pk=key), now=now)


@transaction.atomic
def expire_reports(*, now: datetime) -> int:
    """Take rows that nobody writes any more for those of ended processes; how many there were."""
    silent = ProcessReport.objects.filter(seen_at__lt=now - GONE).exclude(pk=ENDED).order_by("seen_at")
    return _add_to_ended(silent.select_for_update(skip_locked=True)[:LIMIT], now=now)


def _add_to_ended(found: Iterable[ProcessReport], *, now: datetime) -> int:
    rows = list(found)
    if not rows:
        return 0
    blank = {"kind": "ended", "host": "", "pid": 0, "version": "", "started_at": now, "seen_at": now}
    total, _ = ProcessReport.objects.select_for_update().get_or_create(pk=ENDED, defaults=blank)
    total.counters, total.marks, total.seen_at = summed([total, *rows]), newest([total, *rows]), now
    total.cpu_s += sum(row.cpu_s for row in rows)
    total.save()
    ProcessReport.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def reports() -> Sequence[ProcessReport]:
    """Every row, that of the ended ones included, in one statement."""
    return list(ProcessReport.objects.order_by("kind", "host", "pid"))


def summed(rows: Iterable[ProcessReport]) -> dict[str, float]:
    """Counters of all rows, added up by name."""
    total: dict[str, float] = {}
    for row in rows:
        for name, value in row.counters.items():
            total[name] = total.get(name, 0) + value
    return total


def newest(rows: Iterable[ProcessReport]) -> dict[str, int]:
    """When each step last came to its end anywhere."""
    latest: dict[str, int] = {}
    for row in rows:
        for step, at in row.marks.items():
            latest[step] = max(at, latest.get(step, 0))
    return latest
