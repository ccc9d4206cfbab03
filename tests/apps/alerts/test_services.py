import pytest

from apps.alerts.built_in import DEVICE_STATE
from apps.alerts.models import AlertRule
from apps.alerts.services import ensure_builtin_rules, evaluate
from apps.devices.models import Device
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, make_device, make_workspace


def test_built_in_rules_are_made_once(workspace: Workspace) -> None:
    first = ensure_builtin_rules(workspace=workspace)
    second = ensure_builtin_rules(workspace=workspace)

    assert [rule.pk for rule in first] == [rule.pk for rule in second]
    assert [rule.number for rule in AlertRule.objects.of(workspace).order_by("-number")] == list(range(-1, -12, -1))


@pytest.mark.parametrize(
    ("after", "kind", "severity"),
    [
        ("down", "bad", "critical"),
        ("warning", "bad", "warning"),
        ("up", "ok", "warning"),
        ("unknown", "missing", "warning"),
    ],
)
def test_the_state_decides_kind_and_severity(device: Device, after: str, kind: str, severity: str) -> None:
    before = "warning" if after == "up" else "up"

    (verdict,) = evaluate(changes=[change(device, before, after)])  # type: ignore[arg-type]  # parametrised text

    assert (verdict.kind, verdict.severity) == (kind, severity)
    assert (verdict.before, verdict.after, verdict.at) == (before, after, T0)
    assert (verdict.ref, verdict.name, verdict.project_id) == (device.ref, "Till 1", device.project_id)


def test_a_finding_that_must_not_wait_makes_a_warning_critical(device: Device) -> None:
    (verdict,) = evaluate(changes=[change(device, "up", "warning", severity="critical")])

    assert verdict.severity == "critical"


def test_the_devices_own_severity_outranks_state_and_finding(workspace: Workspace) -> None:
    calm = make_device(workspace, "Lab printer", severity="warning")

    verdicts = evaluate(changes=[change(calm, "up", "down"), change(calm, "up", "warning", severity="critical")])

    assert [verdict.severity for verdict in verdicts] == ["warning", "warning"]


def test_a_workspace_without_its_rule_gets_it_on_demand(device: Device) -> None:
    AlertRule.objects.of(device.workspace_id).delete()

    (verdict,) = evaluate(changes=[change(device, "up", "down")])

    assert AlertRule.objects.of(device.workspace_id).get(pk=verdict.rule_id).number == DEVICE_STATE


def test_a_rule_that_is_off_says_nothing(device: Device) -> None:
    AlertRule.objects.of(device.workspace_id).update(enabled=False)

    assert evaluate(changes=[change(device, "up", "down")]) == []


def test_a_change_of_a_device_that_is_gone_says_nothing(device: Device) -> None:
    told = change(device, "up", "down")
    device.delete()

    assert evaluate(changes=[told]) == []


def test_changes_of_many_workspaces_meet_their_own_rules_in_a_bounded_number_of_queries(
    workspace: Workspace, device: Device, django_assert_num_queries: object
) -> None:
    other = make_device(make_workspace("other"), "Router")
    changes = [change(device, "up", "down"), change(other, "up", "down"), change(device, "down", "up")]

    with django_assert_num_queries(5):  # type: ignore[operator]  # a fixture without a type
        verdicts = evaluate(changes=changes)

    assert [verdict.workspace_id for verdict in verdicts] == [workspace.pk, other.workspace_id, workspace.pk]
    assert verdicts[0].rule_id != verdicts[1].rule_id


def test_a_device_is_never_read_under_another_workspaces_name(device: Device) -> None:
    stranger = make_workspace("stranger")
    told = change(device, "up", "down")
    forged = type(told)(**{name: getattr(told, name) for name in told.__slots__} | {"workspace_id": stranger.pk})

    assert evaluate(changes=[forged]) == []
