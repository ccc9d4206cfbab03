"""The workspace's SMS rule (contract Dashmon 9)."""

import pytest

from apps.audit.models import AuditEntry
from apps.notifications.models import Route
from tests.contracts.dashmon.conftest import refused

SMS = "/api/alerts/sms"
NUMBER = "+491511234567"


def test_the_defaults_before_any_save(api) -> None:
    assert api("GET", SMS).json() == {
        "enabled": False,
        "to": "",
        "cooldownMinutes": 30,
        "storeOverrides": {},
        "projectOverrides": {},
    }


def test_the_rule_is_stored_and_shown_under_both_names(api, project, workspace) -> None:
    own = {project.key: {"enabled": True, "to": NUMBER}}

    saved = api("PUT", SMS, {"enabled": True, "to": "+61 400 111 222", "cooldownMinutes": 45, "storeOverrides": own})

    rule = {
        "enabled": True,
        "to": "+61400111222",
        "cooldownMinutes": 45,
        "storeOverrides": own,
        "projectOverrides": own,
    }
    assert saved.json() == {**rule, "ok": True}
    assert api("GET", SMS).json() == rule
    assert AuditEntry.objects.of(workspace).filter(verb="alerts.sms.update").count() == 1


@pytest.mark.parametrize(
    ("given", "kept"), [(0, 1), (-5, 1), (99_999, 10_080), (12.9, 12), (10**400, 10_080), ("x", 30), (None, 30)]
)
def test_the_cooldown_is_brought_into_its_bounds(api, given, kept) -> None:
    assert api("PUT", SMS, {"cooldownMinutes": given}).json()["cooldownMinutes"] == kept


def test_a_bad_number_matters_only_where_it_is_switched_on(api) -> None:
    error = "Global SMS number must be E.164, e.g. +61400111222"
    for number in ("0400111222", "+0400111222", "+49", "", None, "+49151123456789012"):
        refused(api("PUT", SMS, {"enabled": True, "to": number}), 400, "validation_error", error)
    assert not Route.objects.filter(kind="sms").exists()

    assert api("PUT", SMS, {"enabled": False, "to": "0400111222"}).json()["to"] == "0400111222"


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        "x",
        {"nowhere": {"enabled": True, "to": NUMBER}},
        {"berlin-01": NUMBER},
        {"berlin-01": {"enabled": True, "to": "12"}},
    ],
)
def test_bad_overrides_change_nothing(api, project, overrides) -> None:
    refused(api("PUT", SMS, {"projectOverrides": overrides}), 400, "validation_error")

    assert not Route.objects.filter(kind="sms").exists()


def test_it_is_premium_and_not_for_viewers(api, seated, with_token, workspace) -> None:
    assert seated("viewer")("GET", SMS).status_code == 200
    refused(seated("viewer")("PUT", SMS, {}), 403, "forbidden")
    refused(seated("editor")("PUT", SMS, {}), 403, "forbidden")
    refused(with_token("read_only")("POST", f"{SMS}/test", {}), 403, "token_read_only")
    type(workspace).objects.update(plan="free")
    refused(api("GET", SMS), 403, "premium_required")


def test_a_test_needs_a_number(api) -> None:
    refused(api("POST", f"{SMS}/test", {}), 400, "validation_error")
    refused(api("POST", f"{SMS}/test", {"to": "12"}), 400, "validation_error")
