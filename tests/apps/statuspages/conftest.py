"""A workspace with two projects, a page that shows them, and a tick of its own."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from apps.devices.models import Device, DeviceState
from apps.projects.models import Project
from apps.statuspages import services
from apps.statuspages.models import StatusPage, Subscriber
from apps.workspaces.models import Workspace
from tests import factories


@dataclass
class Shop:
    """What the tests of status pages share."""

    workspace: Workspace
    berlin: Project
    lisbon: Project
    till: Device
    page: StatusPage
    now: datetime

    def state(self, device: Device, state: str) -> None:
        DeviceState.objects.filter(device=device).update(state=state)

    def subscriber(self, address: str = "ana@example.com") -> Subscriber:
        """An address that said yes before now."""
        kind = Subscriber.Kind.EMAIL if "@" in address else Subscriber.Kind.WEBHOOK
        services.subscribe(page=self.page, kind=kind, address=address, language="en", now=self.now)
        row = Subscriber.objects.of(self.workspace).get(address=address)
        row.confirmed_at, row.confirm_hash = self.now, ""
        row.save()
        return row


@pytest.fixture
def shop(db: None, now: datetime) -> Shop:
    workspace = factories.make_workspace(now=now)
    berlin = factories.make_project(workspace, "berlin-01", name="Berlin branch", now=now)
    lisbon = factories.make_project(workspace, "lisbon-02", name="Lisbon branch", now=now)
    till = factories.make_device(berlin, "Till 1", now=now)
    factories.make_device(lisbon, "Till 2", now=now)
    page, _ = services.create_page(
        workspace=workspace, values={"name": "Acme status", "slug": "acme"}, projects=[berlin, lisbon], now=now
    )
    return Shop(workspace, berlin, lisbon, till, page, now)
