"""Many devices named in one body; those nobody knows are reported, not fatal (contract 7 and 8)."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from apps.api.dashmon.serializers.fields import Texts
from apps.common.ids import parse_uuid
from apps.devices.models import Device
from apps.devices.selectors import devices_of
from apps.workspaces.models import Workspace
from apps.workspaces.permissions import Actor

MOST = 500


class DeviceIds(serializers.Serializer[Any]):
    deviceIds = Texts(
        max_length=MOST,
        error_messages={"max_length": f"At most {MOST} devices.", "not_a_list": "A list of device ids."},
    )


class BulkAnswer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField(required=False)
    notFound = serializers.ListField(child=serializers.CharField())


def selected(workspace: Workspace, actor: Actor, ids: Sequence[str]) -> tuple[list[Device], list[str]]:
    """The devices of these ids within the actor's scope, and the ids that name none, in the given order."""
    keys = {text: parse_uuid(text) for text in ids}
    rows = devices_of(workspace, projects=actor.projects).filter(public_id__in={key for key in keys.values() if key})
    found = {device.public_id: device for device in rows}
    unknown = [text for text, key in keys.items() if key not in found]
    return list(found.values()), unknown
