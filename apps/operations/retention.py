"""How long the story of a workspace is kept: as its plan says (contract Dashmon 2)."""

from datetime import datetime, timedelta

from apps.incidents.retention import prune_incidents
from apps.notifications.retention import prune_deliveries
from apps.workspaces.models import Workspace
from apps.workspaces.usage import limits_in_force

BATCH = 500


def prune_stories(*, now: datetime, limit: int = BATCH) -> int:
    """Delete incidents and deliveries that are older than their workspace keeps them; how many rows went.

    At most `limit` of each for each workspace, in transactions of their own: safe to stop and to run twice.
    """
    gone = 0
    for workspace in Workspace.objects.order_by("pk").iterator():
        days = limits_in_force(workspace, now=now)["incidentDays"]
        if days is not None:
            before = now - timedelta(days=days)
            gone += prune_deliveries(workspace=workspace, before=before, limit=limit)
            gone += prune_incidents(workspace=workspace, before=before, limit=limit)
    return gone
