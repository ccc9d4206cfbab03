"""A workspace with an owner, a project and devices, and changes that befall them."""

from datetime import UTC, datetime, timedelta

from apps.accounts.models import User
from apps.alerts.services import ensure_builtin_rules, evaluate
from apps.devices.models import Device
from apps.devices.types import Change, StateName
from apps.incidents import services
from apps.incidents.models import Incident
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from apps.workspaces.services import create_workspace

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """So many minutes after the scene began."""
    return T0 + timedelta(minutes=count)


def make_workspace(name: str = "acme") -> Workspace:
    owner = User.objects.create_user(email=f"owner@{name}.example")
    workspace = create_workspace(owner=owner, name=name, now=T0)
    ensure_builtin_rules(workspace=workspace)
    return workspace


def make_device(workspace: Workspace, name: str = "Till 1", *, severity: str = "") -> Device:
    project = Project.objects.of(workspace).filter(key="berlin-01").first() or Project.objects.create(
        workspace=workspace, key="berlin-01", name="Berlin branch", created_at=T0, updated_at=T0
    )
    device: Device = Device.objects.create(
        workspace=workspace,
        number=Device.objects.of(workspace).count() + 1,
        project=project,
        name=name,
        kind="http",
        label="posserver",
        severity=severity,
        phase_ms=0,
        shard=0,
        created_at=T0,
        updated_at=T0,
    )
    return device


def change(
    device: Device,
    before: StateName,
    after: StateName,
    at: datetime = T0,
    *,
    in_maintenance: bool = False,
    severity: str = "",
) -> Change:
    trouble = after in {"down", "warning"}
    return Change(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        at=at,
        before=before,
        after=after,
        cause="refused" if trouble else "",
        cause_text="connection refused" if trouble else "",
        severity=severity,
        in_maintenance=in_maintenance,
    )


def tell(*changes: Change) -> list[Incident]:
    """What the pipeline does with changes."""
    return services.apply(verdicts=evaluate(changes=changes), now=max(change.at for change in changes))


def go_down(device: Device, at: datetime = T0) -> Incident:
    return tell(change(device, "up", "down", at))[0]
