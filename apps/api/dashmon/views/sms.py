"""The workspace's SMS rule and its test (contract Dashmon 9)."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.views.base import ApiView
from apps.notifications.kinds import ChannelKind
from apps.notifications.services import send_test, set_sms_rule, sms_rule
from apps.notifications.types import SmsRule


class SmsRuleAnswer(serializers.Serializer[SmsRule]):
    """`storeOverrides` is the older name of `projectOverrides`; both hold the same."""

    enabled = serializers.BooleanField()
    to = serializers.CharField()
    cooldownMinutes = serializers.IntegerField(source="cooldown_minutes")
    storeOverrides = serializers.DictField(source="overrides", child=serializers.DictField())
    projectOverrides = serializers.DictField(source="overrides", child=serializers.DictField())


class SmsRuleBody(serializers.Serializer[Any]):
    """Only a literal true enables; the cooldown is brought into 1 to 10080."""

    enabled = serializers.JSONField(required=False, allow_null=True)
    to = serializers.JSONField(required=False, allow_null=True)
    cooldownMinutes = serializers.JSONField(required=False, allow_null=True)
    storeOverrides = serializers.JSONField(required=False, allow_null=True)
    projectOverrides = serializers.JSONField(required=False, allow_null=True)


class SmsTestBody(serializers.Serializer[Any]):
    to = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=32)


class SmsRuleView(ApiView):
    """Who gets an SMS."""

    @described("The SMS rule", answer=SmsRuleAnswer)
    def get(self, _: Request) -> Response:
        return Response(self._shown(sms_rule(self.workspace)))

    @described(
        "Replace the SMS rule",
        body=SmsRuleBody,
        answer=SmsRuleAnswer,
        also={400: "`Global SMS number must be E.164, e.g. +61400111222`."},
    )
    def put(self, _: Request) -> Response:
        body = self.read(SmsRuleBody)
        overrides = body.get("projectOverrides")
        rule = set_sms_rule(
            workspace=self.workspace,
            enabled=body.get("enabled"),
            to=body.get("to"),
            cooldown_minutes=body.get("cooldownMinutes"),
            overrides=body.get("storeOverrides") if overrides is None else overrides,
            actor=self.actor.label,
            now=self.now,
        )
        return Response({**self._shown(rule), "ok": True})

    def _shown(self, rule: SmsRule) -> dict[str, Any]:
        return dict(SmsRuleAnswer(rule).data)


class SmsTestView(ApiView):
    """One SMS, now."""

    @described(
        "Send a test SMS and say what came of it",
        body=SmsTestBody,
        answer=wrapped(
            "SmsTested",
            ok=serializers.BooleanField(),
            provider=serializers.CharField(),
            sid=serializers.CharField(allow_null=True),
            testMode=serializers.BooleanField(),
        ),
        also={400: "No number, or one that is not E.164.", 502: "`sms_failed`: the provider did not take it."},
    )
    def post(self, _: Request) -> Response:
        to = self.read(SmsTestBody).get("to")
        (outcome,) = send_test(workspace=self.workspace, kind=ChannelKind.SMS, to=to or None, now=self.now)
        if not outcome.ok:
            raise ApiError("sms_failed", outcome.result)
        return Response({"ok": True, "provider": "twilio", "sid": outcome.reference, "testMode": outcome.test_mode})
