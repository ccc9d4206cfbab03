"""A project's routing (contract Dashmon 9.1): quiet hours, on-call, escalation and the channels they speak through."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.fields import Text
from apps.api.dashmon.views.base import ApiView
from apps.notifications.kinds import ChannelKind
from apps.notifications.services import alert_settings, check_alert_settings, queue_test, set_alert_settings


class SettingsBody(serializers.Serializer[Any]):
    """Any part of the settings; what is absent takes its default. A wrapping `settings` is accepted."""

    enabled = serializers.BooleanField(required=False)
    timezone = serializers.CharField(required=False)
    notifyOn = serializers.ListField(child=serializers.CharField(), required=False)
    openAfterSeconds = serializers.IntegerField(required=False)
    quietHours = serializers.DictField(required=False)
    channels = serializers.ListField(child=serializers.DictField(), required=False)
    onCall = serializers.ListField(child=serializers.DictField(), required=False)
    escalation = serializers.DictField(required=False)


class TestBody(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(choices=[kind.value for kind in ChannelKind])
    channelId = Text(required=False, allow_null=True, max_length=64)


class AlertSettingsView(ApiView):
    """Who hears of a project's incidents, and when."""

    @described(
        "The routing of a project",
        answer=wrapped("AlertSettings", projectId=serializers.CharField(), settings=SettingsBody()),
    )
    def get(self, _: Request, project_id: str) -> Response:
        project = self.project(project_id)
        settings = alert_settings(project, reveal="secrets.read" in self.actor.permissions)
        return Response({"projectId": project.key, "settings": settings})

    @described(
        "Replace the routing of a project",
        body=SettingsBody,
        answer=wrapped("AlertSettingsSaved", ok=serializers.BooleanField(), settings=SettingsBody()),
        also={400: "Every fault by its path in `details.fields`, or `plan_limit_reached`."},
    )
    def put(self, _: Request, project_id: str) -> Response:
        body = self.body()
        document = body["settings"] if isinstance(body, dict) and set(body) == {"settings"} else body
        # What is wrong in itself is said before whether there is such a project (contract 1.3).
        check_alert_settings(document)
        project = self.project(project_id)
        saved = set_alert_settings(project=project, document=document, actor=self.actor.label, now=self.now)
        return Response({"ok": True, "settings": saved})


class AlertSettingsTestView(ApiView):
    """A test message through one of the channels."""

    @described(
        "Queue a test message",
        body=TestBody,
        answer=wrapped(
            "TestMessageQueued",
            ok=serializers.BooleanField(),
            queued=serializers.BooleanField(),
            deliveryId=serializers.CharField(),
        ),
        status=202,
        also={404: "Unknown project or `channelId`."},
    )
    def post(self, _: Request, project_id: str) -> Response:
        body = self.read(TestBody)
        project = self.project(project_id)
        delivery = queue_test(
            project=project,
            kind=body["channel"],
            key=body.get("channelId"),
            fallback_email=self.credential.email,
            now=self.now,
        )
        return Response({"ok": True, "queued": True, "deliveryId": delivery.wire_id}, status=202)
