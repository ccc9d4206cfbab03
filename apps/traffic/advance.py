"""Facts from rows that are being sealed: each interface goes on from its last counters, and no row is read twice."""

from collections.abc import Callable, Mapping

from apps.metrics.dirty import mark_windows
from apps.metrics.models import Source
from apps.metrics.raw import Cells
from apps.metrics.tiers import FACTS, window_of
from apps.traffic.counters import samples_in, wiring_of
from apps.traffic.facts import MAX_GAP_MS, Meter, Sample, read_through
from apps.traffic.ledger import Ledger
from apps.traffic.records import reopen


def advance(source: Source, rows: Mapping[int, Cells]) -> Callable[[], None]:
    """What inbox rows of a source add to its facts; call the result in the transaction that seals them.

    Rows that come late change what is there: their days are put on the work list, to be reckoned from raw samples.
    """
    if source.kind != Source.Kind.NODE:
        return _nothing
    ledger, late = Ledger.of(source), set[int]()
    newest_ms = ledger.newest_ms
    for name, columns in wiring_of(source).items():
        samples = samples_in(rows, columns)
        # Anything older than the newest row may have been sealed before, or lie between two samples that were.
        late.update(window_of(sample.ts, FACTS) for sample in samples if sample.ts <= newest_ms)
        fresh = [sample for sample in samples if sample.ts > newest_ms]
        if fresh:
            _go_on(ledger, name, fresh)
    blocks = ledger.encoded()

    def write() -> None:
        ledger.write(blocks)
        if min(rows) - newest_ms > MAX_GAP_MS:
            # The bytes of a long silence belong to where it began, which may be a cycle that has ended.
            reopen(source, newest_ms, max(rows))
        mark_windows(workspace_id=source.workspace_id, source_id=source.pk, tier=FACTS, starts=late)

    return write


def _go_on(ledger: Ledger, name: str, fresh: list[Sample]) -> None:
    known = ledger.known.get(name)
    meter = Meter() if known is None else Meter(known.last, known.open_fact)
    closed = read_through(meter, fresh)
    number = ledger.note(name, first_ms=fresh[0].ts, last=fresh[-1], open_fact=meter.open)
    if number is not None:
        ledger.add(number, closed)


def _nothing() -> None:
    pass
