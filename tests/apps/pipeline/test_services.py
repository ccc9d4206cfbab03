"""The one door: results, states, changes and incidents move together or not at all."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.windows import Streak
from apps.devices.models import Device, DeviceState
from apps.devices.state import Outcome
from apps.incidents.models import Incident, IncidentEvent
from apps.metrics.selectors import newest
from apps.pipeline import services
from apps.pipeline.services import submit
from apps.pipeline.types import DeviceFact
from apps.pipeline.windows import set_maintenance, sweep_windows
from apps.projects.windows import Target
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_device, make_project

MINUTE = timedelta(minutes=1)


def fact(device: Device, at: datetime, status: str = "up", **facts) -> DeviceFact:
    down = status != "up"
    outcome = Outcome(at, status, cause="refused" if down else "", cause_text="Connection refused" if down else "")
    values = {"latency_us": None if down else 1500, "interval_ms": 60_000}
    detail = {"error": "connect", "reason": "refused"} if down else {}
    return DeviceFact(device.workspace_id, device.pk, at, outcome, values, detail, **facts)


def state_of(device: Device) -> DeviceState:
    return DeviceState.objects.get(pk=device.pk)


def test_a_result_becomes_a_row_a_state_an_incident_and_an_event_for_the_outbox(device, now) -> None:
    submit(observations=[fact(device, now)], now=now)
    done = submit(observations=[fact(device, now + MINUTE, "down")], now=now + MINUTE)

    assert [row.state for row in rows_of(device)] == ["up", "down"]
    state = state_of(device)
    assert (state.state, state.rank, state.since, state.cause) == ("down", 3, now + MINUTE, "refused")
    assert [(change.before, change.after, change.at) for change in done.changes] == [("up", "down", now + MINUTE)]
    incident = Incident.objects.get()
    assert (incident.subject_id, incident.opened_at, incident.closed_at) == (device.pk, now + MINUTE, None)
    assert IncidentEvent.objects.filter(fanned_out_at__isnull=True).count() == 2

    submit(observations=[fact(device, now + 2 * MINUTE)], now=now + 2 * MINUTE)

    incident.refresh_from_db()
    assert incident.closed_at == now + 2 * MINUTE


def test_a_fact_told_again_changes_nothing(device, now) -> None:
    Device.objects.update(retries=1)
    facts = [fact(device, now + index * MINUTE, status) for index, status in enumerate(["up", "down", "down", "up"])]
    for known in facts:
        submit(observations=[known], now=known.at)

    def everything():
        return (
            rows_of(device),
            DeviceState.objects.values_list("state", "since", "streak", "failed_at", "version").get(),
            list(Incident.objects.values_list("opened_at", "closed_at")),
            IncidentEvent.objects.count(),
        )

    before = everything()
    for known in facts:
        assert submit(observations=[known], now=facts[-1].at).changes == ()
    submit(observations=facts, now=facts[-1].at)

    assert everything() == before


def test_facts_of_one_device_are_applied_in_the_order_of_their_instants(device, now) -> None:
    facts = [fact(device, now + index * MINUTE, status) for index, status in enumerate(["up", "down", "up"])]

    done = submit(observations=facts[::-1], now=now + 5 * MINUTE)

    assert [(change.before, change.after) for change in done.changes] == [
        ("unknown", "up"),
        ("up", "down"),
        ("down", "up"),
    ]


def test_only_states_that_changed_are_written(project, now) -> None:
    devices = [make_device(project, now=now) for _ in range(5)]
    submit(observations=[fact(device, now) for device in devices], now=now)
    versions = dict(DeviceState.objects.values_list("pk", "version"))

    submit(
        observations=[fact(device, now + MINUTE, "down" if device is devices[2] else "up") for device in devices],
        now=now + MINUTE,
    )

    after = dict(DeviceState.objects.values_list("pk", "version"))
    assert {pk for pk in after if after[pk] != versions[pk]} == {devices[2].pk}


def test_a_failure_in_doubt_is_a_warning_that_nobody_hears_of(device, now) -> None:
    Device.objects.update(retries=2)
    submit(observations=[fact(device, now)], now=now)
    events = IncidentEvent.objects.count()

    done = submit(observations=[fact(device, now + MINUTE, "down")], now=now + MINUTE)

    assert done.confirming == {device.pk}
    assert (state_of(device).state, state_of(device).announced) == ("warning", "up")
    assert rows_of(device)[-1].state == "warning"
    assert rows_of(device)[-1].detail == {"error": "connect", "reason": "refused", "confirming": True}
    assert (Incident.objects.count(), IncidentEvent.objects.count()) == (0, events)


def test_a_check_that_could_not_be_run_is_stored_as_unknown_and_changes_nothing(device, now) -> None:
    submit(observations=[fact(device, now)], now=now)
    unmeasured = Outcome(now + MINUTE, "down", measured=False)
    odd = DeviceFact(
        device.workspace_id, device.pk, now + MINUTE, unmeasured, {"interval_ms": 60_000}, {"reason": "not_measured"}
    )

    done = submit(observations=[odd], now=now + MINUTE)

    assert (done.changes, done.settled) == ((), frozenset())
    assert [row.state for row in rows_of(device)] == ["up", "unknown"]
    assert state_of(device).state == "up"


def test_expiries_are_remembered_and_a_check_that_saw_none_forgets_none(device, now) -> None:
    end = now + timedelta(days=40)
    seen = fact(device, now, certificate_expires_at=end, certificate_issuer="CN=Test CA", domain_expires_at=end)
    submit(observations=[seen], now=now)

    submit(observations=[fact(device, now + MINUTE)], now=now + MINUTE)

    state = state_of(device)
    assert (state.certificate_expires_at, state.certificate_issuer, state.domain_expires_at) == (end, "CN=Test CA", end)


def test_facts_about_devices_that_are_gone_or_not_of_that_workspace_are_dropped(device, now) -> None:
    foreign = make_device(make_project(now=now, name="other"), now=now)
    crossed = fact(device, now, "down")
    crossed = DeviceFact(foreign.workspace_id, device.pk, now, crossed.outcome, crossed.values)
    gone = DeviceFact(device.workspace_id, 10**9, now, crossed.outcome, crossed.values)

    done = submit(observations=[crossed, gone], now=now)

    assert (done.stored, done.changes) == (0, ())
    assert state_of(device).state == "unknown"
    assert rows_of(device) == rows_of(foreign) == []


def test_no_incident_opens_inside_a_window_and_one_that_was_open_may_close_in_it(project, now) -> None:
    silent, open_before = make_device(project, now=now), make_device(project, now=now)
    submit(observations=[fact(silent, now), fact(open_before, now, "down")], now=now)
    target = Target(workspace_id=project.workspace_id, project=project)
    set_maintenance(target=target, starts_at=now + MINUTE, ends_at=now + 60 * MINUTE, now=now)

    inside = now + 2 * MINUTE
    submit(observations=[fact(silent, inside, "down"), fact(open_before, inside)], now=inside)

    assert state_of(silent).state == "down"
    incident = Incident.objects.get()
    assert (incident.subject_id, incident.closed_at) == (open_before.pk, inside)


@pytest.mark.parametrize("step", ["lock_states", "save_states", "changes_of", "announce"])
def test_a_submission_that_breaks_off_has_not_happened(device, now, monkeypatch, step) -> None:
    submit(observations=[fact(device, now)], now=now)
    original = getattr(services, step)

    def breaks_after(*args, **kwargs):
        original(*args, **kwargs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(services, step, breaks_after)
        with pytest.raises(RuntimeError, match="killed"):
            submit(observations=[fact(device, now + MINUTE, "down")], now=now + MINUTE)
    assert (state_of(device).state, len(rows_of(device)), Incident.objects.count()) == ("up", 1, 0)

    submit(observations=[fact(device, now + MINUTE, "down")], now=now + MINUTE)
    assert (state_of(device).state, len(rows_of(device)), Incident.objects.count()) == ("down", 2, 1)


def test_five_hundred_quiet_results_take_few_statements(project, now, django_assert_max_num_queries) -> None:
    devices = [make_device(project, now=now) for _ in range(100)]
    submit(observations=[fact(device, now) for device in devices], now=now)
    later = now + MINUTE

    with django_assert_max_num_queries(12):
        submit(observations=[fact(device, later) for device in devices], now=later)


def warn(device: Device, at: datetime, severity: str, **facts) -> None:
    """A certificate that runs out: a warning that may be loud from the start."""
    found = Outcome(at, "warning", cause="expires_soon", cause_text=f"Expires soon at {at}", severity=severity)
    submit(observations=[DeviceFact(device.workspace_id, device.pk, at, found, {"cert.days": 6}, **facts)], now=at)


def test_a_warning_that_grows_critical_is_announced_as_worsened_once(device, now) -> None:
    for minute, severity in enumerate(["warning", "warning", "critical", "critical"]):
        warn(device, now + minute * MINUTE, severity)

    incident = Incident.objects.get()
    assert (incident.severity, incident.state, incident.opened_at) == ("critical", "warning", now)
    assert incident.cause_text == f"Expires soon at {now + 2 * MINUTE}"
    events = list(IncidentEvent.objects.order_by("id").values_list("kind", "at", "detail__severity"))
    assert events == [("opened", now, "warning"), ("worsened", now + 2 * MINUTE, "critical")]
    assert IncidentEvent.objects.filter(fanned_out_at=None).count() == 2


def test_a_device_whose_own_severity_is_critical_does_not_worsen(device, now) -> None:
    Device.objects.filter(pk=device.pk).update(severity="critical")
    for minute, severity in enumerate(["warning", "critical"]):
        warn(device, now + minute * MINUTE, severity)

    assert list(IncidentEvent.objects.values_list("kind", flat=True)) == ["opened"]


def test_a_warning_that_grew_critical_inside_a_window_opens_critical_at_its_end(device, now) -> None:
    target = Target(device.workspace_id, ref=device.ref)
    set_maintenance(target=target, starts_at=now, ends_at=now + 5 * MINUTE, now=now)
    for minute, severity in enumerate(["warning", "critical"]):
        warn(device, now + (minute + 1) * MINUTE, severity)
    assert not Incident.objects.exists()

    sweep_windows(now=now + 6 * MINUTE)

    assert Incident.objects.get().severity == "critical"


def test_a_rule_about_a_value_of_a_monitor_is_judged_with_its_results(device, now) -> None:
    slow = Condition("latency_us", "gt", 1_000, window=Streak(60))
    draft = RuleDraft("Slow", "device", (slow,))
    alerts.create_rule(workspace=device.project.workspace, draft=draft, actor="ana", now=now)

    for minute in range(3):
        submit(observations=[fact(device, now + minute * MINUTE)], now=now + minute * MINUTE)

    incident = Incident.objects.get()
    assert (incident.title, incident.value, incident.opened_at) == (f"Slow on {device.name}", 1500, now + MINUTE)


def test_a_rule_about_a_phase_is_judged_by_what_was_measured_not_by_the_step_it_is_kept_in(device, now) -> None:
    draft = RuleDraft("Slow names", "device", (Condition("dns_us", "gt", 1_220),))
    alerts.create_rule(workspace=device.project.workspace, draft=draft, actor="ana", now=now)
    measured = fact(device, now)

    submit(observations=[measured._replace(values={**measured.values, "dns_us": 1_234})], now=now)

    assert Incident.objects.get().value == 1_234
    assert newest(workspace_id=device.workspace_id, refs=[device.ref])[device.pk].dns_us == 1_200


def test_a_result_that_was_not_measured_says_nothing_to_rules_about_values(device, now) -> None:
    draft = RuleDraft("Silent", "device", (Condition("latency_us", "gt", 1_000, missing="bad"),))
    alerts.create_rule(workspace=device.project.workspace, draft=draft, actor="ana", now=now)
    missed = DeviceFact(device.workspace_id, device.pk, now, None, {"missed": 1})

    submit(observations=[missed], now=now)

    assert not Incident.objects.exists()


def test_without_rules_about_values_a_batch_costs_one_look_more(device, now) -> None:
    alerts.ensure_builtin_rules(workspace=device.workspace_id)
    submit(observations=[fact(device, now)], now=now)

    with CaptureQueriesContext(connection) as captured:
        submit(observations=[fact(device, now + MINUTE)], now=now + MINUTE)

    about_rules = [query["sql"] for query in captured if "alerts_" in query["sql"] and "SAVEPOINT" not in query["sql"]]
    assert len(about_rules) == 1
