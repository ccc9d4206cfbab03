"""Statements of the schedule that the ORM has no words for; the same text on SQLite and on PostgreSQL."""

import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connections, router

from apps.checks.models import CheckBatch, ShardCursor
from apps.common.clock import epoch_ms
from apps.common.fields import unpack_longs
from apps.devices.models import SHARDS


class Taken(NamedTuple):
    """A batch as it is after its lease was taken."""

    id: int
    token: uuid.UUID
    until: datetime
    attempt: int
    device_ids: tuple[int, ...]
    slots: tuple[int, ...]


# The oldest batch that nobody holds. A lease with twice its length ahead came of a wrong clock, and so did a slot
# ahead of now, which is not run early. One pump at a time works on a crowded host: whoever holds all its older
# batches. Of two that ask at once the lock on the oldest chooses. The lists stay as they are: writing them again would
# be most of what a lease costs.
_LEASE = """
    UPDATE checks_checkbatch SET owner = %(owner)s, token = %(token)s, lease_until = %(until)s, attempt = attempt + 1
    WHERE id = (
        SELECT id FROM checks_checkbatch free
        WHERE first_slot <= %(now_ms)s
        AND (lease_until IS NULL OR lease_until <= %(now)s OR lease_until > %(absurd)s)
        AND (shard < %(shards)s OR NOT EXISTS (
            SELECT 1 FROM checks_checkbatch older WHERE older.shard = free.shard AND older.id < free.id
            AND (older.owner <> %(owner)s OR older.lease_until IS NULL OR older.lease_until <= %(now)s)
        ))
        ORDER BY first_slot, id LIMIT 1 {lock}
    )
    RETURNING id, attempt, device_ids, slots
"""
# Asked twice a second by every ticker that has nothing to do.
_IS_AT_REST = """
    SELECT NOT EXISTS (SELECT 1 FROM devices_device WHERE enabled)
    AND (SELECT count(*) FROM checks_shardcursor WHERE cursor_ms BETWEEN %s AND %s) = %s
"""


def is_at_rest(*, from_ms: int, to_ms: int) -> bool:
    """Whether nobody wants a check, and the cursors of all shards are in that stretch of time (both ends included)."""
    with connections[router.db_for_write(ShardCursor)].cursor() as cursor:
        cursor.execute(_IS_AT_REST, [from_ms, to_ms, SHARDS])
        return bool(cursor.fetchone()[0])


def lease_oldest(*, owner: str, now: datetime, lasting: timedelta) -> Taken | None:
    """Put the oldest batch that nobody holds under a lease of `owner`; None when there is none."""
    connection = connections[router.db_for_write(CheckBatch)]
    token, until = uuid.uuid4(), now + lasting
    instant = connection.ops.adapt_datetimefield_value
    parameters = {
        "owner": owner,
        # SQLite has no type for it and keeps its digits.
        "token": token if connection.features.has_native_uuid_field else token.hex,
        "until": instant(until),
        "now": instant(now),
        "absurd": instant(now + 2 * lasting),
        "now_ms": epoch_ms(now),
        "shards": SHARDS,
    }
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    with connection.cursor() as cursor:
        cursor.execute(_LEASE.format(lock=lock), parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    batch_id, attempt, device_ids, slots = row
    return Taken(batch_id, token, until, attempt, unpack_longs(device_ids), unpack_longs(slots))
