"""From a failed check to a queued message: what one incident costs in a mass outage, and what idle sweeps cost.

`alerts.incident_growth`: CPU for judging and queueing one incident when 10,000 open at once, over the same for
1,000. `alerts.sweep_idle_ms`: one look for due notices among 1,000,000 incidents of which none is due.
"""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.perf.database import fresh_database
from tests.perf.figures import Figure

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FEW, MANY = 1_000, 10_000
BATCH = 500
INCIDENTS = 1_000_000


def figures() -> Iterator[Figure]:
    """Both figures, on one database."""
    with fresh_database():
        few, many = _outage(FEW), _outage(MANY)
        yield Figure(
            "alerts.incident_growth",
            many / few,
            f"cost of one of {MANY} incidents over one of {FEW}",
            goal=1.2,
            context={"us_few": round(few * 1e6), "us_many": round(many * 1e6)},
        )
        _fill()
        yield Figure(
            "alerts.sweep_idle_ms", _idle_ms(), f"ms a sweep among {INCIDENTS} incidents", goal=5.0, context=_engine()
        )


def _engine() -> dict[str, Any]:
    from django.db import connection

    return {"database": connection.vendor}


def _outage(count: int) -> float:
    """Seconds of CPU for each of so many devices of one workspace that go down in the same minute."""
    from apps.devices.models import Device
    from apps.notifications import services
    from apps.pipeline.states import announce

    ids = _devices(count)
    began = time.process_time()
    for start in range(0, count, BATCH):
        # As the pump does it: nobody holds more than a batch.
        announce([_change(device) for device in Device.objects.filter(pk__in=ids[start : start + BATCH])], now=NOW)
    while services.fan_out(now=NOW, limit=BATCH):
        pass
    return (time.process_time() - began) / count


def _devices(count: int) -> list[int]:
    from apps.devices.models import Device
    from apps.notifications.services import set_alert_settings
    from apps.workspaces.services import next_number
    from tests.factories import make_project, make_workspace

    workspace = make_workspace()
    project = make_project(workspace)
    mail = {"id": "ch_mail", "type": "email", "to": ["ops@example.com"]}
    set_alert_settings(project=project, document={"channels": [mail]}, actor="bench", now=NOW)
    number = next_number(workspace_id=workspace.pk, kind="device")
    rows = [
        Device(
            workspace=workspace,
            number=number + index,
            project=project,
            name=f"Till {index}",
            kind="http",
            label="http",
            phase_ms=0,
            shard=0,
            created_at=NOW,
            updated_at=NOW,
        )
        for index in range(count)
    ]
    return [device.pk for device in Device.objects.bulk_create(rows, batch_size=BATCH)]


def _change(device: Any) -> Any:
    from apps.devices.types import Change

    return Change(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        at=NOW,
        before="up",
        after="down",
        cause="refused",
        cause_text="connection refused",
        severity="",
        in_maintenance=False,
    )


def _fill() -> None:
    """A million open incidents whose escalations have either ended or are due tomorrow."""
    from apps.incidents.models import Incident, IncidentEvent
    from apps.notifications.models import Escalation, Route

    known = Incident.objects.order_by("pk").first()
    event = IncidentEvent.objects.order_by("pk").first()
    route = Route.objects.order_by("pk").first()
    assert known is not None
    for start in range(0, INCIDENTS, 20_000):
        numbers = range(start, start + 20_000)
        incidents = Incident.objects.bulk_create(
            [_incident(known, 1_000_000 + number) for number in numbers], batch_size=BATCH
        )
        Escalation.objects.bulk_create(
            [
                Escalation(
                    workspace_id=known.workspace_id,
                    incident=incident,
                    route=route,
                    event=event,
                    begun_at=NOW,
                    next_at=NOW + timedelta(days=1) if incident.number % 10 == 0 else None,
                )
                for incident in incidents
            ],
            batch_size=BATCH,
        )


def _incident(known: Any, number: int) -> Any:
    from apps.incidents.models import Incident

    return Incident(
        workspace_id=known.workspace_id,
        number=number,
        rule_id=known.rule_id,
        subject_kind="device",
        subject_id=number,
        subject_name="Till",
        severity="critical",
        state="down",
        title="Till is down",
        opened_at=NOW,
    )


def _idle_ms() -> float:
    """The middle of many sweeps that find nothing: waiting events, due steps, due deliveries."""
    from apps.notifications import services
    from apps.notifications.models import Delivery

    # What the outages queued has left.
    Delivery.objects.update(status=Delivery.Status.SENT, next_at=None)
    taken = []
    for _ in range(50):
        began = time.perf_counter()
        services.fan_out(now=NOW, limit=100)
        services.advance_due(now=NOW, limit=100)
        services.deliver_due(now=NOW - timedelta(days=1), limit=100)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
