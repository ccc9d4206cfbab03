"""What a person prefers (contract Dashmon 13). The time zone is for display; the API speaks UTC."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.services import NO_ZONE, set_timezone
from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.fields import Text
from apps.api.dashmon.views.base import ApiView


class Preferences(serializers.Serializer[Any]):
    timezone = serializers.CharField(allow_null=True)


class TimezoneBody(serializers.Serializer[Any]):
    timezone = Text(
        allow_null=True, allow_blank=True, required=False, error_messages={"invalid": NO_ZONE, "unstorable": NO_ZONE}
    )


PreferencesAnswer = wrapped("PreferencesEnvelope", preferences=Preferences())


class PreferencesView(ApiView):
    @described("The caller's preferences", answer=PreferencesAnswer)
    def get(self, _: Request) -> Response:
        return Response({"preferences": {"timezone": self.credential.user.timezone or None}})


class TimezoneView(ApiView):
    @described("Set or clear the time zone", body=TimezoneBody, answer=PreferencesAnswer, also={400: f"`{NO_ZONE}`"})
    def put(self, _: Request) -> Response:
        name = self.read(TimezoneBody).get("timezone") or ""
        with transaction.atomic():
            set_timezone(user=self.credential.user, name=name)
            self.audit("preferences.timezone", self.credential.user.email, {"timezone": name or None})
        return Response({"preferences": {"timezone": name or None}})
