"""Quotas of traffic: a rule that is made in the middle of a cycle knows what was moved before."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.alerts.types import Subject
from apps.common.values import Observation, Ref, SourceRef
from apps.incidents.models import Incident
from apps.metrics import services as metrics
from apps.metrics.models import Source
from apps.pipeline.samples import submit_samples
from apps.workspaces.models import Workspace
from tests import factories

MAY = datetime(2026, 5, 1, tzinfo=UTC)
NODE = Ref("node", 7)
GIB = 2**30
SENT = 2000 + 2 * GIB


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


def at(minutes: float) -> datetime:
    return MAY + timedelta(minutes=minutes)


def quota(workspace: Workspace, metric: str, limit: float, now: datetime) -> AlertRule:
    condition = Condition(metric, "outside", high=limit, window=Cycle(MAY, 1, "month"), missing="zero")
    draft = RuleDraft("Traffic", "node", (condition,))
    return alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=now)


def values_of(counters: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for iface, (received, sent) in counters.items():
        values |= {f"net.rx_bytes[{iface}]": received, f"net.tx_bytes[{iface}]": sent}
    totals = [sum(sides) for sides in zip(*counters.values(), strict=True)]
    return values | {"net.rx_bytes": totals[0], "net.tx_bytes": totals[1], "net.all_bytes": sum(totals)}


def submit(workspace: Workspace, minutes: float, **counters: tuple[int, int]) -> None:
    about = Subject(workspace.pk, NODE, 7, "web-1")
    seen = Observation(workspace.pk, SourceRef(NODE), at(minutes), values_of(counters))
    submit_samples(observations=[seen], subjects={NODE: about}, now=at(minutes))


def history(workspace: Workspace) -> None:
    """Two hours before any rule, sealed: 3 GiB in and 2 GiB out over two interfaces."""
    submit(workspace, 0, eth0=(1000, 2000), eth1=(0, 0))
    for minute in range(4, 121, 4):
        submit(workspace, minute, eth0=(1000 + GIB * minute // 60, 2000 + GIB * minute // 60), eth1=(GIB, 0))
    metrics.seal(source=Source.objects.get(ref="7"), now=at(121))


@pytest.mark.parametrize(
    ("metric", "used"),
    [
        ("net.rx_bytes", 3 * GIB + 40),
        ("net.tx_bytes", 2 * GIB + 5),
        ("net.all_bytes", 5 * GIB + 45),
        ("net.rx_bytes[eth0]", 2 * GIB + 40),
        ("net.tx_bytes[eth1]", 0),
    ],
)
@pytest.mark.parametrize("too_much", [True, False])
def test_a_quota_counts_what_was_moved_before_its_rule(workspace, metric: str, used: int, too_much: bool) -> None:
    history(workspace)
    quota(workspace, metric, used - 1 if too_much else used, at(122))
    before = 1000 + 2 * GIB, 2000 + 2 * GIB
    submit(workspace, 123, eth0=(before[0] + 40, before[1] + 5), eth1=(GIB, 0))

    found = [incident.value for incident in Incident.objects.all()]
    assert found == ([used] if too_much else [])


def test_from_its_first_look_on_a_quota_counts_by_itself(workspace) -> None:
    history(workspace)
    quota(workspace, "net.rx_bytes", 3 * GIB + 100, at(122))
    base = 1000 + 2 * GIB
    submit(workspace, 123, eth0=(base + 40, SENT), eth1=(GIB, 0))
    with CaptureQueriesContext(connection) as told:
        submit(workspace, 124, eth0=(base + 100, SENT), eth1=(GIB, 0))
    assert not any("traffic_interface" in query["sql"] for query in told)
    assert not Incident.objects.exists()

    submit(workspace, 125, eth0=(base + 101, SENT), eth1=(GIB, 0))
    assert Incident.objects.get().value == 3 * GIB + 101

    # The machine began again: what it counted stays.
    submit(workspace, 126, eth0=(7, 0), eth1=(0, 0))
    assert Incident.objects.get().closed_at is None


def test_several_reports_of_a_batch_are_counted_once(workspace) -> None:
    history(workspace)
    quota(workspace, "net.rx_bytes[eth0]", 2 * GIB + 60, at(122))
    base = 1000 + 2 * GIB
    about = Subject(workspace.pk, NODE, 7, "web-1")
    told = [
        Observation(workspace.pk, SourceRef(NODE), at(minute), values_of({"eth0": (base + gained, SENT)}))
        for minute, gained in ((125, 61), (124, 50), (123, 40))
    ]

    submit_samples(observations=told, subjects={NODE: about}, now=at(126))

    incident = Incident.objects.get()
    assert (incident.value, incident.opened_at) == (2 * GIB + 61, at(125))


def test_nobody_counts_what_another_workspaces_node_moved(workspace) -> None:
    history(workspace)
    other = factories.make_workspace()
    quota(other, "net.rx_bytes", GIB, at(122))

    submit(other, 123, eth0=(5, 5))
    submit(other, 124, eth0=(9, 9))

    assert not Incident.objects.exists()
