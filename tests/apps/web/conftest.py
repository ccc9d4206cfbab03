"""A workspace with something in it, and people who look at it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, SourceRef
from apps.devices.models import Device, DeviceState
from apps.devices.types import Change, StateName
from apps.incidents.models import Incident
from apps.metrics import services as metrics
from apps.pipeline.states import announce
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.statuspages.conftest import shop  # noqa: F401  # the same page as in the tests of its rules

INTERVAL_MS = 60_000
STATES = {"unknown": 0, "up": 1, "warning": 2, "down": 3}


@dataclass
class Scene:
    """One workspace seen by its owner, a viewer, and by a stranger with a workspace of their own."""

    workspace: Workspace
    project: Project
    device: Device
    owner: User
    viewer: User
    stranger: User
    now: datetime

    def client(self, user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    def path(self, tail: str = "") -> str:
        return f"/app/w/{self.workspace.slug}/{tail}"

    def monitor(self, tail: str = "") -> str:
        return self.path(f"monitors/{self.device.public_id}{tail}")


def measure(device: Device, *states: StateName, now: datetime, latency_us: int = 212_000) -> None:
    """Results of the last minutes, oldest first, the newest one a second ago."""
    last = epoch_ms(now) - 1000
    rows = [
        Observation(
            workspace_id=device.workspace_id,
            source=SourceRef(device.ref),
            at=from_epoch_ms(last - back * INTERVAL_MS),
            values={
                "state": STATES[state],
                "interval_ms": INTERVAL_MS,
                "latency_us": None if state == "down" else latency_us,
                "total_us": latency_us,
                "dns_us": 4_000,
                "ttfb_us": latency_us // 2,
                "http.status": 503 if state == "down" else 200,
            },
            detail={"reason": "refused", "message": "Connection refused"} if state == "down" else {},
        )
        for back, state in enumerate(reversed(states))
    ]
    with transaction.atomic():
        metrics.append(rows=rows, now=now)


def break_down(device: Device, *, at: datetime, text: str = "Connection refused") -> Incident:
    """The device goes down at this instant, as the pipeline would say it."""
    ranks = {"state": "down", "rank": 3, "since": at, "cause": "refused", "cause_text": text}
    DeviceState.objects.filter(device=device).update(**ranks)
    change = Change(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        at=at,
        before="up",
        after="down",
        cause="refused",
        cause_text=text,
        severity="",
        in_maintenance=False,
    )
    with transaction.atomic():
        announce([change], now=at)
    return Incident.objects.of(device.workspace_id).get(subject_id=device.pk, closed_at=None)


@pytest.fixture
def scene(db: None) -> Scene:
    now = timezone.now()
    owner = factories.make_user("ana@example.com", name="Ana Ruiz")
    workspace = factories.make_workspace(owner=owner, name="Shop", now=now - timedelta(days=3))
    viewer = factories.make_user("vic@example.com", name="Vic")
    factories.make_seat(workspace, "viewer", user=viewer)
    stranger = factories.make_user("eve@example.com")
    factories.make_workspace(owner=stranger, name="Elsewhere")
    project = factories.make_project(workspace, "berlin", name="Berlin branch", now=now - timedelta(days=3))
    device = factories.make_device(project, "Till 1", now=now - timedelta(days=3), interval_s=60)
    return Scene(workspace, project, device, owner, viewer, stranger, now)


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, so that no minute ends between two requests."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
