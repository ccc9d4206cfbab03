"""Routes of surfaces and the channels of a workspace: what may be stored, and who is told of what."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.alerts import services as alerts
from apps.alerts.built_in import CONTAINER_CHANGED
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.alerts.types import Subject
from apps.audit.models import AuditEntry
from apps.common.errors import InvalidInputError, PlanLimitError, PremiumRequiredError
from apps.common.values import Observation, Ref, SourceRef
from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.models import Incident
from apps.notifications import services
from apps.notifications.kinds import ChannelKind, Style
from apps.notifications.models import Channel, Delivery, Escalation, Route
from apps.notifications.services import channels as channel_services
from apps.notifications.upcoming import upcoming
from apps.pipeline.samples import submit_samples
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.incidents.scene import T0, go_down, minutes
from tests.apps.notifications.conftest import mail_to

OPS, TEAM = "ops@acme.example", "team@acme.example"
CPU = Condition("cpu.ratio", "ge", 0.9, missing="hold")


def make_channel(workspace: Workspace, *to: str, **fields: Any) -> Channel:
    said = {"kind": ChannelKind.EMAIL, "name": "Ops", "config": {"to": list(to or (OPS,))}} | fields
    return services.create_channel(workspace=workspace, actor="ana", now=T0, **said)


def make_rule(workspace: Workspace, *, repeat: str = "tick", name: str = "CPU high", **facts: Any) -> AlertRule:
    draft = RuleDraft(name, "node", (CPU,), repeat=repeat, **facts)
    return alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=T0)


def tell_node_route(workspace: Workspace, *channels: Channel, enabled: bool = True) -> None:
    services.set_node_route(workspace=workspace, enabled=enabled, channels=channels, actor="ana", now=T0)


def tell_rule_route(rule: AlertRule, *channels: Channel) -> None:
    services.set_rule_route(rule=rule, channels=channels, actor="ana", now=T0)


def tell_container_route(workspace: Workspace, *channels: Channel, enabled: bool = True, template: str = "") -> None:
    services.set_container_route(
        workspace=workspace, enabled=enabled, channels=channels, template=template, actor="ana", now=T0
    )


def report(workspace: Workspace, at: datetime, ratio: float) -> None:
    node = Subject(workspace.pk, Ref("node", 7), 7, "web-1", facts={"ipv4": "203.0.113.7"})
    seen = Observation(workspace.pk, SourceRef(node.ref), at, {"cpu.ratio": ratio})
    submit_samples(observations=[seen], subjects={node.ref: node}, now=at)
    services.fan_out(now=at, limit=10)


def told() -> list[tuple[str, str]]:
    return [(row.recipient, row.payload["subject"]) for row in Delivery.objects.order_by("id")]


# --- Who is told --------------------------------------------------------------------------------------


def test_every_route_that_matches_speaks_in_its_own_words(workspace: Workspace) -> None:
    mail_to(workspace, "owner@acme.example")
    tell_node_route(workspace, make_channel(workspace))
    tell_rule_route(make_rule(workspace), make_channel(workspace, TEAM))
    report(workspace, T0, 0.97)

    assert sorted(told()) == [
        (OPS, "Alert triggered: CPU high @ web-1"),
        ("owner@acme.example", "Alert: web-1: CPU use: 97 %, the limit is 90 %"),
        (TEAM, "[Incident] web-1(203.****.7) CPU high"),
    ]


def test_a_route_of_one_rule_or_of_one_kind_is_silent_about_all_others(device: Device) -> None:
    workspace = device.workspace
    tell_rule_route(make_rule(workspace, enabled=False), make_channel(workspace))
    tell_container_route(workspace, make_channel(workspace, TEAM))
    tell_node_route(factories.make_workspace(), make_channel(Workspace.objects.exclude(pk=workspace.pk).get()))
    make_rule(workspace, name="Also CPU")
    report(workspace, T0, 0.97)
    go_down(device)
    services.fan_out(now=T0, limit=10)

    assert Incident.objects.count() == 2
    assert told() == []


def test_a_route_that_is_off_and_a_channel_that_is_off_tell_nobody(workspace: Workspace) -> None:
    make_rule(workspace)
    channel = make_channel(workspace)
    tell_node_route(workspace, channel, enabled=False)
    report(workspace, T0, 0.97)
    tell_node_route(workspace, channel)
    services.set_channel_enabled(channel=channel, enabled=False, actor="ana", now=T0)
    report(workspace, minutes(1), 0.1)
    report(workspace, minutes(2), 0.97)

    assert told() == []
    services.set_channel_enabled(channel=channel, enabled=True, actor="ana", now=T0)
    report(workspace, minutes(3), 0.1)
    report(workspace, minutes(4), 0.97)
    assert told() == [(OPS, "Alert triggered: CPU high @ web-1")]


def test_an_end_by_hand_is_told_with_the_last_value_that_was_known(workspace: Workspace) -> None:
    tell_node_route(workspace, make_channel(workspace))
    tell_rule_route(make_rule(workspace, repeat="once"), make_channel(workspace, TEAM))
    report(workspace, T0, 0.97)
    incidents.resolve(incident=Incident.objects.get(), actor="ana", now=minutes(5))
    services.fan_out(now=minutes(5), limit=10)

    assert told()[2:] == [(OPS, "Alert recovered: CPU high @ web-1"), (TEAM, "[Resolved] web-1() CPU high")]
    over = Delivery.objects.get(recipient=OPS, event_name="incident.resolved")
    assert "Current value: 97.00%\nRecovered at: 2026-" in over.payload["text"]


def test_an_acknowledgement_ends_the_repeats(workspace: Workspace) -> None:
    tell_rule_route(make_rule(workspace), make_channel(workspace))
    report(workspace, T0, 0.97)
    services.advance_due(now=minutes(16), limit=10)
    incidents.acknowledge(incident=Incident.objects.get(), actor="ana", user=None, now=minutes(20))
    services.advance_due(now=minutes(600), limit=10)

    assert len(told()) == 2
    assert Escalation.objects.get().next_at is None


def test_what_nobody_was_there_to_repeat_is_said_once(workspace: Workspace) -> None:
    tell_rule_route(make_rule(workspace), make_channel(workspace))
    report(workspace, T0, 0.97)
    for _ in range(2):
        services.advance_due(now=minutes(24 * 60), limit=10)

    assert len(told()) == 2
    # A day has passed: after 15 h 45 min of climbing the next gap is 16 h.
    assert Escalation.objects.get().next_at == minutes(40 * 60) + timedelta(microseconds=1)


def test_what_a_surface_repeats_does_not_hide_the_steps_of_a_project(device: Device) -> None:
    step = {"afterMinutes": 90, "targets": [{"type": "channel", "id": "ch_1"}]}
    services.set_alert_settings(
        project=device.project,
        document={
            "channels": [{"id": "ch_1", "type": "email", "to": [TEAM]}],
            "escalation": {"steps": [step]},
        },
        actor="ana",
        now=T0,
    )
    tell_rule_route(make_rule(device.workspace), make_channel(device.workspace))
    node = Subject(device.workspace_id, Ref("node", 7), 7, "web-1", project_id=device.project_id)
    seen = Observation(node.workspace_id, SourceRef(node.ref), T0, {"cpu.ratio": 0.97})
    submit_samples(observations=[seen], subjects={node.ref: node}, now=T0)
    services.fan_out(now=T0, limit=10)

    ahead = upcoming(Incident.objects.get())
    assert ahead is not None
    assert (ahead.next_at, [notice.at for notice in ahead.notices]) == (minutes(90), [minutes(90)])


# --- What may be stored -------------------------------------------------------------------------------


def test_a_route_is_replaced_and_there_is_one_of_each(workspace: Workspace) -> None:
    rule, channel = make_rule(workspace), make_channel(workspace)
    for enabled in (True, False):
        tell_node_route(workspace, channel, enabled=enabled)
        tell_rule_route(rule, *([channel] if enabled else []))
        tell_container_route(workspace, enabled=enabled, template="{{id}}")

    assert Route.objects.count() == 3
    kept = services.surface_route(workspace, Style.DASH)
    assert kept is not None
    assert (kept.enabled, list(kept.channels.all())) == (False, [channel])
    of_rule = services.surface_route(workspace, Style.NEZHA, rule=rule)
    assert of_rule is not None
    assert (of_rule.enabled, list(of_rule.channels.all())) == (False, [])
    assert services.surface_route(factories.make_workspace(), Style.DASH) is None
    assert AuditEntry.objects.filter(verb="route.update").count() == 6


def test_channels_of_others_are_refused_and_nothing_is_stored(device: Device) -> None:
    settings = {"channels": [{"id": "ch_1", "type": "email", "to": [OPS]}]}
    services.set_alert_settings(project=device.project, document=settings, actor="ana", now=T0)
    foreign = make_channel(factories.make_workspace())

    for channel in (foreign, Channel.objects.get(project=device.project)):
        with pytest.raises(InvalidInputError) as refused:
            tell_node_route(device.workspace, channel)
        assert refused.value.fields == {"channels": "There is no such channel."}
    assert not Route.objects.filter(scope=Route.Scope.SURFACE).exists()


def test_only_rules_about_nodes_have_a_route_and_templates_have_an_end(workspace: Workspace) -> None:
    alerts.ensure_builtin_rules(workspace=workspace)
    with pytest.raises(InvalidInputError) as refused:
        tell_rule_route(AlertRule.objects.of(workspace).get(number=CONTAINER_CHANGED))
    assert "rule" in refused.value.fields
    with pytest.raises(InvalidInputError) as refused:
        tell_container_route(workspace, template="x" * 4001)
    assert "template" in refused.value.fields
    assert not Route.objects.exists()


def test_a_channel_is_made_changed_and_removed(workspace: Workspace) -> None:
    secret = {"url": "https://a.example/", "secret": "s3cret"}
    channel = make_channel(workspace, kind=ChannelKind.WEBHOOK, config=secret)
    said: dict[str, Any] = {"actor": "ana", "now": T0, "channel": channel}
    services.update_channel(
        kind=ChannelKind.WEBHOOK, name=" Night \n shift ", config={"url": "https://b.example/"}, enabled=False, **said
    )
    row = Channel.objects.get()
    assert row.config is not None
    assert (row.name, row.enabled, row.config["url"]) == ("Night shift", False, "https://b.example/")
    assert row.config["secret"] == "s3cret"
    services.update_channel(kind=ChannelKind.EMAIL, name="Mail", config={"to": [OPS]}, enabled=True, **said)
    assert Channel.objects.get().config == {"to": [OPS]}
    services.delete_channel(channel=row, actor="ana", now=T0)
    assert not Channel.objects.exists()
    assert "s3cret" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": " "}, InvalidInputError),
        ({"name": "x" * 121}, InvalidInputError),
        ({"kind": ChannelKind.WEB_PUSH}, InvalidInputError),
        ({"config": {"to": ["nobody"]}}, InvalidInputError),
        ({"kind": ChannelKind.SMS, "config": {"to": ["+491511234567"]}}, PremiumRequiredError),
    ],
    ids=["blank", "long", "personal", "address", "plan"],
)
def test_a_channel_that_cannot_be_is_refused(workspace: Workspace, fields: dict[str, Any], error: Any) -> None:
    workspace.plan = "free"
    workspace.save()
    with pytest.raises(error):
        make_channel(workspace, **fields)
    assert not Channel.objects.exists()


def test_there_is_a_last_place_for_channels(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_services, "MOST_CHANNELS", 1)
    make_channel(workspace)
    with pytest.raises(PlanLimitError):
        make_channel(workspace)
    assert Channel.objects.count() == 1
