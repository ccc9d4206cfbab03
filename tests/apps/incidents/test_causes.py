"""Trouble below other trouble: linked, silent, and told when it outlasts its cause (contract Dashmon 9.1)."""

import pytest

from apps.common.values import Ref
from apps.devices.models import Device
from apps.incidents import services
from apps.incidents.models import Incident, IncidentEvent
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import change, go_down, make_device, make_workspace, minutes, tell


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def router(workspace: Workspace) -> Device:
    return make_device(workspace, "Router")


@pytest.fixture
def till(workspace: Workspace, router: Device) -> Device:
    device = make_device(workspace, "Till")
    device.parents.add(router)
    return device


def told(device: Device) -> list[tuple[str, bool]]:
    rows = IncidentEvent.objects.filter(subject_id=device.pk).order_by("pk")
    return [(event.kind, bool(event.detail.get("muted"))) for event in rows]


def test_trouble_below_an_open_incident_is_linked_and_silent(router: Device, till: Device) -> None:
    cause = go_down(router)
    incident = go_down(till, minutes(1))

    assert (incident.caused_by, incident.muted) == (cause, True)
    assert told(till) == [("opened", True)]


def test_trouble_of_its_own_is_told(router: Device, till: Device) -> None:
    incident = go_down(till)
    go_down(router, minutes(1))

    incident.refresh_from_db()
    assert (incident.caused_by, incident.muted) == (None, False)
    assert told(till) == [("opened", False)]


def test_both_in_one_batch_are_linked_whatever_their_order(router: Device, till: Device) -> None:
    tell(change(till, "up", "down", minutes(0)), change(router, "up", "down", minutes(0)))

    incident = Incident.objects.get(subject_id=till.pk)
    assert incident.caused_by == Incident.objects.get(subject_id=router.pk)
    assert told(till) == [("opened", True)]


def test_it_is_told_when_it_outlasts_its_cause(router: Device, till: Device) -> None:
    go_down(router)
    incident = go_down(till, minutes(1))
    tell(change(router, "down", "up", minutes(5)))

    incident.refresh_from_db()
    assert incident.muted is False
    assert incident.caused_by is not None
    event = IncidentEvent.objects.filter(incident=incident).order_by("-pk")[0]
    assert (event.kind, event.at, event.fanned_out_at) == ("released", minutes(5), None)
    assert (event.detail["after"], event.detail["cause_text"]) == ("down", "connection refused")


def test_it_is_never_told_when_it_ends_first(router: Device, till: Device) -> None:
    go_down(router)
    go_down(till, minutes(1))
    tell(change(till, "down", "up", minutes(3)))
    tell(change(router, "down", "up", minutes(5)))

    assert told(till) == [("opened", True), ("closed", True)]


def test_with_two_causes_it_waits_for_both(workspace: Workspace, router: Device, till: Device) -> None:
    uplink = make_device(workspace, "Uplink")
    till.parents.add(uplink)
    first = go_down(uplink)
    second = go_down(router, minutes(1))
    incident = go_down(till, minutes(2))
    assert incident.caused_by == first

    tell(change(uplink, "down", "up", minutes(3)))
    incident.refresh_from_db()
    assert (incident.caused_by, incident.muted) == (second, True)

    tell(change(router, "down", "up", minutes(4)))
    incident.refresh_from_db()
    assert incident.muted is False
    assert told(till)[-1] == ("released", False)


def test_a_chain_is_released_link_by_link(workspace: Workspace, router: Device, till: Device) -> None:
    scanner = make_device(workspace, "Scanner")
    scanner.parents.add(till)
    go_down(router)
    go_down(till, minutes(1))
    last = go_down(scanner, minutes(2))

    tell(change(router, "down", "up", minutes(3)))
    last.refresh_from_db()
    assert last.muted is True

    tell(change(till, "down", "up", minutes(4)))
    last.refresh_from_db()
    assert last.muted is False


@pytest.mark.parametrize("way", ["by hand", "silently"])
def test_however_the_cause_ends_what_it_kept_silent_is_told(router: Device, till: Device, way: str) -> None:
    cause = go_down(router)
    go_down(till, minutes(1))
    if way == "by hand":
        services.resolve(incident=cause, actor="ana", now=minutes(2))
    else:
        services.close_silently(ref=Ref("device", router.pk), reason="paused", now=minutes(2))

    assert told(till)[-1] == ("released", False)


def test_the_release_is_written_once(router: Device, till: Device) -> None:
    go_down(router)
    go_down(till, minutes(1))
    for _ in range(3):
        tell(change(router, "down", "up", minutes(5)))

    assert [kind for kind, _ in told(till)] == ["opened", "released"]


def test_trouble_in_another_workspace_excuses_nothing(till: Device) -> None:
    other = make_device(make_workspace("globex"), "Router")
    till.parents.set([other])
    go_down(other)

    assert go_down(till, minutes(1)).muted is False


def test_many_at_once_cost_no_more_queries_than_few(
    workspace: Workspace, router: Device, django_assert_max_num_queries
) -> None:
    go_down(router)
    tills = [make_device(workspace, f"Till {number}") for number in range(30)]
    for device in tills:
        device.parents.add(router)

    # Number, row and link for each incident, each number in a savepoint of its own; and a dozen for the batch.
    with django_assert_max_num_queries(12 + 8 * len(tills)):
        tell(*[change(device, "up", "down", minutes(1)) for device in tills])

    assert Incident.objects.filter(muted=True).count() == len(tills)
