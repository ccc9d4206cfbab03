"""Facts as blocks of the metrics store: one UTC day of one source, every interface in columns of its own."""

from collections.abc import Collection, Iterable, Sequence

from apps.metrics.codec import Table, decode, encode
from apps.metrics.models import Block
from apps.metrics.packing import INT64
from apps.metrics.rows import cut
from apps.metrics.tiers import DAY, FACTS, days_between
from apps.traffic.facts import COLUMNS, Fact, Facts
from apps.traffic.models import Interface

WIDTH = 32  # columns set aside for an interface
MAX_INTERFACES = 2**16 // WIDTH - 1
PRESENT = "in_bytes"  # a column that every fact has a value in

# Facts by bucket, by the number of their interface.
DayFacts = dict[int, dict[int, Fact]]


def keys_of(number: int) -> dict[str, int]:
    """The columns of one interface by name."""
    return {name: number * WIDTH + offset for offset, name in enumerate(COLUMNS)}


def write_day(day: DayFacts) -> bytes | None:
    """The block of a day, None for an empty one; it depends on nothing but the facts."""
    buckets = sorted({bucket for facts in day.values() for bucket in facts})
    if not buckets:
        return None
    table = Table(buckets, {})
    for number, facts in sorted(day.items()):
        rows = [facts.get(bucket) for bucket in buckets]
        for name, key in keys_of(number).items():
            table.columns[key] = [None if fact is None else _saturated(getattr(fact, name)) for fact in rows]
    return encode(table)


def read_day(payload: bytes | None) -> DayFacts:
    """The facts of a block, or of none."""
    if payload is None:
        return {}
    table = decode(payload)
    day: DayFacts = {}
    for number in {key // WIDTH for key in table.columns}:
        facts = _facts_in(table, number).rows()
        day[number] = {fact.bucket_ms: fact for fact in facts}
    return day


def stored_days(workspace_id: int, source_id: int, days: Collection[int]) -> dict[int, bytes]:
    """The blocks of some days as they are stored."""
    rows = Block.objects.of(workspace_id).filter(source_id=source_id, tier=FACTS, t0__in=days)
    return {t0: bytes(payload) for t0, payload in rows.order_by("t0").values_list("t0", "payload")}


def store_day(workspace_id: int, source_id: int, t0: int, payload: bytes | None) -> None:
    """Replace one day."""
    if payload is None:
        Block.objects.of(workspace_id).filter(source_id=source_id, tier=FACTS, t0=t0).delete()
        return
    Block.objects.update_or_create(
        workspace_id=workspace_id,
        source_id=source_id,
        tier=FACTS,
        t0=t0,
        defaults={"n": len(decode(payload, ()).ts), "payload": payload},
    )


def stored_facts(row: Interface, start_ms: int, end_ms: int, names: Sequence[str] = COLUMNS) -> Facts:
    """The stored facts of one interface in [start, end); with `names` only those columns are unpacked."""
    keys = keys_of(row.number)
    wanted = {keys[name] for name in (PRESENT, *names)}
    found = Facts.of([], names)
    for payload in stored_days(row.workspace_id, row.source_id, days_between(start_ms, end_ms)).values():
        found.extend(_facts_in(decode(payload, wanted), row.number, names))
    return found.between(start_ms, end_ms)


def stored_bytes(
    workspace_id: int, source_id: int, numbers: Collection[int], start_ms: int, end_ms: int
) -> tuple[int, int]:
    """The stored bytes of some interfaces in [start, end), received and sent: nothing else is unpacked."""
    names = ("in_bytes", "out_bytes")
    keys = [[keys_of(number)[name] for number in numbers] for name in names]
    totals = [0, 0]
    for payload in stored_days(workspace_id, source_id, days_between(start_ms, end_ms)).values():
        table = cut(decode(payload, {key for side in keys for key in side}), start_ms, end_ms)
        for side in range(len(names)):
            totals[side] += sum(sum(table.numbers(key)) for key in keys[side])
    return totals[0], totals[1]


def by_day(facts: Iterable[Fact]) -> dict[int, list[Fact]]:
    """Facts by the UTC day they lie in."""
    days: dict[int, list[Fact]] = {}
    for fact in facts:
        days.setdefault(fact.bucket_ms // DAY * DAY, []).append(fact)
    return days


def _facts_in(table: Table, number: int, names: Sequence[str] = COLUMNS) -> Facts:
    keys = keys_of(number)
    columns = {name: table.column(keys[name]) for name in names}
    present = table.column(keys[PRESENT])
    if None not in present:
        return Facts(table.ts, columns)
    known = [index for index, value in enumerate(present) if value is not None]
    return Facts(
        [table.ts[index] for index in known],
        {name: [values[index] for index in known] for name, values in columns.items()},
    )


def _saturated(value: int) -> int:
    """What a block can hold: no interface moves as much in five minutes, but one may say it did."""
    return min(value, INT64 - 1)
