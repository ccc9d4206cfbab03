import uuid

import pytest

from apps.common.errors import NotFoundError
from apps.devices.models import Device
from apps.incidents import selectors, services
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, go_down, make_device, make_workspace, minutes, tell


def test_the_worst_come_first_and_the_longest_within_them(workspace: Workspace) -> None:
    late = go_down(make_device(workspace, "late"), minutes(5))
    (mild,) = tell(change(make_device(workspace, "mild"), "up", "warning"))
    early = go_down(make_device(workspace, "early"), minutes(1))
    gone = make_device(workspace, "gone")
    go_down(gone)
    tell(change(gone, "down", "up", minutes(1)))

    assert [row.pk for row in selectors.open_worst_first(workspace)] == [early.pk, late.pk, mild.pk]
    assert selectors.count_open(workspace) == 3


def test_a_list_is_read_page_by_page_without_gap_or_repeat(workspace: Workspace) -> None:
    # Two at each instant: the primary key breaks the tie.
    made = [go_down(make_device(workspace, f"Till {n}"), minutes(n // 2)) for n in range(7)]

    seen: list[int] = []
    after = None
    for size in (3, 3, 3):
        page = selectors.list_incidents(workspace, after=after, limit=size)
        seen += [row.pk for row in page.items]
        after = page.next
        assert page.total == 7

    assert seen == sorted((row.pk for row in made), reverse=True)
    assert after is None


def test_a_page_that_ends_with_the_list_names_no_next_one(workspace: Workspace) -> None:
    for n in range(3):
        go_down(make_device(workspace, f"Till {n}"), minutes(n))

    assert selectors.list_incidents(workspace, limit=3).next is None
    assert selectors.list_incidents(make_workspace("empty"), limit=3).items == []


def test_open_includes_acknowledged(workspace: Workspace) -> None:
    fresh = go_down(make_device(workspace, "fresh"))
    taken = go_down(make_device(workspace, "taken"))
    services.acknowledge(incident=taken, actor="ana", user=None, now=minutes(1))
    done = go_down(make_device(workspace, "done"))
    services.resolve(incident=done, actor="ana", now=minutes(1))

    found = {
        status: {row.pk for row in selectors.list_incidents(workspace, status=status).items}
        for status in selectors.STATUS
    }

    assert found == {
        "all": {fresh.pk, taken.pk, done.pk},
        "open": {fresh.pk, taken.pk},
        "acknowledged": {taken.pk},
        "resolved": {done.pk},
    }


def test_filters_narrow_by_device_project_and_time(workspace: Workspace) -> None:
    till = make_device(workspace, "Till 1")
    first = go_down(till, minutes(1))
    tell(change(till, "down", "up", minutes(2)))
    second = go_down(till, minutes(3))
    go_down(make_device(workspace, "Router"), minutes(1))

    def ids(**filters: object) -> list[int]:
        return [row.pk for row in selectors.list_incidents(workspace, **filters).items]  # type: ignore[arg-type]  # keyword filters

    assert ids(device_id=till.pk) == [second.pk, first.pk]
    assert ids(device_id=till.pk, since=minutes(1), until=minutes(3)) == [first.pk]
    assert ids(projects=[]) == []
    assert len(ids(projects=[till.project_id])) == 3
    assert [row.pk for row in selectors.of_device(workspace, till.pk, limit=1)] == [second.pk]
    assert [row.pk for row in selectors.open_of(workspace, till.ref)] == [second.pk]


def test_another_workspaces_incident_is_not_there(workspace: Workspace, device: Device) -> None:
    incident = go_down(device)
    stranger = make_workspace("stranger")

    assert selectors.incident_by_public_id(workspace, incident.public_id).pk == incident.pk
    for where, public_id in ((stranger, incident.public_id), (workspace, uuid.uuid4()), (workspace, None)):
        with pytest.raises(NotFoundError):
            selectors.incident_by_public_id(where, public_id)
    assert selectors.list_incidents(stranger).items == []
    assert selectors.open_worst_first(stranger) == []


def test_the_timeline_tells_the_story_in_order(device: Device) -> None:
    incident = go_down(device)
    services.acknowledge(incident=incident, actor="ana", user=None, now=minutes(1))
    services.add_note(incident=incident, text="cable", actor="ana", now=minutes(2))
    services.record_notice(
        incident=incident, recipient="ops@acme.example", channel="email", result="delivered", delivery="dlv_1", at=T0
    )
    tell(change(device, "down", "unknown", minutes(3)))
    tell(change(device, "unknown", "up", minutes(4)))

    story = [(event.kind, event.at) for event in selectors.timeline(incident)]

    assert story == [
        ("opened", T0),
        ("notified", T0),
        ("acknowledged", minutes(1)),
        ("note", minutes(2)),
        ("closed", minutes(4)),
    ]
