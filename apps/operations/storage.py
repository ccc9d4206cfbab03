"""How large the database is, table by table: measured every few hours and kept, so that asking costs nothing.

PostgreSQL answers from its own statistics and never counts a row. SQLite counts along its smallest indexes and reads
the first bytes of each page, outside any transaction of the product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Count
from django.db.utils import OperationalError

from apps.metrics.models import Block
from apps.operations.models import StorageSize

EVERY = timedelta(hours=6)
KEPT = timedelta(days=40)
BLOCKS = "ts_block"
TABLES_SHOWN = 400

POSTGRES_TABLES = """
SELECT relname, CASE WHEN reltuples < 0 THEN NULL ELSE reltuples::bigint END, pg_total_relation_size(oid)
FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""
POSTGRES_TIERS = """
SELECT most_common_vals::text::smallint[], most_common_freqs FROM pg_stats
WHERE schemaname = current_schema() AND tablename = 'ts_block' AND attname = 'tier'
"""
SQLITE_SIZES = """
SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name
WHERE d.aggregate = TRUE GROUP BY s.tbl_name
"""


@dataclass(frozen=True, slots=True)
class Size:
    """One table or tier: rows (None: not known), bytes on disk (None: likewise), growth in bytes a day."""

    table: str
    tier: int | None
    rows: int | None
    size: int | None
    growth: float | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """The newest measurement, largest first; `measured_at` is None before the first one."""

    measured_at: datetime | None
    sizes: Sequence[Size]


def measure_storage(*, now: datetime, every: timedelta = EVERY) -> bool:
    """Measure when the newest measurement is older than `every`, and drop what nobody looks at any more."""
    latest = _newest()
    if latest is not None and now - latest < every:
        return False
    sizes = _postgres() if connection.vendor == "postgresql" else _sqlite()
    StorageSize.objects.bulk_create(
        [StorageSize(measured_at=now, table=one.table, tier=one.tier, rows=one.rows, size=one.size) for one in sizes]
    )
    StorageSize.objects.filter(measured_at__lt=now - KEPT).delete()
    return True


def _newest() -> datetime | None:
    at: datetime | None = StorageSize.objects.order_by("-measured_at").values_list("measured_at", flat=True).first()
    return at


def stored(now: datetime) -> Storage:
    """The newest measurement with growth since about a week before it, or since the oldest there is."""
    latest = _newest()
    if latest is None:
        return Storage(None, [])
    earlier = StorageSize.objects.filter(measured_at__gte=min(now, latest) - timedelta(days=7))
    since = earlier.order_by("measured_at").values_list("measured_at", flat=True).first() or latest
    before = {(row.table, row.tier): row.size for row in StorageSize.objects.filter(measured_at=since)[:TABLES_SHOWN]}
    days = (latest - since) / timedelta(days=1)
    rows = StorageSize.objects.filter(measured_at=latest).order_by("table", "tier")[:TABLES_SHOWN]
    sizes = [
        Size(row.table, row.tier, row.rows, row.size, _growth(before.get((row.table, row.tier)), row.size, days))
        for row in rows
    ]
    return Storage(latest, sorted(sizes, key=lambda one: -(one.size or 0)))


def _growth(before: int | None, after: int | None, days: float) -> float | None:
    return None if before is None or after is None or days <= 0 else (after - before) / days


def database_size() -> int | None:
    """Bytes of the whole database on disk, its log included; None when it cannot be told."""
    if connection.vendor == "postgresql":
        return int(_rows("SELECT pg_database_size(current_database())")[0][0])
    path = Path(str(connection.settings_dict["NAME"]))
    files = [path, path.with_name(f"{path.name}-wal")]
    return sum(file.stat().st_size for file in files if file.exists()) or None


def database_version() -> str:
    """`PostgreSQL 15.4` or `SQLite 3.40.1`."""
    if connection.vendor == "postgresql":
        return f"PostgreSQL {_rows('SHOW server_version')[0][0]}"
    return f"SQLite {_rows('SELECT sqlite_version()')[0][0]}"


def _rows(sql: str) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _postgres() -> list[Size]:
    tables = [Size(name, None, rows, size) for name, rows, size in _rows(POSTGRES_TABLES)]
    blocks = next((one for one in tables if one.table == BLOCKS), None)
    shares = _rows(POSTGRES_TIERS)
    if blocks is None or blocks.rows is None or not shares or shares[0][0] is None:
        return tables
    return tables + _tiers({tier: round(share * blocks.rows) for tier, share in zip(*shares[0], strict=True)}, blocks)


def _sqlite() -> list[Size]:
    try:
        sizes: Mapping[str, int] = dict(_rows(SQLITE_SIZES))
    except OperationalError:
        # Some builds of SQLite leave the dbstat table out.
        sizes = {}
    tables = []
    for model in apps.get_models():
        table = model._meta.db_table  # noqa: SLF001  # Django's documented way to a model's table
        tables.append(Size(table, None, model._default_manager.count(), sizes.get(table)))  # noqa: SLF001  # likewise
    blocks = next(one for one in tables if one.table == BLOCKS)
    counts = Block.objects.order_by("tier").values_list("tier").annotate(rows=Count("pk"))
    return tables + _tiers(dict(counts), blocks)


def _tiers(rows: Mapping[int, int], blocks: Size) -> list[Size]:
    """The blocks' size shared out by rows: a tier's own size would have to be read block by block."""
    total = sum(rows.values())
    size = blocks.size
    return [
        Size(BLOCKS, tier, count, None if size is None or not total else size * count // total)
        for tier, count in sorted(rows.items())
    ]
