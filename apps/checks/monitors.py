"""Devices as their checks need them, read again only when their row is another one than before.

Most monitors are configured as they were at the last check. PostgreSQL tells one version of a row from every other
(which transaction wrote it, and where it lies), whoever changed it and by whatever statement; so a batch asks for that,
and for the configuration of what is new. SQLite has no such thing, and reading there costs no journey.
"""

from collections.abc import Collection
from functools import partial

from django.db import connections, router
from django.db.models import TextField
from django.db.models.functions import Cast

from apps.checks.plans import Monitor
from apps.common.among import Among
from apps.common.arrays import array_of_integers
from apps.common.remembered import TARGETS_KEPT
from apps.devices.models import Device
from apps.workspaces.selectors import closed_workspaces

_COLUMNS = (*Monitor._fields[:-2], "synthetic_text", "dns_text")
_AS_TEXT = partial(Cast, output_field=TextField())
# Closed workspaces have no enabled ones, but for what was being written when they were closed.
_VERSIONS = """
    SELECT id, xmin::text || ctid::text FROM devices_device WHERE id = ANY(%s::bigint[]) AND enabled
    AND workspace_id NOT IN (SELECT id FROM workspaces_workspace WHERE closed_at IS NOT NULL)
"""

_kept: dict[int, tuple[str, Monitor]] = {}


def enabled_monitors(device_ids: Collection[int]) -> dict[int, Monitor]:
    """Enabled devices of open workspaces by key."""
    connection = connections[router.db_for_read(Device)]
    if connection.vendor != "postgresql":
        return _read(device_ids)
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, [array_of_integers(device_ids)])
        versions: dict[int, str] = dict(cursor.fetchall())
    found: dict[int, Monitor] = {}
    changed: list[int] = []
    for device_id, version in versions.items():
        known = _kept.get(device_id)
        if known is not None and known[0] == version:
            found[device_id] = known[1]
        else:
            changed.append(device_id)
    if changed:
        # Read after their versions: what is written in between makes the next look read again.
        found |= _remembered(_read(changed), versions)
    return found


def _remembered(read: dict[int, Monitor], versions: dict[int, str]) -> dict[int, Monitor]:
    if len(_kept) + len(read) > TARGETS_KEPT:
        _kept.clear()
    _kept.update({device_id: (versions[device_id], monitor) for device_id, monitor in read.items()})
    return read


def _read(device_ids: Collection[int]) -> dict[int, Monitor]:
    """Documents are read as text: what they say is known by it."""
    wanted = Device.objects.filter(Among("pk", set(device_ids)), enabled=True)
    wanted = wanted.exclude(workspace__in=closed_workspaces())
    rows = wanted.annotate(synthetic_text=_AS_TEXT("synthetic"), dns_text=_AS_TEXT("dns")).values_list(*_COLUMNS)
    return {row[0]: Monitor._make(row) for row in rows}
