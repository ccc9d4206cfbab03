from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.audit.models import AuditEntry
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError
from apps.devices.models import Device
from apps.incidents import services
from apps.incidents.models import Incident, IncidentEvent
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, go_down, make_device, make_workspace, minutes, tell


def kinds(device: Device) -> list[str]:
    rows = IncidentEvent.objects.of(device.workspace_id).filter(subject_id=device.pk)
    return list(rows.order_by("id").values_list("kind", flat=True))


def test_a_device_that_goes_down_opens_a_critical_incident(device: Device) -> None:
    (incident,) = tell(change(device, "up", "down"))

    incident.refresh_from_db()
    assert (incident.severity, incident.state, incident.title) == ("critical", "down", "Till 1 is down")
    assert (incident.cause, incident.cause_text) == ("refused", "connection refused")
    assert (incident.number, incident.opened_at, incident.status) == (1, T0, "open")
    assert (incident.subject_name, incident.project_id) == ("Till 1", device.project_id)
    assert kinds(device) == ["opened"]


def test_an_event_carries_the_change_for_whoever_is_told(device: Device) -> None:
    tell(change(device, "up", "down"))

    event = IncidentEvent.objects.of(device.workspace_id).get()
    assert event.fanned_out_at is None
    assert {key: event.detail[key] for key in ("before", "after", "in_maintenance", "severity")} == {
        "before": "up",
        "after": "down",
        "in_maintenance": False,
        "severity": "critical",
    }


def test_a_fact_told_twice_changes_nothing(device: Device) -> None:
    tell(change(device, "up", "down"))

    assert tell(change(device, "up", "down")) == []
    assert Incident.objects.of(device.workspace_id).count() == 1
    assert kinds(device) == ["opened"]


def test_an_old_fact_told_again_after_recovery_opens_nothing(device: Device) -> None:
    tell(change(device, "up", "down"))
    tell(change(device, "down", "up", minutes(1)))

    tell(change(device, "up", "down"))

    assert Incident.objects.of(device.workspace_id).filter(closed_at__isnull=True).count() == 0
    assert kinds(device) == ["opened", "closed"]


def test_a_fact_told_twice_in_one_batch_changes_nothing_the_second_time(device: Device) -> None:
    touched = tell(change(device, "up", "down"), change(device, "up", "down"))

    assert len(touched) == 1
    assert kinds(device) == ["opened"]


def test_down_and_up_again_in_one_batch_opens_and_closes(device: Device) -> None:
    touched = tell(change(device, "up", "down"), change(device, "down", "up", minutes(2)))

    (incident,) = touched
    incident.refresh_from_db()
    assert (incident.status, incident.duration_s(minutes(9))) == ("resolved", 120)
    assert kinds(device) == ["opened", "closed"]


def test_trouble_worsens_and_eases_within_one_incident(device: Device) -> None:
    tell(change(device, "up", "warning"))
    tell(change(device, "warning", "down", minutes(1)))
    (incident,) = tell(change(device, "down", "warning", minutes(2)))

    incident.refresh_from_db()
    assert (incident.severity, incident.state, incident.title) == ("warning", "warning", "Till 1 is degraded")
    assert Incident.objects.of(device.workspace_id).count() == 1
    assert kinds(device) == ["opened", "worsened", "eased"]


def test_recovery_closes_and_the_next_fault_opens_another_number(device: Device) -> None:
    go_down(device)
    tell(change(device, "down", "up", minutes(5)))
    second = go_down(device, minutes(9))

    first = Incident.objects.of(device.workspace_id).get(number=1)
    assert (first.closed_at, first.close_reason) == (minutes(5), "condition_cleared")
    assert (second.number, second.closed_at) == (2, None)


def test_not_knowing_is_no_recovery(device: Device) -> None:
    incident = go_down(device)

    tell(change(device, "down", "unknown", minutes(5)))

    incident.refresh_from_db()
    assert incident.closed_at is None
    assert kinds(device) == ["opened", "changed"]


def test_nothing_opens_in_maintenance_but_the_change_is_kept(device: Device) -> None:
    assert tell(change(device, "up", "down", in_maintenance=True)) == []

    assert Incident.objects.of(device.workspace_id).count() == 0
    assert kinds(device) == ["changed"]


def test_a_device_still_down_when_its_window_ends_opens_its_incident_then(device: Device) -> None:
    tell(change(device, "up", "down", in_maintenance=True))

    (incident,) = tell(change(device, "down", "down", minutes(30)))

    assert incident.opened_at == minutes(30)
    assert kinds(device) == ["changed", "opened"]


def test_a_recovery_dated_before_the_opening_gives_no_negative_duration(device: Device) -> None:
    incident = go_down(device, minutes(5))

    tell(change(device, "down", "up", minutes(3)))

    incident.refresh_from_db()
    assert incident.closed_at == incident.opened_at


def test_the_database_allows_one_open_incident_per_rule_and_subject(device: Device) -> None:
    incident = go_down(device)
    incident.pk, incident.number = None, 99
    incident.public_id = incident.workspace.public_id

    with pytest.raises(IntegrityError), transaction.atomic():
        incident.save(force_insert=True)

    assert Incident.objects.of(device.workspace_id).count() == 1


