"""How much the store holds, for the operator."""

from typing import Any

from django.db import connections, router
from django.db.models import Count, Sum
from django.db.models.functions import Length
from django.db.utils import OperationalError

from apps.metrics.models import Block, DayTotals, DirtyWindow, HeadRow, HeartbeatPing, LatestRow, Source
from apps.metrics.types import TableSize

_PAYLOADS: tuple[tuple[Any, str | None], ...] = (
    (Source, None),
    (HeadRow, "payload"),
    (LatestRow, "payload"),
    (DirtyWindow, None),
    (DayTotals, "sketch"),
    (HeartbeatPing, "body"),
)


def storage_sizes() -> list[TableSize]:
    """Rows and payload bytes of every table of the store, ts_block tier by tier. Reads every row: keep the answer."""
    sizes = [_plain(model, payload) for model, payload in _PAYLOADS]
    table = Block._meta.db_table  # noqa: SLF001  # Django's documented way to a model's table
    disk = _disk_bytes(table)
    tiers = Block.objects.values_list("tier").order_by("tier").annotate(rows=Count("pk"), size=Sum(Length("payload")))
    sizes += [TableSize(table, tier, rows, size, disk) for tier, rows, size in tiers]
    return sizes


def _plain(model: Any, payload: str | None) -> TableSize:
    rows = model.objects.count()
    total = model.objects.aggregate(total=Sum(Length(payload)))["total"] if payload else None
    table = model._meta.db_table  # noqa: SLF001  # Django's documented way to a model's table
    return TableSize(table, None, rows, total or 0, _disk_bytes(table))


def _disk_bytes(table: str) -> int | None:
    """The table with its indexes on disk; None where the database cannot tell."""
    connection = connections[router.db_for_read(Block)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [table])
        else:
            try:
                cursor.execute(
                    "SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = %s)",
                    [table],
                )
            except OperationalError:
                # Some builds of SQLite leave the dbstat table out.
                return None
        (size,) = cursor.fetchone()
    return None if size is None else int(size)
