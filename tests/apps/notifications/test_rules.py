from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.common.errors import InvalidInputError
from apps.notifications import services
from apps.notifications.models import Route
from apps.notifications.types import EmailRule, WebhookRule
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, make_workspace, minutes

HOOK = "https://93.184.216.34/in"


def set_mail(workspace: Workspace, **changes: Any) -> EmailRule:
    values: dict[str, Any] = {"enabled": True, "cooldown_minutes": 45, "to": ["ops@acme.example"]}
    return services.set_email_rule(workspace=workspace, actor="ana", now=T0, **(values | changes))


def set_hook(workspace: Workspace, **changes: Any) -> WebhookRule:
    values: dict[str, Any] = {"enabled": True, "url": HOOK, "secret": None}
    return services.set_webhook_rule(workspace=workspace, actor="ana", now=T0, **(values | changes))


def test_a_workspace_begins_with_the_defaults(workspace: Workspace) -> None:
    assert services.email_rule(workspace) == EmailRule(enabled=False, cooldown_minutes=30, to=())
    assert services.webhook_rule(workspace) == WebhookRule()


def test_the_rule_is_stored_and_the_change_is_on_record(workspace: Workspace) -> None:
    rule = set_mail(workspace)

    assert rule == services.email_rule(workspace) == EmailRule(True, 45, ("ops@acme.example",))
    assert services.email_rule(make_workspace("other")) == EmailRule()
    (entry,) = AuditEntry.objects.of(workspace)
    assert (entry.verb, entry.actor, entry.changes["cooldownMinutes"]) == ("alerts.email.update", "ana", 45)


def test_a_second_save_replaces_the_first(workspace: Workspace) -> None:
    set_mail(workspace)
    set_mail(workspace, enabled=False, to=[])

    assert services.email_rule(workspace) == EmailRule(False, 45, ())
    assert Route.objects.of(workspace).count() == 1


@pytest.mark.parametrize(
    ("to", "stored"),
    [
        ("Ops@Acme.example, bo@acme.example", ("ops@acme.example", "bo@acme.example")),
        (["A@acme.example", "a@ACME.example ", "b@acme.example"], ("a@acme.example", "b@acme.example")),
        ("", ()),
        (" , ,", ()),
        (None, ()),
    ],
)
def test_addresses_are_lower_case_and_named_once(workspace: Workspace, to: Any, stored: tuple[str, ...]) -> None:
    assert set_mail(workspace, to=to).to == stored


@pytest.mark.parametrize("enabled", ["true", 1, "yes", None, [True]])
def test_only_a_literal_true_enables(workspace: Workspace, enabled: Any) -> None:
    assert set_mail(workspace, enabled=enabled).enabled is False


@pytest.mark.parametrize("minutes", [1, 10080, 45.0])
def test_the_cooldown_is_one_minute_to_seven_days(workspace: Workspace, minutes: Any) -> None:
    assert set_mail(workspace, cooldown_minutes=minutes).cooldown_minutes == int(minutes)


@pytest.mark.parametrize("minutes", [0, -1, 10081, 1.5, "30", None, True, float("nan"), float("inf")])
def test_any_other_cooldown_is_refused_and_changes_nothing(workspace: Workspace, minutes: Any) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        set_mail(workspace, cooldown_minutes=minutes)

    assert refusal.value.message == "cooldownMinutes must be between 1 and 10080"
    assert services.email_rule(workspace) == EmailRule()
    assert not AuditEntry.objects.of(workspace).exists()


@pytest.mark.parametrize("bad", ["x", "a@b", "a b@acme.example", "ops@acme.example\nBcc: all@acme.example", 7, {}])
def test_a_bad_address_is_named_and_changes_nothing(workspace: Workspace, bad: Any) -> None:
    set_mail(workspace)

    with pytest.raises(InvalidInputError) as refusal:
        set_mail(workspace, to=["good@acme.example", bad])

    assert refusal.value.message == f"Invalid email address: {str(bad).lower()}"
    assert services.email_rule(workspace).to == ("ops@acme.example",)


def test_fifty_addresses_are_enough(workspace: Workspace) -> None:
    addresses = [f"p{n}@acme.example" for n in range(51)]

    assert len(set_mail(workspace, to=addresses[:50]).to) == 50
    with pytest.raises(InvalidInputError):
        set_mail(workspace, to=addresses)
    assert len(services.email_rule(workspace).to) == 50


def test_a_secret_is_made_once_and_shown_once(workspace: Workspace) -> None:
    first = set_hook(workspace)
    second = set_hook(workspace, enabled=False)

    assert first.new_secret is not None
    assert first.new_secret.startswith("whsec_")
    assert (second.new_secret, second.has_secret, second.enabled) == (None, True, False)
    assert Route.objects.of(workspace).get().secret == first.new_secret
    assert services.webhook_rule(workspace).new_secret is None


def test_a_chosen_secret_replaces_the_old_one_and_is_not_repeated(workspace: Workspace) -> None:
    set_hook(workspace)

    assert set_hook(workspace, secret="mine").new_secret is None

    assert Route.objects.of(workspace).get().secret == "mine"
    assert "mine" not in str([entry.changes for entry in AuditEntry.objects.of(workspace)])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", ""),
        ("url", "ftp://93.184.216.34/"),
        ("url", "https://169.254.169.254/latest"),
        ("url", "https://0.0.0.0/"),
        ("url", "https://93.184.216.34/" + "x" * 2048),
        ("secret", ""),
        ("secret", "x" * 201),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_and_changes_nothing(workspace: Workspace, field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        set_hook(workspace, **{field: value})

    assert list(refusal.value.fields) == [field]
    assert not Route.objects.of(workspace).exists()


def test_private_networks_are_closed_to_webhooks_unless_the_operator_opens_them(
    workspace: Workspace, settings: Any
) -> None:
    settings.EGRESS_ALLOW = []
    with pytest.raises(InvalidInputError):
        set_hook(workspace, url="http://10.0.0.5/in")

    settings.EGRESS_ALLOW = ["10.0.0.0/8"]
    assert set_hook(workspace, url="http://10.0.0.5/in").url == "http://10.0.0.5/in"
    assert Route.objects.of(workspace).get().updated_at == minutes(0)


def test_a_webhook_that_is_off_needs_no_address(workspace: Workspace) -> None:
    set_hook(workspace)

    rule = set_hook(workspace, enabled=False, url="")

    assert (rule.enabled, rule.url, services.webhook_rule(workspace).url) == (False, "", "")
