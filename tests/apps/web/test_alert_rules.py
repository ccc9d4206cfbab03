"""The pages about rules: in words for everyone, with a form and switches for those who may change them."""

from dataclasses import replace

import pytest
from django.forms import Form

from apps.alerts import services
from apps.alerts.built_in import BUILT_IN
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.alerts.selectors import rule_by_number
from apps.alerts.windows import Share, Streak
from apps.audit.models import AuditEntry
from apps.common.values import Cover
from apps.devices.models import Device
from apps.devices.state import Outcome
from apps.incidents.models import Incident
from apps.pipeline.services import submit
from apps.pipeline.types import DeviceFact
from apps.web.forms.rules import fits
from apps.web.presenters.rules import about, words
from tests import factories
from tests.apps.web.conftest import Scene

FIELDS = {
    "name": "Slow",
    "metric": "latency_us",
    "op": "gt",
    "bound": "2000",
    "span": "streak",
    "seconds": "300",
    "missing": "hold",
    "severity": "warning",
    "cooldown": "0",
    "cover": "all",
}


def make(scene: Scene, *conditions: Condition, kind: str = "device", **facts) -> AlertRule:
    draft = RuleDraft(facts.pop("name", "Slow"), kind, conditions or (Condition("latency_us", "gt", 1000),), **facts)
    return services.create_rule(workspace=scene.workspace, draft=draft, actor="ana", now=scene.now)


def own(scene: Scene) -> list[AlertRule]:
    return list(AlertRule.objects.of(scene.workspace).filter(number__gt=4, deleted_at=None).order_by("number"))


def filled(form: Form) -> dict[str, object]:
    """What a browser sends back for a form nobody has touched."""
    values = {bound.html_name: bound.value() for bound in form}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def slow(device: Device, scene: Scene) -> None:
    found = Outcome(scene.now, "up")
    fact = DeviceFact(device.workspace_id, device.pk, scene.now, found, {"latency_us": 5000, "interval_ms": 60_000})
    submit(observations=[fact], now=scene.now)


def test_all_rules_are_listed_in_words(scene: Scene) -> None:
    make(scene, Condition("latency_us", "gt", 2_000_000, window=Streak(300)))

    text = scene.client(scene.viewer).get(scene.path("alerts/rules/")).content.decode()

    assert "Response time: over 2000 ms for 5 min" in text
    assert "A monitor is down or degraded" in text
    assert "Time since the last report: over what its interval allows" in text
    assert "CPU use: at least 90 % for 1 min" in text
    assert "No node yet" in text
    assert text.count('scope="row"') == len(BUILT_IN) + 5


def test_a_viewer_sees_rules_and_changes_none(scene: Scene) -> None:
    rule = make(scene)
    client = scene.client(scene.viewer)
    text = client.get(scene.path("alerts/rules/")).content.decode()

    assert "Owners and admins can change rules." in text
    assert "Switch off" not in text
    for path in ("alerts/rules/new", f"alerts/rules/{rule.number}"):
        assert client.get(scene.path(path)).status_code == 403
    for path in ("new", f"{rule.number}", f"{rule.number}/switch", f"{rule.number}/delete", "-5/switch"):
        assert client.post(scene.path(f"alerts/rules/{path}"), FIELDS).status_code == 403
    assert [row.pk for row in own(scene)] == [rule.pk]
    assert rule_by_number(scene.workspace, -5).enabled


@pytest.mark.parametrize("number", ["99", "abc", "--5", "9" * 30, "²"])
def test_a_rule_that_is_not_there_is_not_found(scene: Scene, number: str) -> None:
    client = scene.client(scene.owner)

    assert client.get(scene.path(f"alerts/rules/{number}")).status_code == 404
    assert client.post(scene.path(f"alerts/rules/{number}/switch")).status_code == 404


def test_a_foreign_rule_is_not_there(scene: Scene) -> None:
    rule = make(scene)
    foreign = factories.make_user("mia@example.com")
    elsewhere = factories.make_workspace(owner=foreign, name="Far")

    response = scene.client(foreign).post(f"/app/w/{elsewhere.slug}/alerts/rules/{rule.number}/delete")

    assert response.status_code == 404
    assert own(scene) == [rule]


def test_a_rule_is_made_in_the_units_of_people(scene: Scene) -> None:
    response = scene.client(scene.owner).post(scene.path("alerts/rules/new"), FIELDS)

    assert response.status_code == 302
    (rule,) = own(scene)
    (condition,) = services.draft_of(rule).conditions
    assert condition == Condition("latency_us", "gt", 2_000_000, window=Streak(300))
    assert AuditEntry.objects.of(scene.workspace).filter(verb="rule.create").get().actor == "ana@example.com"


