"""Every write about nodes: nodes themselves, their groups, and what agents say about them."""

from apps.nodes.services.groups import check_group, create_group, delete_group, ensure_default_group, update_group
from apps.nodes.services.heard import note_reports, save_static
from apps.nodes.services.identity import draw_install_id
from apps.nodes.services.many import Shift, shift_nodes
from apps.nodes.services.nodes import (
    Changes,
    create_node,
    drop_node,
    move_node,
    retire_node,
    rotate_secret,
    set_order,
    set_p95,
    update_node,
    want_version,
)

__all__ = [
    "Changes",
    "Shift",
    "check_group",
    "create_group",
    "create_node",
    "delete_group",
    "draw_install_id",
    "drop_node",
    "ensure_default_group",
    "move_node",
    "note_reports",
    "retire_node",
    "rotate_secret",
    "save_static",
    "set_order",
    "set_p95",
    "shift_nodes",
    "update_group",
    "update_node",
    "want_version",
]
