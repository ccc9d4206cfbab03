"""An event with everything a message may want to say about it."""

from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications.messages import News
from apps.workspaces.models import Workspace


def news_of(event: IncidentEvent) -> News:
    """The event with its workspace, its incident and its device, which may be gone by now."""
    device = None
    if event.subject_kind == "device":
        rows = Device.objects.of(event.workspace_id).select_related("project")
        device = rows.filter(pk=event.subject_id).first()
    workspace = Workspace.objects.get(pk=event.workspace_id)
    return News(workspace=workspace, event=event, incident=event.incident, device=device)