def test_a_rule_about_chosen_monitors_is_about_no_others(scene: Scene) -> None:
    other = factories.make_device(scene.project, "Till 2")
    client = scene.client(scene.owner)
    client.post(scene.path("alerts/rules/new"), {**FIELDS, "cover": "only", "numbers": [str(scene.device.number)]})

    (rule,) = own(scene)
    cover = services.draft_of(rule).conditions[0].cover
    assert (cover.covers(scene.device.number), cover.covers(other.number)) == (True, False)
    assert "Only 1 monitor" in client.get(scene.path("alerts/rules/")).content.decode()


@pytest.mark.parametrize(
    ("fields", "condition"),
    [
        ({"metric": "cpu.ratio", "bound": "28", "span": "now"}, Condition("cpu.ratio", "gt", 0.28)),
        ({"metric": "mem.used_bytes", "bound": "512", "span": "now"}, Condition("mem.used_bytes", "gt", 512 * 2**20)),
        (
            {"metric": "cpu.load1", "bound": "1", "cores": "on", "span": "most", "seconds": "30"},
            Condition("cpu.load1", "gt", 1, plus="cores", window=Share(10)),
        ),
        (
            {"metric": "conn.tcp", "bound": "5", "span": "every", "seconds": "9", "cover": "only", "numbers": "3, 7"},
            Condition("conn.tcp", "gt", 5, window=Share(3, every=True), cover=Cover(False, frozenset({3, 7}))),
        ),
    ],
)
def test_a_rule_about_nodes_is_stored_as_the_domain_counts(scene: Scene, fields: dict, condition: Condition) -> None:
    response = scene.client(scene.owner).post(scene.path("alerts/rules/new?kind=node"), {**FIELDS, **fields})

    assert response.status_code == 302
    assert services.draft_of(own(scene)[0]).conditions == (condition,)


def test_traffic_adds_up_from_midnight_in_the_zone_of_the_workspace(scene: Scene) -> None:
    scene.workspace.timezone = "Europe/Berlin"
    scene.workspace.save()
    fields = {**FIELDS, "metric": "net.tx_bytes", "bound": "1", "span": "month"}

    scene.client(scene.owner).post(scene.path("alerts/rules/new?kind=node"), fields)

    window = services.draft_of(own(scene)[0]).conditions[0].window
    assert isinstance(window, Cycle)
    assert (window.unit, window.every, window.zone) == ("month", 1, "Europe/Berlin")
    assert (window.anchor.day, window.anchor.hour) == (1, 0)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": " "}, "This field is required."),
        ({"metric": "cpu.ratio"}, "Select a valid choice."),
        ({"bound": "a lot"}, "Enter a number."),
        ({"bound": "nan"}, "Enter a number."),
        ({"bound": "1e300"}, "A number is needed."),
        ({"seconds": "9999999"}, "From none to a week."),
        ({"span": "most", "seconds": "0"}, "From 1 to 28800 ticks."),
        ({"span": "month"}, "Select a valid choice."),
        ({"cooldown": "-1"}, "greater than or equal to 0"),
        ({"severity": "loud"}, "Select a valid choice."),
        ({"cover": "only", "numbers": ["999"]}, "Select a valid choice."),
    ],
)
def test_what_is_not_possible_is_said_beside_its_field_and_nothing_is_saved(scene, fields: dict, sentence: str) -> None:
    response = scene.client(scene.owner).post(scene.path("alerts/rules/new"), {**FIELDS, **fields})

    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert own(scene) == []


@pytest.mark.parametrize("numbers", ["0", "1; 2", "99999999999", "x", "-3", "1 " * 50 + "!"])
def test_numbers_that_no_node_has_are_refused(scene: Scene, numbers: str) -> None:
    fields = {**FIELDS, "metric": "cpu.load1", "cover": "only", "numbers": numbers}

    response = scene.client(scene.owner).post(scene.path("alerts/rules/new?kind=node"), fields)

    assert (response.status_code, own(scene)) == (400, [])


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("device", Condition("latency_us", "gt", 1_234_567, window=Streak(77))),
        ("node", Condition("cpu.load1", "ge", 0, 1, plus="cores", window=Streak(60), missing="clear")),
        ("node", Condition("mem.ratio", "ge", 0.123456789, window=Share(7), cover=Cover(False, frozenset({3, 9})))),
        ("node", Condition("mem.used_bytes", "ge", 1e9 + 1, cover=Cover(True, frozenset({3})))),
        ("container", Condition("cpu.cores", "lt", 0.1, window=Share(9, every=True), missing="bad")),
    ],
)
def test_saving_a_rule_that_nobody_touched_changes_nothing(scene: Scene, kind: str, condition: Condition) -> None:
    rule = make(scene, condition, kind=kind, repeat="tick", stale="close", cooldown_s=120)
    client = scene.client(scene.owner)
    before = services.draft_of(rule)

    fields = filled(client.get(scene.path(f"alerts/rules/{rule.number}")).context["form"])
    assert client.post(scene.path(f"alerts/rules/{rule.number}"), fields).status_code == 302

    rule.refresh_from_db()
    assert (services.draft_of(rule), rule.generation) == (before, 1)


