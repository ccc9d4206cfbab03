"""Facts from raw samples: for late ones, and when somebody asks for it. What is stored is replaced, never added to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from django.db import transaction

from apps.metrics.codec import BlockError
from apps.metrics.models import DirtyWindow, Source
from apps.metrics.seal import OvertakenError
from apps.metrics.tiers import FACTS, SPAN
from apps.traffic.counters import Tape, wiring_of
from apps.traffic.facts import BUCKET_MS, Fact, Meter, Sample, bucket_of, facts_of, read_through
from apps.traffic.ledger import Ledger
from apps.traffic.models import Interface
from apps.traffic.records import reopen

logger = structlog.get_logger(__name__)


def rewrite_late(*, limit: int = 200) -> int:
    """Reckon at most `limit` days of the work list anew; how many were. Safe beside others and when killed anywhere."""
    windows = DirtyWindow.objects.filter(tier=FACTS).order_by("t0")[:limit]
    return sum(_rewrite_or_report(window) for window in windows)


def _rewrite_or_report(window: DirtyWindow) -> bool:
    source = Source.objects.of(window.workspace_id).filter(pk=window.source_id).first()
    if source is None:
        return _taken_off(window)
    try:
        rewrite(source, window.t0, window.t0 + SPAN[FACTS], settle=partial(_taken_off, window))
    except OvertakenError:
        # More came in meanwhile; the list still holds the day.
        return False
    except BlockError:
        # The day stays on the list; everybody else's go on.
        logger.exception("traffic.block_unreadable", workspace_id=window.workspace_id, source=window.source_id)
        return False
    return True


def _taken_off(window: DirtyWindow) -> bool:
    """Take a day off the work list; False when it changed since it was looked at."""
    return bool(DirtyWindow.objects.of(window.workspace_id).filter(pk=window.pk, mark=window.mark).delete()[0])


def rewrite(source: Source, start_ms: int, end_ms: int, *, settle: Callable[[], bool]) -> None:
    """Reckon the facts of [start, end) anew from sealed raw samples, and those that the pairs over its edges reach.

    Facts older than the oldest raw sample stand as they are. `settle` runs in the same transaction and says whether
    the work was still wanted. OvertakenError when it was not, or when facts changed meanwhile: nothing is written.
    """
    ledger, wiring = Ledger.of(source), wiring_of(source)
    tape = Tape(source, wiring)
    reaches = [_rewritten(ledger, tape, name, columns, (start_ms, end_ms)) for name, columns in wiring.items()]
    blocks = ledger.encoded()
    with transaction.atomic():
        Source.objects.of(source.workspace_id).select_for_update().filter(pk=source.pk).first()
        if not settle():
            raise OvertakenError
        ledger.write(blocks)
        for reach in filter(None, reaches):
            reopen(source, reach.start_ms, reach.end_ms)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Buckets to be replaced, [start, end), and the samples that make them: one before, one after."""

    start_ms: int
    end_ms: int
    samples: list[Sample]


def _rewritten(
    ledger: Ledger, tape: Tape, name: str, columns: tuple[int, int], stretch: tuple[int, int]
) -> _Reach | None:
    """Put one interface's buckets of a stretch into the ledger; None when no raw sample says anything about it."""
    known, newest = ledger.known.get(name), tape.newest(columns)
    reach = _reach(known, tape, columns, *stretch)
    if newest is None or reach is None:
        return None
    open_ms = bucket_of(newest.ts)
    open_fact = _open_fact(known, tape, columns, newest)
    number = ledger.note(name, first_ms=reach.samples[0].ts, last=newest, open_fact=open_fact)
    if number is None:
        return None
    past = min(reach.end_ms, open_ms)
    closed = [fact for fact in facts_of(reach.samples) if reach.start_ms <= fact.bucket_ms < past]
    ledger.replace(number, closed, reach.start_ms, reach.end_ms)
    return reach


def _reach(known: Interface | None, tape: Tape, columns: tuple[int, int], start_ms: int, end_ms: int) -> _Reach | None:
    # The pairs over the edges fill buckets on both sides of them.
    before, after = tape.before(columns, start_ms), tape.since(columns, end_ms)
    start_ms = start_ms if before is None else bucket_of(before.ts)
    end_ms = end_ms if after is None else bucket_of(after.ts) + BUCKET_MS
    samples = _around(tape, columns, start_ms, end_ms)
    if not samples:
        return None
    if samples[0].ts >= start_ms and _is_cut(known, samples[0]):
        start_ms = bucket_of(samples[0].ts) + BUCKET_MS
    return _Reach(start_ms, max(start_ms, end_ms), samples)


def _around(tape: Tape, columns: tuple[int, int], start_ms: int, end_ms: int) -> list[Sample]:
    """The samples of a stretch, the one before it and the one after it."""
    edges = tape.before(columns, start_ms), tape.since(columns, end_ms)
    whole = [edges[0], *tape.between(columns, start_ms, end_ms), edges[1]]
    return [sample for sample in whole if sample is not None]


def _is_cut(known: Interface | None, oldest: Sample) -> bool:
    """Whether raw samples from before the oldest one have been let go, so that its bucket cannot be made again."""
    return known is not None and known.first_ms < oldest.ts


def _open_fact(known: Interface | None, tape: Tape, columns: tuple[int, int], newest: Sample) -> Fact:
    start = bucket_of(newest.ts)
    samples = _around(tape, columns, start, newest.ts + 1)
    if known is not None and samples[0].ts >= start and _is_cut(known, samples[0]):
        return known.open_fact
    meter = Meter()
    read_through(meter, samples)
    return meter.open
