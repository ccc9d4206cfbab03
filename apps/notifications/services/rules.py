"""The workspace's rules: who gets e-mail, who gets an SMS, and which webhook hears of incidents."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.addresses import is_address
from apps.audit import services as audit
from apps.common.egress import forbidden_reason
from apps.common.errors import InvalidInputError
from apps.common.ids import new_secret
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Route
from apps.notifications.notices import rule_of, sms_rule_of
from apps.notifications.types import EmailRule, SmsRule, WebhookRule
from apps.notifications.workspace_rules import is_number, number_of
from apps.projects.models import Project
from apps.workspaces.models import Workspace

LONGEST_COOLDOWN_MIN = 7 * 24 * 60
MOST_RECIPIENTS = 50
MOST_OVERRIDES = 500
LONGEST_URL = 2048
LONGEST_SECRET = 200


def email_rule(workspace: Workspace) -> EmailRule:
    """The rule as it stands; the defaults where nobody has set one."""
    return rule_of(_route(workspace, ChannelKind.EMAIL))


def sms_rule(workspace: Workspace) -> SmsRule:
    """The SMS rule as it stands; the defaults where nobody has set one."""
    return sms_rule_of(_route(workspace, ChannelKind.SMS))


def webhook_rule(workspace: Workspace) -> WebhookRule:
    """The webhook as it stands, without its secret."""
    route = _route(workspace, ChannelKind.WEBHOOK)
    if route is None:
        return WebhookRule()
    return WebhookRule(enabled=route.enabled, url=route.url, has_secret=route.secret is not None)


@transaction.atomic
def set_email_rule(
    *,
    workspace: Workspace,
    enabled: object,
    cooldown_minutes: object,
    to: Sequence[object] | str | None,
    actor: str,
    now: datetime,
) -> EmailRule:
    """Set the e-mail rule, in the words of contract Dashmon 9.

    Values come as the client sent them: only a literal True enables, `to` is a list or a comma string and is
    stored lower-cased without repeats, the cooldown is 1 to 10080 minutes. InvalidInputError otherwise.
    """
    minutes = _cooldown(cooldown_minutes)
    addresses = _addresses(to)
    route, _ = Route.objects.of(workspace).update_or_create(
        kind=ChannelKind.EMAIL,
        defaults={
            "workspace": workspace,
            "enabled": enabled is True,
            "cooldown_min": minutes,
            "recipients": addresses,
            "updated_at": now,
        },
    )
    changes = {"enabled": route.enabled, "cooldownMinutes": minutes, "to": addresses}
    audit.record(
        workspace=workspace, actor=actor, verb="alerts.email.update", subject="e-mail rule", changes=changes, at=now
    )
    return email_rule(workspace)


@transaction.atomic
def set_sms_rule(
    *,
    workspace: Workspace,
    enabled: object,
    to: object,
    cooldown_minutes: object,
    overrides: object,
    actor: str,
    now: datetime,
) -> SmsRule:
    """Set the SMS rule, in the words of contract Dashmon 9.

    Only a literal True enables, numbers are E.164 where they are switched on, and the cooldown is clamped to 1..10080
    minutes. `overrides` maps project keys to `{"enabled", "to"}`. InvalidInputError otherwise.
    """
    number = _number(to, required=enabled is True)
    own = _overrides(workspace, overrides)
    minutes = _clamped(cooldown_minutes)
    Route.objects.of(workspace).update_or_create(
        kind=ChannelKind.SMS,
        scope=Route.Scope.WORKSPACE,
        defaults={
            "workspace": workspace,
            "enabled": enabled is True,
            "cooldown_min": minutes,
            "recipients": [number] if number else [],
            "overrides": own,
            "updated_at": now,
        },
    )
    changes = {"enabled": enabled is True, "cooldownMinutes": minutes, "projects": sorted(own)}
    audit.record(
        workspace=workspace, actor=actor, verb="alerts.sms.update", subject="SMS rule", changes=changes, at=now
    )
    return sms_rule(workspace)


@transaction.atomic
def set_webhook_rule(
    *, workspace: Workspace, enabled: object, url: str, secret: str | None, actor: str, now: datetime
) -> WebhookRule:
    """Set the webhook. Without a `secret` the stored one stays; where there is none, one is made and returned once.

    Only a literal True enables. InvalidInputError when the URL is malformed, leads where nothing may be reached
    from here, or is missing although the webhook is to be on.
    """
    address = _url(url, required=enabled is True)
    if secret is not None and not 1 <= len(secret) <= LONGEST_SECRET:
        raise InvalidInputError(fields={"secret": f"1 to {LONGEST_SECRET} characters."})
    before = _route(workspace, ChannelKind.WEBHOOK)
    kept = secret or (before.secret if before is not None else None)
    made = None if kept else new_secret("whsec_")
    Route.objects.of(workspace).update_or_create(
        kind=ChannelKind.WEBHOOK,
        defaults={
            "workspace": workspace,
            "enabled": enabled is True,
            "url": address,
            "secret": kept or made,
            "updated_at": now,
        },
    )
    changes = {"enabled": enabled is True, "secretChanged": made is not None or secret is not None}
    audit.record(
        workspace=workspace, actor=actor, verb="alerts.webhook.update", subject="webhook", changes=changes, at=now
    )
    return WebhookRule(enabled=enabled is True, url=address, has_secret=True, new_secret=made)


def _route(workspace: Workspace, kind: ChannelKind) -> Route | None:
    route: Route | None = Route.objects.of(workspace).filter(kind=kind, scope=Route.Scope.WORKSPACE).first()
    return route


def _cooldown(value: object) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, float) and value.is_integer():
        value, whole = int(value), True
    if whole and isinstance(value, int) and 1 <= value <= LONGEST_COOLDOWN_MIN:
        return value
    sentence = f"cooldownMinutes must be between 1 and {LONGEST_COOLDOWN_MIN}"
    raise InvalidInputError(fields={"cooldownMinutes": sentence})


def _clamped(value: object) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return SmsRule().cooldown_minutes
    return max(1, min(int(value), LONGEST_COOLDOWN_MIN))


def _number(value: object, *, required: bool) -> str:
    number = number_of(value)
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(fields={"to": "A telephone number."})
    if (number or required) and not is_number(number):
        if required:
            raise InvalidInputError(fields={"to": "Global SMS number must be E.164, e.g. +61400111222"})
        # Switched off, it is kept as it was typed, and goes nowhere.
        return number[:32]
    return number


def _overrides(workspace: Workspace, value: object) -> dict[str, dict[str, Any]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInputError(fields={"projectOverrides": "An object of project ids."})
    keys = set(Project.objects.of(workspace).filter(key__in=list(value)[:MOST_OVERRIDES]).values_list("key", flat=True))
    return {str(key): _override(str(key), item, known=key in keys) for key, item in value.items()}


def _override(key: str, item: object, *, known: bool) -> dict[str, Any]:
    path = f"projectOverrides.{key}"
    if not known:
        raise InvalidInputError(fields={path: "There is no such project."})
    if not isinstance(item, Mapping):
        raise InvalidInputError(fields={path: "An object with enabled and to."})
    enabled, to = item.get("enabled") is True, item.get("to")
    number = number_of(to)
    if enabled and number and not is_number(number):
        raise InvalidInputError(fields={f"{path}.to": "Project SMS number must be E.164, e.g. +61400111222"})
    return {"enabled": enabled, "to": number[:32]}


def _addresses(to: Sequence[object] | str | None) -> list[str]:
    words = to.split(",") if isinstance(to, str) else list(to or ())
    addresses: list[str] = []
    for word in words:
        address = clean_address(word)
        if address and address not in addresses:
            addresses.append(address)
    if len(addresses) > MOST_RECIPIENTS:
        raise InvalidInputError(fields={"to": f"At most {MOST_RECIPIENTS} addresses."})
    return addresses


def clean_address(word: object) -> str:
    """One address, trimmed and in lower case; "" for blanks; InvalidInputError when it is none."""
    address = word.strip().lower() if isinstance(word, str) else str(word)
    if not address and isinstance(word, str):
        return ""
    if not is_address(address):
        raise InvalidInputError(fields={"to": f"Invalid email address: {address}"})
    return address


def _url(text: str, *, required: bool) -> str:
    address = text.strip()
    if not address and not required:
        return ""
    if not address.lower().startswith(("http://", "https://")) or len(address) > LONGEST_URL:
        raise InvalidInputError(fields={"url": "An address that begins with http:// or https://."})
    if reason := forbidden_reason(address):
        raise InvalidInputError(fields={"url": reason})
    return address
