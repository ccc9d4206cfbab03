"""Devices made and changed in one line."""

from datetime import timedelta
from typing import Any

from apps.devices import services
from apps.devices.models import Device
from apps.devices.services import Options
from apps.devices.targets import Description, kind_of
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from tests.factories import NOW

LATER = NOW + timedelta(hours=1)


def described(label: str = "http", name: str = "Till 1") -> Description:
    host = "" if label in {"dns", "heartbeat", "agent"} else "10.0.0.7"
    return Description(name, kind_of(label), label, host, None, "", None)


def create(project: Project, label: str = "http", **options: Any) -> Device:
    return services.create_device(project=project, description=described(label), options=Options(**options), now=NOW)


def update(device: Device, label: str = "http", **options: Any) -> Device:
    return services.update_device(device=device, description=described(label), options=Options(**options), now=LATER)


def set_plan(workspace: Workspace, plan: str) -> Workspace:
    Workspace.objects.filter(pk=workspace.pk).update(plan=plan)
    return Workspace.objects.get(pk=workspace.pk)
