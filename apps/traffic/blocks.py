"""Facts as blocks of the metrics store: one UTC day of one source, every interface in columns of its own."""

from collections.abc import Collection, Iterable

from apps.metrics.codec import Table, decode, encode
from apps.metrics.models import Block
from apps.metrics.packing import INT64
from apps.metrics.tiers import DAY, FACTS, days_between
from apps.traffic.facts import COLUMNS, Fact, Facts

WIDTH = 32  # columns set aside for an interface
MAX_INTERFACES = 2**16 // WIDTH - 1

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


def stored_facts(workspace_id: int, source_id: int, number: int, start_ms: int, end_ms: int) -> Facts:
    """The stored facts of one interface in [start, end)."""
    keys = set(keys_of(number).values())
    found = Facts()
    for payload in stored_days(workspace_id, source_id, days_between(start_ms, end_ms)).values():
        found += _facts_in(decode(payload, keys), number)
    return found.between(start_ms, end_ms)


def by_day(facts: Iterable[Fact]) -> dict[int, list[Fact]]:
    """Facts by the UTC day they lie in."""
    days: dict[int, list[Fact]] = {}
    for fact in facts:
        days.setdefault(fact.bucket_ms // DAY * DAY, []).append(fact)
    return days


def _facts_in(table: Table, number: int) -> Facts:
    keys = keys_of(number)
    covered = table.column(keys["covered_ms"])
    if None not in covered:
        return Facts(table.ts, {name: table.column(key) for name, key in keys.items()})
    known = [index for index, value in enumerate(covered) if value is not None]
    columns = {name: table.column(key) for name, key in keys.items()}
    return Facts(
        [table.ts[index] for index in known],
        {name: [values[index] for index in known] for name, values in columns.items()},
    )


def _saturated(value: int) -> int:
    """What a block can hold: no interface moves as much in five minutes, but one may say it did."""
    return min(value, INT64 - 1)
