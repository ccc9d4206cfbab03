"""Writes about monitors that span apps: what a change of a device, a heartbeat or a project takes with it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.errors import InvalidInputError
from apps.devices.heartbeat_config import wants_new_token
from apps.devices.models import Device
from apps.devices.services import Options, renew_heartbeat_token, set_heartbeat_config, update_device
from apps.devices.targets import Description
from apps.pipeline.heartbeats import rearm_heartbeat
from apps.pipeline.lifecycle import forget, set_paused
from apps.projects.models import Project


@transaction.atomic
def update_monitor(*, device: Device, description: Description, options: Options, now: datetime) -> Device:
    """Replace what a device points at; pausing and resuming go through the pipeline, which owns its state."""
    device = update_device(device=device, description=description, options=replace(options, paused=None), now=now)
    if options.paused is not None and options.paused != device.paused:
        device = set_paused(device=device, paused=options.paused, now=now)
    return device


@transaction.atomic
def configure_heartbeat(*, device: Device, document: Any, now: datetime) -> dict[str, Any]:
    """Store when a job is expected, re-arm its deadline and, when asked to, replace its token (contract Dashmon 6.3).

    Raises UnsupportedError for other types and InvalidInputError with every bad field; nothing is changed then.
    """
    if not isinstance(document, Mapping):
        raise InvalidInputError("The configuration must be an object.")
    config = set_heartbeat_config(device=device, document=document, now=now)
    if wants_new_token(document):
        renew_heartbeat_token(device=device, now=now)
    rearm_heartbeat(device=device, now=now)
    return config


@transaction.atomic
def delete_project(*, project: Project, now: datetime) -> None:
    """Remove a project with its devices, their history, incidents' links, keys and windows."""
    for device in Device.objects.of(project.workspace_id).filter(project=project).order_by("pk"):
        forget(ref=device.ref, now=now)
    project.delete()