def test_changing_a_rule_closes_what_it_has_open(scene: Scene) -> None:
    rule = make(scene)
    slow(scene.device, scene)
    client = scene.client(scene.owner)
    assert "1 now" in client.get(scene.path("alerts/rules/")).content.decode()
    fields = filled(client.get(scene.path(f"alerts/rules/{rule.number}")).context["form"])

    client.post(scene.path(f"alerts/rules/{rule.number}"), {**fields, "bound": "7"})

    rule.refresh_from_db()
    assert (services.draft_of(rule).conditions[0].bound, rule.generation) == (7000, 2)
    assert Incident.objects.get().close_reason == "rule_updated"


RICH = (Condition("cpu.ratio", "outside", high=0.9, window=Share(10)), Condition("cpu.load1", "outside", high=4))


def test_of_a_rule_that_says_more_than_the_form_only_name_and_severity_change(scene: Scene) -> None:
    rule = make(scene, *RICH, kind="node", repeat="tick")
    client, path = scene.client(scene.owner), scene.path(f"alerts/rules/{rule.number}")
    text = client.get(path).content.decode()
    assert "CPU use: over 90 % in more than 70 % of 30 s and Load over 1 minute: over 4" in text
    assert 'name="metric"' not in text

    client.post(path, {"name": "Busy", "severity": "critical", "bound": "1"})

    before = RuleDraft("Busy", "node", RICH, severity="critical", repeat="tick")
    assert services.draft_of(rule_by_number(scene.workspace, rule.number)) == before


def test_built_in_rules_have_a_switch_and_no_form(scene: Scene) -> None:
    client = scene.client(scene.owner)
    assert client.get(scene.path("alerts/rules/-5")).status_code == 404

    off = client.post(scene.path("alerts/rules/-7/switch"), {"enabled": "on"}, follow=True)

    assert "Rule Certificate runs out is on." in off.content.decode()
    assert rule_by_number(scene.workspace, -7).enabled
    assert client.post(scene.path("alerts/rules/-5/delete")).status_code == 403
    assert rule_by_number(scene.workspace, -5)


def test_deleting_a_rule_keeps_its_incidents(scene: Scene) -> None:
    rule = make(scene)
    slow(scene.device, scene)

    done = scene.client(scene.owner).post(scene.path(f"alerts/rules/{rule.number}/delete"), follow=True)

    assert "Rule Slow is deleted." in done.content.decode()
    assert own(scene) == []
    assert Incident.objects.get().close_reason == "rule_deleted"


def test_without_rules_of_ones_own_the_page_says_what_they_are_for(scene: Scene) -> None:
    AlertRule.objects.of(scene.workspace).filter(number__gt=0).delete()

    text = scene.client(scene.owner).get(scene.path("alerts/rules/")).content.decode()

    assert "Hear of it before it breaks" in text


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (Condition("state", "changed"), "State: changes"),
        (Condition("cpu.cores", "outside"), "CPU cores in use: watched without a limit"),
        (Condition("cpu.cores", "outside", low=1, high=4), "CPU cores in use: under 1 or over 4"),
        (
            Condition("net.rx_bytes", "outside", high=2**30, window=Cycle(factories.NOW, 2, "week")),
            "Traffic in over 2 weeks: over 1 GiB",
        ),
        (Condition("pids", "eq", 0, window=Share(20, every=True)), "Processes: exactly 0 in all of 1 min"),
    ],
)
def test_conditions_have_words(scene: Scene, condition: Condition, said: str) -> None:
    assert words(make(scene, condition, kind="container")) == said


def test_covers_have_words(scene: Scene) -> None:
    def said(*covers: Cover) -> str:
        conditions = [Condition("pids", "gt", 1, cover=cover) for cover in covers]
        return about(make(scene, *conditions, kind="container"))

    assert said(Cover()) == "All containers"
    assert said(Cover(True, frozenset({1, 2}))) == "All containers but 2"
    assert said(Cover(False, frozenset({1}))) == "Only 1 container"
    assert said(Cover(False)) == "No container yet"
    assert said(Cover(), Cover(False)) == "Different containers for each condition"


def test_what_the_form_cannot_say_does_not_fit_it() -> None:
    plain = RuleDraft("x", "node", (Condition("cpu.ratio", "gt", 1),))
    one = plain.conditions[0]

    assert fits(plain)
    for rule in (
        replace(plain, cooldown_s=90),
        replace(plain, conditions=(one, one)),
        replace(plain, conditions=(replace(one, op="outside"),)),
        replace(plain, conditions=(replace(one, offset=1),)),
        replace(plain, conditions=(replace(one, metric="disk.ratio[sda]"),)),
        replace(plain, conditions=(replace(one, metric="node.silence_s", plus="stale_after_s"),)),
        replace(plain, conditions=(replace(one, window=Cycle(factories.NOW, 2, "month")),)),
        replace(plain, conditions=(replace(one, window=Cycle(factories.NOW, 1, "year")),)),
    ):
        assert not fits(rule)
