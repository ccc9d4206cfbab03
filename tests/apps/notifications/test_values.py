"""Incidents of rules about values leave the outbox like all others."""

from datetime import timedelta

import pytest

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.types import Subject
from apps.common.values import Observation, Ref, SourceRef
from apps.incidents.models import IncidentEvent
from apps.notifications import services
from apps.notifications.models import Delivery
from apps.pipeline.samples import submit_samples
from tests import factories

NOW = factories.NOW


@pytest.mark.django_db
def test_trouble_of_a_node_is_planned_for_the_webhook_and_is_no_state_of_a_monitor_for_the_mail() -> None:
    workspace = factories.make_workspace()
    services.set_webhook_rule(
        workspace=workspace, enabled=True, url="https://hooks.example.com/x", secret=None, actor="ana", now=NOW
    )
    services.set_email_rule(
        workspace=workspace, enabled=True, cooldown_minutes=1, to="ana@example.com", actor="ana", now=NOW
    )
    draft = RuleDraft("CPU high", "node", (Condition("cpu.ratio", "ge", 0.9, missing="clear"),))
    alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=NOW)
    node = Subject(workspace.pk, Ref("node", 7), 7, "web-1")
    for minute, value in enumerate((0.97, 0.5)):
        at = NOW + timedelta(minutes=minute)
        seen = Observation(workspace.pk, SourceRef(node.ref), at, {"cpu.ratio": value})
        submit_samples(observations=[seen], subjects={node.ref: node}, now=at)

    services.fan_out(now=NOW + timedelta(minutes=2), limit=10)

    assert not IncidentEvent.objects.filter(fanned_out_at=None).exists()
    planned = Delivery.objects.order_by("id").values_list("kind", "event_name", "subject_kind")
    assert list(planned) == [("webhook", "incident.opened", "node"), ("webhook", "incident.resolved", "node")]
