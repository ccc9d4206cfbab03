"""A project's routing with real rows: steps leave at their time, once, and stop when somebody has taken it on."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications import services
from apps.notifications.desk import Desk
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Delivery, Escalation, Route
from apps.notifications.routing.document import policy_of
from apps.notifications.services import turns
from apps.projects.models import MaintenanceWindow
from apps.workspaces.models import Workspace
from apps.workspaces.services import add_seat
from tests.apps.incidents.scene import T0, change, go_down, make_device, minutes, tell
from tests.factories import make_user

STEPS = [
    {"afterMinutes": 0, "targets": [{"type": "channel", "id": "ch_mail"}]},
    {"afterMinutes": 15, "targets": [{"type": "channel", "id": "ch_lead"}]},
]
NIGHT = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "09:00", "end": "11:00"}


def channel(device: Device, key: str, *to: str, kind: ChannelKind = ChannelKind.EMAIL) -> Channel:
    return Channel.objects.create(
        workspace_id=device.workspace_id,
        number=Channel.objects.count() + 1,
        project=device.project,
        key=key,
        kind=kind,
        config={"to": list(to)},
        created_at=T0,
    )


def route(device: Device, **policy: Any) -> Route:
    document = {"escalation": {"steps": STEPS, "repeat": {"times": 0, "everyMinutes": 60}}} | policy
    return Route.objects.create(
        workspace_id=device.workspace_id,
        scope=Route.Scope.PROJECT,
        project=device.project,
        enabled=True,
        policy=document,
        updated_at=T0,
    )


@pytest.fixture
def routed(device: Device) -> Device:
    channel(device, "ch_mail", "ops@example.com")
    channel(device, "ch_lead", "lead@example.com")
    route(device)
    return device


def at(now: datetime) -> list[tuple[float, str, str, int, int]]:
    """Let time pass to an instant; everything planned so far."""
    services.fan_out(now=now, limit=100)
    services.advance_due(now=now, limit=100)
    rows = Delivery.objects.exclude(event_name="up").order_by("pk")
    return [
        ((row.created_at - T0) / timedelta(minutes=1), row.recipient, row.event_name, row.step, row.loop)
        for row in rows
    ]


def reasons() -> list[tuple[str, str]]:
    rows = IncidentEvent.objects.filter(kind="notified").order_by("pk")
    return [(event.detail["recipient"], event.detail["result"]) for event in rows]


def test_steps_leave_when_their_time_has_come(routed: Device) -> None:
    go_down(routed)

    assert at(T0) == [(0, "ops@example.com", "incident.opened", 0, 0)]
    assert len(at(minutes(14.9))) == 1
    assert at(minutes(15))[1:] == [(15, "lead@example.com", "incident.escalated", 1, 0)]
    assert len(at(minutes(600))) == 2
    assert Escalation.objects.get().next_at is None


def test_whoever_was_told_is_told_of_the_end_and_nobody_else(routed: Device) -> None:
    go_down(routed)
    at(T0)
    tell(change(routed, "down", "up", minutes(5)))

    assert at(minutes(5))[1:] == [(5, "ops@example.com", "incident.resolved", 0, 0)]
    assert len(at(minutes(60))) == 2


def test_an_acknowledgement_stops_the_steps_and_sends_nothing(routed: Device) -> None:
    incident = go_down(routed)
    at(T0)
    incidents.acknowledge(incident=incident, actor="ana", user=None, now=minutes(14))

    assert len(at(minutes(20))) == 1


def test_a_sweep_that_comes_hours_late_tells_the_same_story(routed: Device) -> None:
    go_down(routed)
    tell(change(routed, "down", "up", minutes(20)))

    told = [(recipient, name) for _, recipient, name, _, _ in at(minutes(300))]

    assert told[:2] == [("ops@example.com", "incident.opened"), ("lead@example.com", "incident.escalated")]
    assert told[2:] == [("ops@example.com", "incident.resolved"), ("lead@example.com", "incident.resolved")]


def test_quiet_hours_defer_every_step_to_their_end_where_the_same_recipient_hears_once(device: Device) -> None:
    channel(device, "ch_mail", "ops@example.com")
    steps = [{"afterMinutes": m, "targets": [{"type": "channel", "id": "ch_mail"}]} for m in (0, 10)]
    quiet = {"enabled": True, "mode": "defer", "windows": [NIGHT], "bypassSeverities": []}
    route(device, quietHours=quiet, escalation={"steps": steps, "repeat": {"times": 0, "everyMinutes": 60}})
    go_down(device)

    assert at(minutes(59)) == []
    assert at(minutes(60)) == [(60, "ops@example.com", "incident.opened", 0, 0)]
    assert at(minutes(120)) == [(60, "ops@example.com", "incident.opened", 0, 0)]


def test_quiet_hours_that_suppress_say_so_in_the_timeline(routed: Device) -> None:
    quiet = {"enabled": True, "mode": "suppress", "windows": [NIGHT], "bypassSeverities": []}
    Route.objects.update(policy=Route.objects.get().policy | {"quietHours": quiet})
    go_down(routed)

    assert at(minutes(30)) == []
    assert reasons() == [("step 1", "quiet_hours"), ("step 2", "quiet_hours")]


def test_critical_trouble_passes_quiet_hours_that_let_it(routed: Device) -> None:
    quiet = {"enabled": True, "mode": "suppress", "windows": [NIGHT], "bypassSeverities": ["critical"]}
    Route.objects.update(policy=Route.objects.get().policy | {"quietHours": quiet})
    go_down(routed)

    assert len(at(T0)) == 1


def rotation(*members: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "oc_main",
        "timezone": "UTC",
        "members": list(members),
        "startsOn": "2026-02-01",
        "shiftDays": 7,
        "handoffTime": "09:00",
        "coverage": None,
        "overrides": [],
    } | fields


ON_CALL = {"steps": [{"afterMinutes": 0, "targets": [{"type": "oncall", "id": "oc_main"}]}], "repeat": {}}


def member(workspace: Workspace, email: str) -> str:
    user = make_user(email)
    add_seat(workspace=workspace, user=user, role="editor", now=T0)
    return str(user.public_id)


def test_whoever_is_on_call_gets_the_mail(workspace: Workspace, device: Device) -> None:
    ana, bo = member(workspace, "ana@example.com"), member(workspace, "bo@example.com")
    # 1 March is the beginning of the fifth shift, number 4.
    route(device, onCall=[rotation(bo, ana, bo, ana)], escalation=ON_CALL)
    go_down(device)

    assert [recipient for _, recipient, *_ in at(T0)] == ["bo@example.com"]


def test_the_next_of_the_rotation_stands_in_for_one_who_has_left(workspace: Workspace, device: Device) -> None:
    ana, bo = member(workspace, "ana@example.com"), member(workspace, "bo@example.com")
    route(device, onCall=[rotation(bo, ana)], escalation=ON_CALL)
    workspace_seats = type(workspace)._meta.apps.get_model("workspaces", "Membership")
    workspace_seats.objects.filter(user__email="bo@example.com").delete()
    go_down(device)

    assert [recipient for _, recipient, *_ in at(T0)] == ["ana@example.com"]


def test_nobody_on_call_is_said_in_the_timeline(device: Device) -> None:
    route(device, onCall=[rotation()], escalation=ON_CALL)
    go_down(device)

    assert at(T0) == []
    assert reasons() == [("oncall:oc_main", "no_one_on_call")]


def test_a_channel_that_is_gone_or_off_is_said_in_the_timeline(routed: Device) -> None:
    Channel.objects.filter(key="ch_mail").update(enabled=False)
    go_down(routed)

    assert at(T0) == []
    assert reasons() == [("channel:ch_mail", "gone")]


def test_a_policy_that_changes_decides_what_is_still_to_come(routed: Device) -> None:
    go_down(routed)
    at(T0)
    later = [STEPS[0], {"afterMinutes": 30, "targets": [{"type": "channel", "id": "ch_lead"}]}]
    Route.objects.update(policy={"escalation": {"steps": later, "repeat": {}}})

    assert len(at(minutes(20))) == 1
    assert at(minutes(30))[1:] == [(30, "lead@example.com", "incident.escalated", 1, 0)]


def test_routing_that_is_switched_off_is_silent_at_once(routed: Device) -> None:
    go_down(routed)
    at(T0)
    Route.objects.update(enabled=False)

    assert len(at(minutes(20))) == 1


def test_only_the_named_events_begin_it(routed: Device) -> None:
    Route.objects.update(policy=Route.objects.get().policy | {"notifyOn": ["down"]})
    tell(change(routed, "up", "warning"))
    assert at(T0) == []

    tell(change(routed, "warning", "down", minutes(5)))
    tell(change(routed, "down", "up", minutes(9)))

    assert at(minutes(9)) == [(9, "ops@example.com", "incident.opened", 0, 0)]


def test_a_worsening_begins_anew(routed: Device) -> None:
    tell(change(routed, "up", "warning"))
    at(T0)
    tell(change(routed, "warning", "down", minutes(14)))

    told = at(minutes(15))
    assert told == [
        (0, "ops@example.com", "incident.opened", 0, 0),
        (15, "ops@example.com", "incident.opened", 0, 0),
    ]
    assert at(minutes(29))[2:] == [(29, "lead@example.com", "incident.escalated", 1, 0)]


def test_nothing_leaves_in_a_maintenance_window_and_what_is_open_at_its_end_is_told(routed: Device) -> None:
    go_down(routed)
    at(T0)
    MaintenanceWindow.objects.create(
        workspace_id=routed.workspace_id,
        project=routed.project,
        starts_at=minutes(10),
        ends_at=minutes(40),
        created_at=T0,
    )

    assert len(at(minutes(15))) == 1
    assert len(at(minutes(39))) == 1
    assert at(minutes(40.1))[1:] == [(40.1, "lead@example.com", "incident.escalated", 1, 0)]


def test_one_recipient_hears_one_event_once_whichever_routes_speak(routed: Device) -> None:
    services.set_email_rule(
        workspace=Workspace.objects.get(),
        enabled=True,
        cooldown_minutes=30,
        to=["ops@example.com"],
        actor="owner",
        now=T0,
    )
    go_down(routed)

    assert [recipient for _, recipient, *_ in at(T0)] == ["ops@example.com"]


def test_muted_trouble_is_silent_until_its_cause_is_over(routed: Device, workspace: Workspace) -> None:
    from tests.apps.incidents.scene import make_device

    router = make_device(workspace, "Router")
    routed.parents.add(router)
    go_down(router)
    go_down(routed, minutes(1))
    assert {name for _, _, name, _, _ in at(minutes(2))} == {"incident.opened"}
    assert Delivery.objects.filter(subject_id=routed.pk).count() == 0

    tell(change(router, "down", "up", minutes(5)))
    at(minutes(5))

    rows = Delivery.objects.filter(subject_id=routed.pk)
    assert [(row.recipient, row.event_name) for row in rows] == [("ops@example.com", "incident.opened")]


def test_flapping_is_one_word_to_whoever_was_told(routed: Device) -> None:
    from dataclasses import replace

    go_down(routed)
    at(T0)
    tell(replace(change(routed, "down", "up", minutes(1)), flapping="began"))
    tell(replace(change(routed, "up", "down", minutes(2)), flapping="on"))

    assert at(minutes(30))[1:] == [(30, "ops@example.com", "incident.flapping", 0, 0)]

    tell(replace(change(routed, "down", "down", minutes(32)), flapping="ended"))
    assert at(minutes(32))[2:] == [(32, "ops@example.com", "incident.opened", 0, 0)]


@pytest.mark.parametrize(("module", "place"), [(turns, "plan_delivery"), (turns, "save_planned"), (Desk, "news")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_planner_that_dies_anywhere_takes_every_step_once(
    routed: Device, monkeypatch: pytest.MonkeyPatch, module: Any, place: str, when: str
) -> None:
    go_down(routed)
    at(T0)
    real = getattr(module, place)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, place, dying)
        with pytest.raises(KeyboardInterrupt):
            services.advance_due(now=minutes(15), limit=10)

    assert at(minutes(15))[1:] == [(15, "lead@example.com", "incident.escalated", 1, 0)]


def test_a_broken_policy_holds_nobody_else_back(routed: Device, workspace: Workspace) -> None:
    go_down(routed)
    at(T0)
    broken = Escalation.objects.get()
    other = Incident.objects.get()
    Incident.objects.filter(pk=other.pk).update(closed_at=None)
    Route.objects.update(policy={"escalation": {"steps": [{"afterMinutes": "soon", "targets": []}]}})

    with pytest.raises(TypeError):
        services.advance_due(now=minutes(15), limit=10)

    broken.refresh_from_db()
    assert broken.next_at == minutes(16)


def test_the_policy_of_an_empty_document_tells_every_channel_at_once() -> None:
    policy = policy_of({}, channels=["ch_a", "ch_b"])

    assert [target.key for target in policy.steps[0].targets] == ["channel:ch_a", "channel:ch_b"]


def test_what_incidents_of_one_outage_have_in_common_is_read_once(routed: Device) -> None:
    def statements(count: int) -> int:
        for number in range(count):
            go_down(make_device(routed.workspace, f"Till {count}-{number}"))
        with CaptureQueriesContext(connection) as caught:
            assert services.fan_out(now=T0, limit=100) == count
        return len(caught)

    few, many = statements(2), statements(22)
    # Its savepoint, its escalation and its delivery; of the workspace nothing is asked again.
    assert (many - few) / 20 <= 6
    assert Delivery.objects.count() == 24


def test_incidents_that_end_together_are_not_read_one_by_one(routed: Device) -> None:
    tills = [make_device(routed.workspace, f"Till {number}") for number in range(22)]
    for till in tills:
        go_down(till)
    at(T0)

    def statements(of: list[Device]) -> int:
        for till in of:
            tell(change(till, "down", "up", minutes(5)))
        with CaptureQueriesContext(connection) as caught:
            assert services.fan_out(now=minutes(5), limit=100) == len(of)
        return len([one for one in caught if 'FROM "incidents_incident"' in one["sql"]])

    assert statements(tills[:2]) == statements(tills[2:])
    assert Escalation.objects.filter(next_at=None).count() == 22


def test_what_waits_for_a_channel_that_is_removed_goes_nowhere(routed: Device, mailoutbox: list[Any]) -> None:
    go_down(routed)
    at(T0)
    Channel.objects.filter(key="ch_mail").delete()

    services.deliver_due(now=T0, limit=10)

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.result, delivery.attempts) == ("failed", "The channel was removed.", 0)
    assert mailoutbox == []