def test_a_failure_midway_leaves_neither_incident_nor_event_nor_number(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(services, "_change", broken)
        with pytest.raises(RuntimeError):
            tell(change(device, "up", "down"))
    assert Incident.objects.of(device.workspace_id).count() == 0

    assert go_down(device).number == 1
    assert kinds(device) == ["opened"]


def test_workspaces_count_their_incidents_apart(device: Device) -> None:
    other = make_device(make_workspace("other"))

    incidents = tell(change(device, "up", "down"), change(other, "up", "down"))

    assert [incident.number for incident in incidents] == [1, 1]


def test_a_mass_outage_costs_a_bounded_number_of_reads(
    workspace: Workspace, django_assert_max_num_queries: object
) -> None:
    devices = [make_device(workspace, f"Till {n}") for n in range(20)]

    # Seven for each incident: the counter (savepoint, get, lock, save, release), the row and its event.
    with django_assert_max_num_queries(12 + 20 * 7):  # type: ignore[operator]  # a fixture without a type
        incidents = tell(*(change(device, "up", "down") for device in devices))

    assert len(incidents) == 20


def test_acknowledging_names_the_person_once(device: Device) -> None:
    incident = go_down(device)
    owner = incident.workspace.__class__.objects.get(pk=incident.workspace_id)

    first = services.acknowledge(incident=incident, actor="ana@acme.example", user=None, now=minutes(1))
    second = services.acknowledge(incident=incident, actor="bo@acme.example", user=None, now=minutes(2))

    assert first.acknowledged_at == second.acknowledged_at == minutes(1)
    assert second.status == "acknowledged"
    assert kinds(device) == ["opened", "acknowledged"]
    (entry,) = AuditEntry.objects.of(owner)
    assert (entry.verb, entry.actor) == ("incident.acknowledge", "ana@acme.example")


def test_a_resolved_incident_cannot_be_acknowledged_or_resolved_again(device: Device) -> None:
    incident = go_down(device)
    services.resolve(incident=incident, actor="ana@acme.example", now=minutes(1), note=" replaced the cable ")

    with pytest.raises(ConflictError):
        services.acknowledge(incident=incident, actor="bo@acme.example", user=None, now=minutes(2))
    with pytest.raises(ConflictError):
        services.resolve(incident=incident, actor="bo@acme.example", now=minutes(2))

    incident.refresh_from_db()
    assert (incident.closed_at, incident.close_reason) == (minutes(1), "resolved_by_hand")
    assert kinds(device) == ["opened", "closed"]
    closing = IncidentEvent.objects.of(device.workspace_id).get(kind="closed")
    assert (closing.detail["text"], closing.actor) == ("replaced the cable", "ana@acme.example")


def test_after_closing_by_hand_only_the_next_change_speaks(device: Device) -> None:
    incident = go_down(device)
    services.resolve(incident=incident, actor="ana@acme.example", now=minutes(1))

    tell(change(device, "down", "up", minutes(2)))
    tell(change(device, "up", "down", minutes(3)))

    assert kinds(device) == ["opened", "closed", "changed", "opened"]
    assert Incident.objects.of(device.workspace_id).count() == 2


def test_a_note_is_kept_and_announces_nothing(device: Device) -> None:
    incident = go_down(device)

    event = services.add_note(incident=incident, text=" on my way ", actor="ana@acme.example", now=minutes(1))

    assert (event.detail, event.fanned_out_at) == ({"text": "on my way"}, minutes(1))


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001])
def test_a_note_without_text_or_without_end_is_refused(device: Device, text: str) -> None:
    incident = go_down(device)

    with pytest.raises(InvalidInputError):
        services.add_note(incident=incident, text=text, actor="ana@acme.example", now=minutes(1))

    assert kinds(device) == ["opened"]
    assert not AuditEntry.objects.of(device.workspace_id).exists()


def test_a_deleted_incident_is_not_found(device: Device) -> None:
    incident = go_down(device)
    Incident.objects.of(device.workspace_id).delete()

    with pytest.raises(NotFoundError):
        services.add_note(incident=incident, text="hello", actor="ana@acme.example", now=minutes(1))


def test_closing_silently_tells_nobody_and_takes_nothing_back(device: Device) -> None:
    incident = go_down(device)

    closed = services.close_silently(ref=device.ref, reason="subject_deleted", now=minutes(1))
    again = services.close_silently(ref=device.ref, reason="subject_deleted", now=minutes(2))

    incident.refresh_from_db()
    assert ([row.pk for row in closed], again) == ([incident.pk], [])
    assert (incident.closed_at, incident.close_reason) == (minutes(1), "subject_deleted")
    waiting = IncidentEvent.objects.of(device.workspace_id).filter(fanned_out_at__isnull=True)
    assert [event.kind for event in waiting] == ["opened"]


def test_duration_counts_to_now_while_open(device: Device) -> None:
    incident = go_down(device)

    assert incident.duration_s(T0 + timedelta(seconds=90, milliseconds=900)) == 90
    assert incident.duration_s(T0 - timedelta(seconds=5)) == 0
