"""The same said about many nodes at once, all of it or nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.common.errors import NotFoundError
from apps.nodes.models import Node
from apps.nodes.selectors import nodes_by_number, tags_of
from apps.nodes.services.nodes import Changes, update_node
from apps.nodes.tags import clean_tags
from apps.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Shift:
    """What becomes alike about many nodes; each keeps its other groups and tags. Groups are numbers."""

    join: int | None = None
    leave: int | None = None
    add_tags: Sequence[str] = ()
    drop_tags: Sequence[str] = ()
    public: bool | None = None

    def changes_of(self, node: Node) -> Changes:
        """What is new about one node; nothing is said of what it has already."""
        groups = {group.number for group in node.groups.all()}
        wanted = (groups if self.join is None else groups | {self.join}) - {self.leave}
        tags = tags_of(node)
        worn = [tag for tag in dict.fromkeys((*tags, *clean_tags(list(self.add_tags)))) if tag not in self.drop_tags]
        return Changes(
            groups=sorted(wanted) if wanted != groups else None,
            tags=worn if tuple(worn) != tags else None,
            public=self.public if self.public != node.public else None,
        )


@transaction.atomic
def shift_nodes(
    *,
    workspace: Workspace,
    numbers: Sequence[int],
    shift: Shift,
    projects: Collection[int] | None = None,
    actor: str,
    now: datetime,
) -> int:
    """Change these nodes alike and answer how many were not so already; each of those has its entry in the trail.

    Raises NotFoundError when one is gone, foreign or out of reach, InvalidInputError (`tags`, `groups`).
    """
    # One order for every writer. What each has by now is read under the lock: two people may shift the same nodes.
    list(Node.objects.of(workspace).filter(number__in=numbers).select_for_update().order_by("pk").values_list("pk"))
    nodes = nodes_by_number(workspace, numbers, projects=projects)
    if len(nodes) != len(numbers):
        raise NotFoundError("Some of these nodes are not there any more.")
    changes = [(node, shift.changes_of(node)) for node in nodes]
    fresh = [(node, change) for node, change in changes if change.said]
    for node, change in fresh:
        update_node(node=node, changes=change, actor=actor, now=now)
    return len(fresh)
