"""A workspace whose monitors have measured for a while."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from apps.common.values import Observation, SourceRef
from apps.devices.models import Device
from apps.metrics import services as metrics
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.metrics.conftest import settle

__all__ = ["settle"]
STATES = {"unknown": 0, "up": 1, "warning": 2, "down": 3}
MINUTE = timedelta(minutes=1)


def measure(
    device: Device, states: Iterable[str], *, first: datetime, every: timedelta = 15 * MINUTE, latency_us: int = 50_000
) -> None:
    """One result after the other, from `first` on."""
    rows = [
        Observation(
            workspace_id=device.workspace_id,
            source=SourceRef(device.ref),
            at=first + index * every,
            values={
                "state": STATES[state],
                "interval_ms": every // timedelta(milliseconds=1),
                "latency_us": None if state == "down" else latency_us + index,
            },
        )
        for index, state in enumerate(states)
    ]
    with transaction.atomic():
        metrics.append(rows=rows, now=first + len(rows) * every)


@pytest.fixture
def workspace(db: None, now: datetime) -> Workspace:
    return factories.make_workspace(
        owner=factories.make_user("ana@example.com"), name="Shop", now=now - timedelta(days=60)
    )


@pytest.fixture
def project(workspace: Workspace, now: datetime) -> Project:
    return factories.make_project(workspace, "berlin", name="Berlin branch", now=now - timedelta(days=60))


@pytest.fixture
def device(project: Project, now: datetime) -> Device:
    return factories.make_device(project, now=now - timedelta(days=60))
