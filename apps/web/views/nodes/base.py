"""What every page about one node begins with."""

from typing import Any

from apps.common.errors import ForbiddenError, NotFoundError
from apps.nodes.models import Node
from apps.nodes.selectors import listed, node_by_number
from apps.nodes.types import NodePicture
from apps.pipeline.pictures import pictures
from apps.web.access import WorkspacePage
from apps.web.node_limits import limits_of
from apps.web.node_query import standings_of
from apps.web.presenters import nodes as presenter


class NodePage(WorkspacePage):
    """A node by its number, within reach or not there."""

    section = "nodes"
    permission = "devices.read"
    write_permission = "devices.write"

    def node(self, number: str) -> Node:
        if not number.isdecimal() or len(number) > 9:
            raise NotFoundError("Node not found")
        return node_by_number(self.workspace, int(number), projects=self.actor.projects)

    def home(self, node: Node) -> str:
        return self.address("node", node.number)

    def picture(self, node: Node) -> NodePicture | None:
        return next(iter(pictures(workspace_id=self.workspace.pk, nodes=[listed(node)])), None)

    def heading(self, node: Node, picture: NodePicture | None) -> dict[str, Any]:
        """What the head of every tab shows."""
        standing = standings_of(self.workspace, [node], now=self.now)[node.pk]
        return {
            "node": node,
            "row": presenter.row(
                node, standing, picture, limits=limits_of([node], now=self.now)[node.pk], now=self.now
            ),
            "standing": standing,
        }

    def ensure_whole_workspace(self) -> None:
        """What nodes of every project share is not changed from within one."""
        if self.actor.projects is not None:
            raise ForbiddenError("Groups belong to the whole workspace, and your seat reaches some of its projects.")
