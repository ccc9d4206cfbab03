"""Sizes of tables: measured now and then, never on demand."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.metrics.models import Block
from apps.operations import storage
from apps.operations.models import StorageSize
from apps.operations.storage import EVERY, KEPT, database_size, database_version, measure_storage, stored

pytestmark = pytest.mark.django_db


def blocks(*tiers: int) -> None:
    Block.objects.bulk_create(
        [
            Block(workspace_id=1, source_id=number, tier=tier, t0=0, n=1, payload=b"x")
            for number, tier in enumerate(tiers)
        ]
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE ts_block")


def test_before_the_first_measurement_nothing_is_claimed(now) -> None:
    assert stored(now) == storage.Storage(None, [])


def test_rows_are_known_by_table_and_tier(now) -> None:
    blocks(0, 0, 0, 0, 1, 1)

    assert measure_storage(now=now)

    found = {(one.table, one.tier): one for one in stored(now).sizes}
    assert (found["ts_block", 0].rows, found["ts_block", 1].rows, found["ts_block", None].rows) == (4, 2, 6)
    assert {"accounts_user", "ts_head", "checks_checkbatch"} <= {table for table, _ in found}
    whole, raw = found["ts_block", None].size, found["ts_block", 0].size
    assert whole is None or raw == whole * 4 // 6
    assert found["ts_block", None].growth is None


def test_it_measures_again_only_after_some_hours(now) -> None:
    assert measure_storage(now=now)
    assert not measure_storage(now=now + EVERY - timedelta(seconds=1))
    assert measure_storage(now=now + EVERY)

    assert stored(now + EVERY).measured_at == now + EVERY


def test_growth_is_told_by_the_day(now) -> None:
    for days, size in ((8, 1), (6, 100), (0, 700)):
        StorageSize.objects.create(measured_at=now - timedelta(days=days), table="ts_block", rows=1, size=size)

    (one,) = stored(now).sizes

    assert (one.size, one.growth) == (700, 100)


def test_old_measurements_go(now) -> None:
    StorageSize.objects.create(measured_at=now - KEPT - timedelta(seconds=1), table="ts_block", rows=1, size=1)

    measure_storage(now=now)

    assert StorageSize.objects.filter(measured_at__lt=now).count() == 0


def test_the_database_has_a_size_and_a_name() -> None:
    assert (database_size() or 0) > 10_000
    assert database_version().split()[0] == ("PostgreSQL" if connection.vendor == "postgresql" else "SQLite")


def test_a_sqlite_that_tells_no_sizes_still_counts(now, monkeypatch) -> None:
    monkeypatch.setattr(storage, "SQLITE_SIZES", "SELECT * FROM no_such_table")
    blocks(0, 0)

    measure_storage(now=now)

    found = {(one.table, one.tier): one for one in stored(now).sizes}
    assert found["ts_block", 0].rows == 2
    assert (found["ts_block", 0].size is None) is (connection.vendor == "sqlite")
