"""Filters on devices, with names."""

from typing import TYPE_CHECKING, Self

from django.db.models import F

from apps.workspaces.querysets import TenantQuerySet

if TYPE_CHECKING:
    from apps.devices.models import Device  # noqa: F401  # named in the generic below


class DeviceQuerySet(TenantQuerySet["Device"]):
    def with_phase_in(self, *, shard: int, interval_s: int, start_ms: int, end_ms: int) -> Self:
        """Enabled devices of one shard and interval whose phase lies in [start, end)."""
        window = self.filter(shard=shard, enabled=True, interval_s=interval_s)
        return window.filter(phase_ms__gte=start_ms, phase_ms__lt=end_ms)

    def with_parts(self) -> Self:
        """Everything a list row or a detail answer reads, in three queries."""
        return self.select_related("project", "state").prefetch_related("tags")

    def worst_first(self) -> Self:
        """The state people must see first, and within it the one that has lasted longest."""
        return self.order_by(F("state__rank").desc(), "state__since", "name", "id")
