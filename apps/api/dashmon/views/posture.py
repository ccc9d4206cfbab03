"""Is this workspace ready to be told, and by whom is it used (contract Dashmon 13)."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import described
from apps.api.dashmon.views.base import ApiView
from apps.common.clock import iso_ms
from apps.notifications import posture
from apps.notifications.models import Delivery
from apps.notifications.posture import Coverage, DeliveryRecord
from apps.tokens.selectors import TokenPosture, token_posture


class PostureAnswer(serializers.Serializer[Any]):
    generatedAt = serializers.CharField()
    tokens = serializers.DictField(child=serializers.IntegerField())
    routing = serializers.DictField()
    deliveries = serializers.DictField()


class PostureView(ApiView):
    """Tokens, routing coverage and recent deliveries."""

    @described("Integration posture", answer=PostureAnswer)
    def get(self, _: Request) -> Response:
        projects = self.actor.projects
        tokens = token_posture(self.workspace, plan=self.credential.plan, now=self.now)
        record = posture.deliveries(self.workspace, now=self.now, projects=projects)
        return Response(
            {
                "generatedAt": iso_ms(self.now),
                "tokens": _tokens(tokens),
                "routing": _routing(posture.coverage(self.workspace, projects=projects)),
                "deliveries": _deliveries(record),
            }
        )


def _tokens(tokens: TokenPosture) -> dict[str, int]:
    return {
        "total": tokens.total,
        "usable": tokens.usable,
        "readOnly": tokens.read_only,
        "readWrite": tokens.read_write,
        "withoutExpiry": tokens.without_expiry,
        "expiringIn30d": tokens.expiring_soon,
        "unusedFor90d": tokens.unused,
    }


def _routing(coverage: Coverage) -> dict[str, Any]:
    return {
        "projects": coverage.projects,
        "withRouting": coverage.with_routing,
        "withEscalation": coverage.with_escalation,
        "withOnCall": coverage.with_on_call,
        "withQuietHours": coverage.with_quiet_hours,
        "withoutAnyChannel": list(coverage.without_any_channel),
    }


def _deliveries(record: DeliveryRecord) -> dict[str, Any]:
    return {
        "window": "7d",
        "sent": record.sent,
        "failed": record.failed,
        "byChannel": {kind: {"sent": sent, "failed": failed} for kind, (sent, failed) in record.by_kind.items()},
        "recent": [_recent(delivery) for delivery in record.recent],
    }


def _recent(delivery: Delivery) -> dict[str, Any]:
    project = delivery.incident.project if delivery.incident is not None else None
    return {
        "id": delivery.wire_id,
        "at": iso_ms(delivery.sent_at or delivery.created_at),
        "channel": delivery.kind,
        "projectId": project.key if project is not None else None,
        "event": delivery.event_name,
        "result": "delivered" if delivery.status == Delivery.Status.SENT else delivery.status,
        "httpStatus": delivery.http_status,
        "attempts": delivery.attempts,
    }
