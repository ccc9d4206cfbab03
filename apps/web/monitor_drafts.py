"""Turning a monitor's form into rows, or into a check that is tried before anything is saved."""

from datetime import datetime
from typing import Any

from django.db import transaction

from apps.checks.models import CheckRequest
from apps.checks.services import request_check, request_draft
from apps.common.errors import NotFoundError
from apps.devices import dns_config, services, synthetic
from apps.devices.models import Device
from apps.devices.services import Options
from apps.devices.targets import NOT_PROBED, describe
from apps.operations.moves import move_monitor
from apps.pipeline.heartbeats import rearm_heartbeat
from apps.projects.models import Project
from apps.projects.services import create_project
from apps.web.forms.monitors import MonitorForm
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.permissions import Actor, ensure

FIRST_PROJECT = "Monitors"
MISSING = "Name and target are required."


def project_of(*, workspace: Workspace, key: str, actor: Actor, now: datetime) -> Project:
    """The chosen project; the first one is made along with the first monitor, so that nobody has to know of it.

    NotFoundError when it is not within reach.
    """
    projects = Project.objects.of(workspace)
    if not key and not projects.exists():
        ensure(actor, "projects.create")
        return create_project(workspace=workspace, name=FIRST_PROJECT, now=now, is_default=True)
    project: Project | None = projects.filter(key=key).first()
    if project is None or not actor.reaches(project.pk):
        raise NotFoundError("There is no such project.")
    return project


@transaction.atomic
def create(*, form: MonitorForm, workspace: Workspace, actor: Actor, seat: Membership, now: datetime) -> Device:
    """A new monitor with everything its form says; its first check is asked for at once."""
    described = describe(**form.described(), missing=MISSING)
    project = project_of(workspace=workspace, key=form.cleaned_data["project"], actor=actor, now=now)
    device = services.create_device(project=project, description=described, options=_options(form), owner=seat, now=now)
    _write_documents(form, device, now=now)
    if device.kind not in NOT_PROBED:
        request_check(device=device, now=now)
    return device


@transaction.atomic
def update(*, form: MonitorForm, device: Device, actor: Actor, now: datetime) -> Device:
    """The monitor as its form says it now, in the project its form says; its kind stays."""
    described = describe(**form.described(), missing=MISSING)
    if (key := form.cleaned_data["project"]) != device.project.key:
        project = project_of(workspace=device.workspace, key=key, actor=actor, now=now)
        move_monitor(device=device, project=project, now=now)
    services.update_device(device=device, description=described, options=_options(form), now=now)
    _write_documents(form, device, now=now)
    return device


def _options(form: MonitorForm) -> Options:
    data = form.cleaned_data
    return Options(
        interval_s=data.get("interval_s"),
        retries=data.get("retries"),
        retry_interval_s=data.get("retry_interval_s"),
        severity=data["severity"],
        tags=data["tags"],
    )


def _write_documents(form: MonitorForm, device: Device, *, now: datetime) -> None:
    document = form.synthetic(device.synthetic)
    if document is not None:
        services.set_synthetic(device=device, document=document, now=now)
    if (asked := form.dns()) is not None:
        services.set_dns_config(device=device, document=asked, now=now)
    if (expected := form.heartbeat()) is not None:
        services.set_heartbeat_config(device=device, document=expected, now=now)
        rearm_heartbeat(device=device, now=now)


def try_out(*, form: MonitorForm, workspace: Workspace, stored: Device | None, now: datetime) -> CheckRequest:
    """Check what the form says without saving it; every rule about targets holds here too."""
    described = describe(**form.described(), missing=MISSING)
    document = form.synthetic(stored.synthetic if stored is not None else None)
    asked = form.dns()
    config: dict[str, Any] = {
        "kind": described.kind.value,
        "url": described.url,
        "host": described.host,
        "port": described.port,
        "synthetic": None if document is None else synthetic.normalise(document, kind=described.kind),
        "dns": None if asked is None else dns_config.normalise(asked),
    }
    return request_draft(workspace=workspace, config=config, now=now)
