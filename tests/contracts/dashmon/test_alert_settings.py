"""A project's routing over the API (contract Dashmon 9.1)."""

import pytest

from apps.audit.models import AuditEntry
from apps.notifications.models import Channel, Delivery, Route
from apps.workspaces.models import Workspace
from tests.contracts.dashmon.conftest import refused
from tests.factories import make_seat, make_user

MAIL = {"id": "ch_mail", "type": "email", "to": ["Ops@Example.com", "ops@example.com"]}
NIGHT = {"days": ["mon"], "start": "22:00", "end": "07:00"}
MAILBOX = {"type": "channel", "id": "ch_mail"}
HOOK = {"id": "ch_hook", "type": "webhook", "url": "https://ops.example.com/in", "secret": "s3cret"}


@pytest.fixture
def address(project) -> str:
    return f"/api/projects/{project.key}/alert-settings"


def settings_of(answer) -> dict:
    assert answer.status_code == 200, answer.json()
    return answer.json()["settings"]


def test_the_defaults_before_any_save(api, address, project) -> None:
    answer = api("GET", address).json()

    assert answer == {
        "projectId": project.key,
        "settings": {
            "enabled": True,
            "timezone": "UTC",
            "notifyOn": ["down", "up", "warning"],
            "openAfterSeconds": 0,
            "quietHours": {"enabled": False, "mode": "defer", "windows": [], "bypassSeverities": ["critical"]},
            "channels": [],
            "onCall": [],
            "escalation": {"steps": [], "repeat": {"times": 0, "everyMinutes": 60}},
        },
    }


def test_what_was_saved_is_read_back_and_may_be_sent_again(api, address, workspace, project) -> None:
    lead = make_user("lead@example.com")
    make_seat(workspace, "editor", user=lead)
    person = str(lead.public_id)
    document = {
        "timezone": "Europe/Berlin",
        "channels": [MAIL, HOOK],
        "quietHours": {"enabled": True, "windows": [{"days": ["fri", "mon"], "start": "22:00", "end": "07:00"}]},
        "onCall": [{"id": "oc_main", "members": [person], "startsOn": "2026-01-05"}],
        "escalation": {
            "steps": [
                {
                    "afterMinutes": 0,
                    "targets": [{"type": "oncall", "id": "oc_main"}, {"type": "channel", "id": "ch_mail"}],
                },
                {"afterMinutes": 15, "targets": [{"type": "user", "id": person}]},
            ],
            "repeat": {"times": 1, "everyMinutes": 60},
        },
    }

    saved = settings_of(api("PUT", address, document))

    assert saved["channels"][0] == {
        "id": "ch_mail",
        "type": "email",
        "name": "",
        "enabled": True,
        "to": ["ops@example.com"],
    }
    assert "secret" not in saved["channels"][1]
    assert saved["channels"][1]["hasSecret"] is True
    assert saved["quietHours"]["windows"] == [{"days": ["mon", "fri"], "start": "22:00", "end": "07:00"}]
    assert saved["onCall"][0]["timezone"] == "Europe/Berlin"
    assert settings_of(api("GET", address)) == saved
    assert settings_of(api("PUT", address, saved)) == saved
    assert settings_of(api("PUT", address, {"settings": saved})) == saved
    assert Channel.objects.get(key="ch_hook").config["secret"] == "s3cret"
    entry = AuditEntry.objects.of(workspace).filter(verb="alertSettings.update")[0]
    assert "s3cret" not in str(entry.changes)


def test_absent_keys_take_their_defaults_and_channels_that_are_left_out_are_gone(api, address) -> None:
    api("PUT", address, {"channels": [MAIL], "openAfterSeconds": 60})

    saved = settings_of(api("PUT", address, {"timezone": "Europe/Lisbon"}))

    assert (saved["channels"], saved["openAfterSeconds"], saved["timezone"]) == ([], 0, "Europe/Lisbon")
    assert not Channel.objects.exists()


def test_a_member_who_has_left_does_not_lock_the_settings(api, address, workspace) -> None:
    gone = make_user("gone@example.com")
    seat = make_seat(workspace, "editor", user=gone)
    rotation = {"id": "oc_main", "members": [str(gone.public_id)], "startsOn": "2026-01-05"}
    saved = settings_of(api("PUT", address, {"onCall": [rotation]}))
    seat.delete()

    assert settings_of(api("PUT", address, saved)) == saved


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "body"),
        ("x", "body"),
        ({"nonsense": 1}, "nonsense"),
        ({"enabled": "yes"}, "enabled"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"notifyOn": ["sideways"]}, "notifyOn"),
        ({"openAfterSeconds": -1}, "openAfterSeconds"),
        ({"quietHours": {"mode": "loud"}}, "quietHours.mode"),
        (
            {"quietHours": {"windows": [{"days": ["mon"], "start": "25:00", "end": "07:00"}]}},
            "quietHours.windows[0].start",
        ),
        ({"quietHours": {"windows": [{"days": [], "start": "22:00", "end": "07:00"}]}}, "quietHours.windows[0].days"),
        ({"channels": [{"id": "x", "type": "pigeon"}]}, "channels[0].type"),
        ({"channels": [{"id": "x y", "type": "email", "to": ["a@example.com"]}]}, "channels[0].id"),
        ({"channels": [{"type": "email", "to": []}]}, "channels[0].to"),
        ({"channels": [{"type": "email", "to": ["nobody"]}]}, "channels[0].to[0]"),
        ({"channels": [{"type": "webhook", "url": "ftp://x"}]}, "channels[0].url"),
        ({"channels": [{"type": "webhook", "url": "http://169.254.169.254/"}]}, "channels[0].url"),
        ({"channels": [{"type": "email", "to": ["a@example.com"], "colour": 1}]}, "channels[0].colour"),
        ({"channels": [MAIL, MAIL]}, "channels[1].id"),
        ({"onCall": [{"members": ["u_ana"], "startsOn": "2026-01-05"}]}, "onCall[0].members[0]"),
        ({"onCall": [{"members": [], "startsOn": "soon"}]}, "onCall[0].startsOn"),
        ({"onCall": [{"members": [], "startsOn": "2026-01-05", "shiftDays": 0}]}, "onCall[0].shiftDays"),
        ({"escalation": {"steps": [{"afterMinutes": 0, "targets": []}]}}, "escalation.steps[0].targets"),
        (
            {"escalation": {"steps": [{"targets": [{"type": "channel", "id": "ch_gone"}]}]}},
            "escalation.steps[0].targets[0].id",
        ),
        ({"escalation": {"repeat": {"times": 2, "everyMinutes": 0}}}, "escalation.repeat.everyMinutes"),
    ],
)
def test_a_fault_is_named_by_its_path_and_nothing_changes(api, address, document, field) -> None:
    error = refused(api("PUT", address, document), 400, "validation_error")

    assert field in error["details"]["fields"]
    assert not Route.objects.exists()
    assert not Channel.objects.exists()


