import pytest

from apps.devices.models import Device
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import make_device, make_workspace


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def device(workspace: Workspace) -> Device:
    return make_device(workspace)
