"""Tags (contract Dashmon 7)."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.devices import TagsAnswer
from apps.api.dashmon.serializers.fields import Choice, Texts
from apps.api.dashmon.serializers.selection import BulkAnswer, DeviceIds, selected
from apps.api.dashmon.views.base import ApiView
from apps.devices.services import retag, set_tags
from apps.projects.tags import clean_tags, tag_counts


class TagCountAnswer(serializers.Serializer[Any]):
    tag = serializers.CharField()
    count = serializers.IntegerField()


class TagsBody(serializers.Serializer[Any]):
    tags = Texts()


class BulkTagsBody(DeviceIds):
    mode = Choice(choices=["add", "remove", "replace"])
    tags = Texts()


class TagsView(ApiView):
    """The tags in use."""

    @described("Tags in use, most used first", answer=wrapped("TagCounts", tags=TagCountAnswer(many=True)))
    def get(self, _: Request) -> Response:
        counts = tag_counts(workspace=self.workspace, projects=self.actor.projects)
        return Response({"tags": [{"tag": tag, "count": count} for tag, count in counts]})


class DeviceTagsView(ApiView):
    """The tags of one device."""

    @described("Replace the tags of a device", body=TagsBody, answer=TagsAnswer)
    def put(self, _: Request, device_id: str) -> Response:
        tags = clean_tags(self.read(TagsBody)["tags"])
        with transaction.atomic():
            device = self.device(device_id)
            set_tags(device=device, tags=tags, now=self.now)
            self.audit("device.tags", device.name, {"tags": tags})
        return Response({"ok": True, "deviceId": str(device.public_id), "tags": tags})


class BulkTagsView(ApiView):
    """The tags of many devices at once."""

    @described("Add, remove or replace tags of many devices", body=BulkTagsBody, answer=BulkAnswer)
    def post(self, _: Request) -> Response:
        body = self.read(BulkTagsBody)
        tags = clean_tags(body["tags"])
        with transaction.atomic():
            devices, unknown = selected(self.workspace, self.actor, body["deviceIds"])
            updated, unchanged = retag(devices=devices, mode=body["mode"], tags=tags, now=self.now)
            self.audit("device.tags.bulk", f"{len(devices)} devices", {"mode": body["mode"], "tags": tags})
        return Response({"ok": True, "updated": updated, "unchanged": unchanged, "notFound": unknown})