def test_who_may_not_read_secrets_sees_neither_addresses_nor_urls(api, address, seated) -> None:
    api("PUT", address, {"channels": [MAIL, HOOK]})

    shown = settings_of(seated("viewer")("GET", address))

    assert shown["redacted"] is True
    assert shown["channels"][0]["to"] is None
    assert shown["channels"][1]["url"] is None
    assert "example.com" not in str(shown)


def test_a_free_workspace_has_one_step_and_neither_on_call_nor_sms(api, address) -> None:
    Workspace.objects.update(plan="free")
    step = {"afterMinutes": 0, "targets": [{"type": "channel", "id": "ch_mail"}]}

    two = {"channels": [MAIL], "escalation": {"steps": [step, step]}}
    refused(api("PUT", address, two), 400, "plan_limit_reached")
    rotation = {"members": [], "startsOn": "2026-01-05"}
    refused(api("PUT", address, {"onCall": [rotation]}), 400, "plan_limit_reached")
    assert settings_of(api("PUT", address, {"channels": [MAIL], "escalation": {"steps": [step]}}))
    refused(api("POST", f"{address}/test", {"channel": "sms"}), 403, "premium_required")


def test_a_test_message_is_queued(api, address) -> None:
    api("PUT", address, {"channels": [MAIL]})

    answer = api("POST", f"{address}/test", {"channel": "email", "channelId": "ch_mail"})

    assert answer.status_code == 202
    delivery = Delivery.objects.get()
    assert answer.json() == {"ok": True, "queued": True, "deliveryId": delivery.wire_id}
    assert (delivery.recipient, delivery.event_name, delivery.status) == ("ops@example.com", "test", "planned")


def test_without_a_channel_a_test_mail_goes_to_whoever_asks(api, address) -> None:
    assert api("POST", f"{address}/test", {"channel": "email"}).status_code == 202

    assert Delivery.objects.get().recipient == "ana@example.com"


def test_an_unknown_channel_is_not_there(api, address) -> None:
    refused(api("POST", f"{address}/test", {"channel": "email", "channelId": "ch_gone"}), 404, "not_found")
    refused(api("POST", f"{address}/test", {"channel": "webhook"}), 400, "validation_error")
    refused(api("POST", f"{address}/test", {"channel": "pigeon"}), 400, "validation_error")
    assert not Delivery.objects.exists()


@pytest.mark.usefixtures("clock")
def test_five_tests_a_minute_are_enough(api, address) -> None:
    for _ in range(5):
        assert api("POST", f"{address}/test", {"channel": "email"}).status_code == 202

    refused(api("POST", f"{address}/test", {"channel": "email"}), 429, "rate_limited")


def test_an_unknown_project_is_not_there(api) -> None:
    for method, path, body in (
        ("GET", "/api/projects/nowhere/alert-settings", None),
        ("PUT", "/api/projects/nowhere/alert-settings", {}),
        ("POST", "/api/projects/nowhere/alert-settings/test", {"channel": "email"}),
    ):
        refused(api(method, path, body), 404, "not_found", "Project not found")
    refused(api("PUT", "/api/projects/nowhere/alert-settings", {"enabled": 7}), 400, "validation_error")


def test_the_posture_counts_what_is_prepared(api, address, project) -> None:
    answer = api("GET", "/api/user/integration-posture").json()
    assert answer["routing"]["withoutAnyChannel"] == [project.key]
    assert answer["deliveries"] == {"window": "7d", "sent": 0, "failed": 0, "byChannel": {}, "recent": []}

    api("PUT", address, {"channels": [MAIL], "quietHours": {"enabled": True}})
    api("POST", f"{address}/test", {"channel": "email"})

    answer = api("GET", "/api/user/integration-posture").json()
    assert answer["routing"] == {
        "projects": 1,
        "withRouting": 1,
        "withEscalation": 0,
        "withOnCall": 0,
        "withQuietHours": 1,
        "withoutAnyChannel": [],
    }
    assert [row["event"] for row in answer["deliveries"]["recent"]] == ["test"]
    assert "ops@example.com" not in str(answer)
