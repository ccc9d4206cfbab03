"""What names an installation to agents: each workspace is one of its own."""

import secrets

from apps.workspaces.models import Workspace
from apps.workspaces.surfaces import draw_once

SURFACE = "dash"
SIZE = 16  # bytes


def draw_install_id(*, workspace: Workspace) -> tuple[str, bool]:
    """The workspace's install id, and whether this call made it: an agent takes equal ids for the same target."""
    return draw_once(
        workspace=workspace, surface=SURFACE, name="install_id", make=lambda: f"server_{secrets.token_hex(SIZE)}"
    )
