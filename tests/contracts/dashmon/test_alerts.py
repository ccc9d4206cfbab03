"""Workspace rules (contract Dashmon 9), and the webhook of our own."""

import pytest

from apps.audit.models import AuditEntry
from apps.notifications.models import Route
from tests.contracts.dashmon.conftest import refused

EMAIL, WEBHOOK = "/api/alerts/email", "/api/alerts/webhook"


def test_the_defaults_before_any_save(api) -> None:
    assert api("GET", EMAIL).json() == {"alert": {"enabled": False, "cooldownMinutes": 30, "to": []}}
    assert api("GET", WEBHOOK).json() == {"webhook": {"enabled": False, "url": None, "hasSecret": False}}


@pytest.mark.parametrize(
    "to", [["Ops@Example.com", "ops@example.com", "b@example.com"], "ops@example.com, B@example.com"]
)
def test_the_email_rule_is_stored_in_canonical_form(api, workspace, to) -> None:
    rule = {"enabled": True, "cooldownMinutes": 45, "to": ["ops@example.com", "b@example.com"]}

    assert api("PUT", EMAIL, {**rule, "to": to}).json() == {"ok": True, "alert": rule}

    assert api("GET", EMAIL).json() == {"alert": rule}
    entry = AuditEntry.objects.of(workspace).get(verb="alerts.email.update")
    assert entry.actor == "ana@example.com"


@pytest.mark.parametrize("enabled", ["true", 1, None, "yes", []])
def test_only_a_literal_true_enables(api, enabled) -> None:
    assert api("PUT", EMAIL, {"enabled": enabled, "cooldownMinutes": 5}).json()["alert"]["enabled"] is False


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"cooldownMinutes": 0}, "cooldownMinutes must be between 1 and 10080"),
        ({"cooldownMinutes": 10081}, "cooldownMinutes must be between 1 and 10080"),
        ({"cooldownMinutes": "30"}, "cooldownMinutes must be between 1 and 10080"),
        ({"to": ["x"]}, "Invalid email address: x"),
        ({"to": "a@example.com, x"}, "Invalid email address: x"),
        ({"to": [5]}, "Invalid email address: 5"),
        ({"to": 5}, "A list of e-mail addresses, or a text with commas."),
        ({"to": {"a": 1}}, "A list of e-mail addresses, or a text with commas."),
    ],
)
def test_a_bad_email_rule_changes_nothing(api, change, error) -> None:
    refused(
        api("PUT", EMAIL, {"enabled": True, "cooldownMinutes": 30, "to": [], **change}), 400, "validation_error", error
    )

    assert not Route.objects.filter(kind="email").exists()


def test_the_webhooks_secret_is_shown_once(api) -> None:
    body = {"enabled": True, "url": "https://hooks.example.com/in/T1"}

    first = api("PUT", WEBHOOK, body).json()
    second = api("PUT", WEBHOOK, {"enabled": False}).json()

    assert first["secret"] == Route.objects.get(kind="webhook").secret
    assert first["webhook"] == {**body, "hasSecret": True}
    assert second == {"ok": True, "webhook": {**body, "enabled": False, "hasSecret": True}, "secret": None}
    assert "secret" not in api("GET", WEBHOOK).json()["webhook"]


def test_a_secret_of_ones_own_is_kept_and_not_repeated(api) -> None:
    answer = api("PUT", WEBHOOK, {"enabled": True, "url": "https://hooks.example.com/", "secret": "mine"}).json()

    assert answer["secret"] is None
    assert Route.objects.get(kind="webhook").secret == "mine"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"enabled": True}, "url"),
        ({"enabled": True, "url": "ftp://example.com/"}, "url"),
        ({"enabled": True, "url": "http://127.0.0.1/hook"}, "url"),
        ({"enabled": "yes", "url": "https://hooks.example.com/"}, "enabled"),
        ({"url": "https://hooks.example.com/"}, "enabled"),
        ({"enabled": True, "url": "https://hooks.example.com/", "secret": ""}, "secret"),
    ],
)
def test_a_bad_webhook_changes_nothing(api, body, field) -> None:
    assert set(refused(api("PUT", WEBHOOK, body), 400, "validation_error")["details"]["fields"]) == {field}

    assert not Route.objects.filter(kind="webhook").exists()


def test_a_viewer_sees_no_webhook_address(api, seated) -> None:
    api("PUT", WEBHOOK, {"enabled": True, "url": "https://hooks.example.com/in/T1"})

    shown = seated("viewer")("GET", WEBHOOK).json()["webhook"]

    assert shown == {"enabled": True, "url": None, "hasSecret": True, "redacted": True}
    refused(seated("viewer")("PUT", WEBHOOK, {"enabled": False}), 403, "forbidden")


def test_an_address_longer_than_mail_knows_is_refused(api) -> None:
    before = api("GET", "/api/alerts/email").json()

    body = {"enabled": True, "to": ["x" * 260 + "@example.com"]}
    refused(api("PUT", "/api/alerts/email", body), 400, "validation_error")

    assert api("GET", "/api/alerts/email").json() == before
