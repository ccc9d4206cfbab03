"""What people do to many monitors at once: every act writes its trail and answers one sentence about all of them."""

from collections.abc import Callable, Sequence

from apps.common.errors import InvalidInputError
from apps.devices.models import Device
from apps.devices.services import retag
from apps.pipeline.lifecycle import forget, set_paused
from apps.projects.tags import clean_tags
from apps.projects.windows import Target
from apps.web import maintenance
from apps.web.access import WorkspacePage
from apps.web.forms.manage import MaintenanceForm
from apps.web.forms.monitors.base import split
from apps.workspaces.permissions import ensure

NAMED = 5
Devices = Sequence[Device]


def act_on(page: WorkspacePage, act: str, devices: Devices) -> str:
    """Do one of ACTS to all of them; the sentence to show. A DomainError says why nothing may stay done."""
    return ACTS[act](page, devices)


def _pause(page: WorkspacePage, devices: Devices) -> str:
    return _each(page, devices, paused=True)


def _resume(page: WorkspacePage, devices: Devices) -> str:
    return _each(page, devices, paused=False)


def _each(page: WorkspacePage, devices: Devices, *, paused: bool) -> str:
    for device in devices:
        page.audit("device.pause" if paused else "device.resume", device.name)
        set_paused(device=device, paused=paused, now=page.now)
    return f"{len(devices)} {'paused' if paused else 'resumed'}: {_names(devices)}."


def _delete(page: WorkspacePage, devices: Devices) -> str:
    for device in devices:
        page.audit("device.delete", device.name)
        forget(ref=device.ref, now=page.now)
    return f"{len(devices)} deleted: {_names(devices)}."


def _tag(page: WorkspacePage, devices: Devices) -> str:
    return _retag(page, devices, mode="add")


def _untag(page: WorkspacePage, devices: Devices) -> str:
    return _retag(page, devices, mode="remove")


def _retag(page: WorkspacePage, devices: Devices, *, mode: str) -> str:
    words = split(page.request.POST.get("tags", ""))
    try:
        tags = clean_tags(words)
    except InvalidInputError as error:
        fault = next(iter(error.fields.values()), error.message)
        raise InvalidInputError(f"A tag has {fault[0].lower()}{fault[1:]}") from None
    if not tags:
        raise InvalidInputError("Write the tag first.")
    changed, _ = retag(devices=devices, mode=mode, tags=tags, now=page.now)
    page.audit("device.tags.bulk", _count(devices), {"mode": mode, "tags": tags})
    verb = "added to" if mode == "add" else "removed from"
    return f"{', '.join(tags)} {verb} {changed} of {_count(devices)}."


def _silence(page: WorkspacePage, devices: Devices) -> str:
    ensure(page.actor, "maintenance.write")
    form = MaintenanceForm(page.request.POST)
    for device in devices:
        sentence = maintenance.change(page, target=_target(device), subject=device.name, form=form)
        if sentence is None:
            fault = next(iter(form.errors.values()))[0]
            raise InvalidInputError(f"Maintenance was not set: {fault}")
    return f"{len(devices)} in maintenance: {_names(devices)}."


def _end(page: WorkspacePage, devices: Devices) -> str:
    ensure(page.actor, "maintenance.write")
    for device in devices:
        maintenance.end(page, target=_target(device), subject=device.name)
    return f"Maintenance is over for {_names(devices)}."


def _target(device: Device) -> Target:
    return Target(device.workspace_id, ref=device.ref)


def _count(devices: Devices) -> str:
    return f"{len(devices)} monitor{'s' if len(devices) > 1 else ''}"


def _names(devices: Devices) -> str:
    named = ", ".join(device.name for device in devices[:NAMED])
    return f"{named} and more" if len(devices) > NAMED else named


ACTS: dict[str, Callable[[WorkspacePage, Devices], str]] = {
    "pause": _pause,
    "resume": _resume,
    "delete": _delete,
    "tag": _tag,
    "untag": _untag,
    "silence": _silence,
    "end": _end,
}
