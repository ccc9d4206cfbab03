"""Rows to stand on: a workspace with one project, and devices placed where a test wants them."""

from datetime import datetime
from typing import Any

from apps.accounts.models import User
from apps.devices.models import Device, DeviceState
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from apps.workspaces.services import create_workspace, next_number


def make_project(*, now: datetime, name: str = "acme") -> Project:
    owner = User.objects.create_user(email=f"owner@{name}.example", password=None)
    workspace = create_workspace(owner=owner, name=name, now=now, plan=Workspace.Plan.PREMIUM)
    return Project.objects.create(workspace=workspace, key="main", name="Main", created_at=now, updated_at=now)


def make_device(project: Project, *, now: datetime, **fields: Any) -> Device:
    """A device made at `now`; phase 0 and shard 0 unless said otherwise."""
    number = next_number(workspace_id=project.workspace_id, kind="device")
    values: dict[str, Any] = {
        "name": f"device {number}",
        "kind": Device.Kind.HTTP,
        "label": "http",
        # Each on a host of its own.
        "url": f"http://127.0.{number // 250}.{1 + number % 250}:9/",
        "interval_s": 60,
        "phase_ms": 0,
        "shard": 0,
        "created_at": now,
        "updated_at": now,
    }
    device = Device.objects.create(
        workspace_id=project.workspace_id, project=project, number=number, **(values | fields)
    )
    DeviceState.objects.create(workspace_id=project.workspace_id, device=device, since=now)
    return device


def make_heartbeat(project: Project, *, now: datetime, **config: Any) -> Device:
    document = {"mode": "interval", "intervalSeconds": 3600, "graceSeconds": 300} | config
    return make_device(
        project, now=now, kind=Device.Kind.HEARTBEAT, label="heartbeat", url="", enabled=False, heartbeat=document
    )
