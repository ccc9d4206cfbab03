"""Monitors of one host that are scheduled together (design: docs/architecture.md, checks)."""

from collections.abc import Collection

from django.db.models import F
from django.db.models.functions import Mod

from apps.devices.models import SHARDS, Device


def gather(*, workspace_id: int, device_ids: Collection[int], crowd: int) -> int:
    """Put devices into a crowd; answers how many were not in one.

    The cursor that hands out a device's slots stays the same (`shard` modulo SHARDS), so no slot is lost or doubled.
    Editing a device puts it back among the others.
    """
    devices = Device.objects.of(workspace_id).filter(pk__in=device_ids, shard__lt=SHARDS)
    return devices.update(shard=Mod(F("shard"), SHARDS) + SHARDS * crowd)
