"""How the workspace is doing, on one page for whoever helps (contract Dashmon 13)."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.alerts.built_in import DEVICE_STATE
from apps.api.dashmon.schema import described
from apps.api.dashmon.serializers.fields import Instant
from apps.api.dashmon.views.base import API_VERSION, ApiView
from apps.checks.selectors import schedule_lag
from apps.common.clock import from_epoch_ms, iso_ms
from apps.devices.models import Device
from apps.devices.selectors import devices_of, standings
from apps.incidents.models import Incident
from apps.incidents.selectors import count_open, count_since, list_incidents
from apps.metrics.selectors import fleet_counts, newest
from apps.projects.models import Project
from apps.reports.presenters.spelling import cut_percent
from apps.reports.selectors import readable_since
from apps.workspaces.locks import write_lock
from apps.workspaces.usage import usage_of

STATES = ("up", "down", "warning", "maintenance", "paused", "unknown")
RECENT = 5
WEEK, DAY = timedelta(days=7), timedelta(days=1)


class LockAnswer(serializers.Serializer[Any]):
    locked = serializers.BooleanField()


class SummaryWorkspaceAnswer(serializers.Serializer[Any]):
    ownerUserId = serializers.UUIDField()
    plan = serializers.CharField()
    writeLock = LockAnswer()


class RecentIncidentAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    deviceName = serializers.CharField()
    startedAt = Instant()
    resolvedAt = Instant(allow_null=True)


class SupportSummaryAnswer(serializers.Serializer[Any]):
    """Counts are of what the caller reaches; `uptime7d` weighs every result the same and is cut, not rounded."""

    generatedAt = Instant()
    apiVersion = serializers.CharField()
    workspace = SummaryWorkspaceAnswer()
    counts = serializers.DictField(child=serializers.IntegerField())
    openIncidents = serializers.IntegerField()
    incidents24h = serializers.IntegerField()
    lastCheckAt = Instant(allow_null=True)
    checksLagSeconds = serializers.IntegerField()
    statusPages = serializers.IntegerField()
    recentIncidents = RecentIncidentAnswer(many=True)
    uptime7d = serializers.FloatField(allow_null=True)


class SupportSummaryView(ApiView):
    """Read by support and by dashboards; free of charge."""

    @described("Operational snapshot", answer=SupportSummaryAnswer)
    def get(self, _: Request) -> Response:
        workspace, reach, now = self.workspace, self.actor.projects, self.now
        devices = list(devices_of(workspace, projects=reach))
        body = {
            "generatedAt": iso_ms(now),
            "apiVersion": API_VERSION,
            "workspace": {
                "ownerUserId": str(workspace.public_id),
                "plan": self.credential.plan,
                "writeLock": {"locked": write_lock(workspace, now=now).locked},
            },
            "counts": self._counts(devices),
            "openIncidents": count_open(workspace, projects=reach, rule=DEVICE_STATE),
            "incidents24h": count_since(workspace, now - DAY, projects=reach, rule=DEVICE_STATE),
            **self._checks(devices),
            "statusPages": usage_of(workspace).get("statusPages", 0),
            "recentIncidents": [
                _brief(incident)
                for incident in list_incidents(workspace, projects=reach, rule=DEVICE_STATE, limit=RECENT).items
            ],
        }
        return Response(body)

    def _counts(self, devices: Sequence[Device]) -> dict[str, int]:
        shown = standings(devices, workspace_id=self.workspace.pk, now=self.now)
        states = Counter(standing.status for standing in shown.values())
        projects = Project.objects.of(self.workspace)
        if self.actor.projects is not None:
            projects = projects.filter(pk__in=self.actor.projects)
        counted = {state: states.get(state, 0) for state in STATES}  # type: ignore[call-overload]  # words of Shown
        return {"projects": projects.count(), "devices": len(devices), **counted}

    def _checks(self, devices: Sequence[Device]) -> dict[str, Any]:
        refs = [device.ref for device in devices]
        rows = newest(workspace_id=self.workspace.pk, refs=refs).values()
        # A pause and a slot that nobody ran leave a row too, of a state that is not known.
        latest = max((row.ts_ms for row in rows if row.state != "unknown"), default=None)
        start = max(self.now - WEEK, readable_since(self.workspace, now=self.now))
        counts = fleet_counts(workspace_id=self.workspace.pk, refs=refs, start=start, end=self.now)
        return {
            "lastCheckAt": None if latest is None else iso_ms(from_epoch_ms(latest)),
            "checksLagSeconds": int(schedule_lag(self.now).total_seconds()),
            "uptime7d": float(cut_percent(counts.available, counts.samples, 3)) if counts.samples else None,
        }


def _brief(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.wire_id,
        "deviceName": incident.subject_name,
        "startedAt": iso_ms(incident.opened_at),
        "resolvedAt": incident.closed_at and iso_ms(incident.closed_at),
    }
