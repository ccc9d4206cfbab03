from datetime import datetime

import pytest

from apps.devices.models import Device
from apps.projects.models import Project
from tests.apps.pipeline.scene import make_device, make_heartbeat, make_project


@pytest.fixture
def project(db, now: datetime) -> Project:
    return make_project(now=now)


@pytest.fixture
def device(project: Project, now: datetime) -> Device:
    return make_device(project, now=now)


@pytest.fixture
def heartbeat(project: Project, now: datetime) -> Device:
    return make_heartbeat(project, now=now)
