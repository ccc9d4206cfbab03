"""The workspace's alert rules: who gets e-mail, and which webhook hears of incidents (contract Dashmon 9)."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.fields import Text, Truth
from apps.api.dashmon.views.base import ApiView
from apps.notifications.services import email_rule, set_email_rule, set_webhook_rule, webhook_rule
from apps.notifications.types import EmailRule, WebhookRule


class EmailRuleAnswer(serializers.Serializer[EmailRule]):
    enabled = serializers.BooleanField()
    cooldownMinutes = serializers.IntegerField(source="cooldown_minutes")
    to = serializers.ListField(child=serializers.CharField())


class Recipients(serializers.JSONField):
    """A list of addresses, or one text with commas."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, list | str):
            raise serializers.ValidationError("A list of e-mail addresses, or a text with commas.")
        return data


class EmailRuleBody(serializers.Serializer[Any]):
    """Only a literal true enables; the rules for the rest live with the domain."""

    enabled = serializers.JSONField(required=False, allow_null=True)
    cooldownMinutes = serializers.JSONField(required=False, allow_null=True)
    to = Recipients(required=False, allow_null=True)


class EmailRuleView(ApiView):
    """Who gets e-mail."""

    @described("The e-mail rule", answer=wrapped("EmailRuleEnvelope", alert=EmailRuleAnswer()))
    def get(self, _: Request) -> Response:
        return Response({"alert": EmailRuleAnswer(email_rule(self.workspace)).data})

    @described(
        "Replace the e-mail rule",
        body=EmailRuleBody,
        answer=wrapped("EmailRuleSaved", ok=serializers.BooleanField(), alert=EmailRuleAnswer()),
        also={400: "`cooldownMinutes must be between 1 and 10080`, `Invalid email address: x`."},
    )
    def put(self, _: Request) -> Response:
        body = self.read(EmailRuleBody)
        rule = set_email_rule(
            workspace=self.workspace,
            enabled=body.get("enabled"),
            cooldown_minutes=body.get("cooldownMinutes", EmailRule().cooldown_minutes),
            to=body.get("to"),
            actor=self.actor.label,
            now=self.now,
        )
        return Response({"ok": True, "alert": EmailRuleAnswer(rule).data})


class WebhookAnswer(serializers.Serializer[Any]):
    """The address may hold a secret: without `secrets.read` it is null and `redacted` is true."""

    enabled = serializers.BooleanField()
    url = serializers.CharField(allow_null=True)
    hasSecret = serializers.BooleanField()
    redacted = serializers.BooleanField(required=False)


class WebhookBody(serializers.Serializer[Any]):
    """Without a secret the stored one stays; where there is none, one is made and shown once."""

    enabled = Truth()
    url = Text(required=False, allow_null=True, allow_blank=True, max_length=2048)
    secret = Text(required=False, allow_null=True, max_length=200, trim_whitespace=False)


class WebhookView(ApiView):
    """One webhook for the whole workspace, signed as contract 9.1 says. An addition of our own."""

    @described("The webhook", answer=wrapped("WebhookEnvelope", webhook=WebhookAnswer()))
    def get(self, _: Request) -> Response:
        return Response({"webhook": self._shown(webhook_rule(self.workspace))})

    @described(
        "Set the webhook",
        body=WebhookBody,
        answer=wrapped(
            "WebhookSaved",
            ok=serializers.BooleanField(),
            webhook=WebhookAnswer(),
            secret=serializers.CharField(allow_null=True, help_text="Only when one was made just now."),
        ),
    )
    def put(self, _: Request) -> Response:
        body = self.read(WebhookBody)
        rule = set_webhook_rule(
            workspace=self.workspace,
            enabled=body["enabled"],
            url=body.get("url") or webhook_rule(self.workspace).url,
            secret=body.get("secret"),
            actor=self.actor.label,
            now=self.now,
        )
        return Response({"ok": True, "webhook": self._shown(rule), "secret": rule.new_secret})

    def _shown(self, rule: WebhookRule) -> dict[str, Any]:
        shown: dict[str, Any] = {"enabled": rule.enabled, "url": rule.url or None, "hasSecret": rule.has_secret}
        if "secrets.read" not in self.actor.permissions:
            shown.update(url=None, redacted=True)
        return shown
