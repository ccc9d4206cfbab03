"""Filters on nodes, with names."""

from typing import TYPE_CHECKING, Self

from apps.workspaces.querysets import TenantQuerySet

if TYPE_CHECKING:
    from apps.nodes.models import Node  # noqa: F401  # named in the generic below


class NodeQuerySet(TenantQuerySet["Node"]):
    def live(self) -> Self:
        """Nodes that nobody has deleted."""
        return self.filter(retired_at__isnull=True)

    def in_order(self) -> Self:
        """As people arranged them: the highest rank first."""
        return self.order_by("-rank", "name", "number")

    def with_parts(self) -> Self:
        """Tags and groups, in a fixed number of statements for any number of nodes."""
        return self.prefetch_related("tag_links__tag", "groups")
