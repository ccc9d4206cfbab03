from typing import Any

import pytest
from django.core import mail

from apps.devices.models import Device
from apps.notifications import tasks
from apps.notifications.models import Delivery
from tests.apps.incidents.scene import go_down


@pytest.mark.usefixtures("mails")
def test_the_doors_lead_from_an_event_to_a_message(device: Device, mailoutbox: Any) -> None:
    go_down(device)

    tasks.fan_out_events(unknown="keyword from a newer sender")
    tasks.deliver()
    tasks.deliver()

    assert [message.subject for message in mail.outbox] == ["Down: Till 1 (Berlin branch)"]
    assert Delivery.objects.of(device.workspace_id).get().status == "sent"
