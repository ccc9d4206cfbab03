"""Incidents and deliveries go when their plan says so, and nothing goes that is still under way."""

from datetime import datetime, timedelta

import pytest

from apps.incidents.models import Incident, IncidentEvent
from apps.notifications import services
from apps.notifications.models import Delivery, Escalation
from apps.operations.retention import prune_stories
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, go_down, make_device, make_workspace, minutes, tell
from tests.apps.notifications.conftest import mail_to

LATER = T0 + timedelta(days=8)


@pytest.fixture
def workspace(db: None, settings) -> Workspace:
    settings.PROFILE = "saas"
    workspace = make_workspace()
    Workspace.objects.update(plan="free")
    mail_to(workspace, "ops@acme.example")
    return workspace


def story(workspace: Workspace, name: str = "Till", *, at: datetime = T0) -> None:
    device = make_device(workspace, name)
    go_down(device, at)
    tell(change(device, "down", "up", at + timedelta(minutes=5)))
    services.fan_out(now=minutes(5), limit=10)
    Delivery.objects.update(status="sent", next_at=None)


def left() -> tuple[int, int, int]:
    return Incident.objects.count(), IncidentEvent.objects.count(), Delivery.objects.count()


def test_a_week_is_kept_on_the_free_plan(workspace: Workspace) -> None:
    story(workspace)

    assert prune_stories(now=T0 + timedelta(days=7)) == 0
    assert prune_stories(now=LATER) > 0
    assert left() == (0, 0, 0)
    assert prune_stories(now=LATER) == 0


def test_more_than_a_year_is_kept_on_premium(workspace: Workspace) -> None:
    Workspace.objects.update(plan="premium")
    story(workspace)

    assert prune_stories(now=T0 + timedelta(days=399)) == 0
    assert prune_stories(now=T0 + timedelta(days=401)) > 0


def test_what_is_open_or_not_sent_stays(workspace: Workspace) -> None:
    device = make_device(workspace)
    go_down(device)
    services.fan_out(now=T0, limit=10)

    assert prune_stories(now=LATER) == 0
    assert left() == (1, 1, 1)


def test_an_event_that_nobody_has_planned_stays(workspace: Workspace) -> None:
    device = make_device(workspace)
    tell(change(device, "unknown", "up"))

    assert prune_stories(now=LATER) == 0
    services.fan_out(now=T0, limit=10)
    assert prune_stories(now=LATER) == 1


def test_a_batch_at_a_time_comes_to_the_same_end(workspace: Workspace) -> None:
    for number in range(5):
        story(workspace, f"Till {number}")

    rounds = 0
    while prune_stories(now=LATER, limit=2):
        rounds += 1

    assert rounds == 5
    assert left() == (0, 0, 0)
    assert not Escalation.objects.exists()


def test_another_workspace_keeps_its_own(workspace: Workspace) -> None:
    other = make_workspace("globex")
    Workspace.objects.filter(pk=other.pk).update(plan="premium")
    story(workspace)
    story(other)

    prune_stories(now=LATER)

    assert set(Incident.objects.values_list("workspace", flat=True)) == {other.pk}
