"""Public: is it alive, what can it do, and what is not there."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.errors import ApiError, answer
from apps.api.dashmon.pagination import MOST, USUAL
from apps.api.dashmon.schema import OBJECT, described, wrapped
from apps.api.dashmon.serializers.fields import Instant
from apps.api.dashmon.views.base import API_VERSION, ApiView
from apps.checks.selectors import STALLED, schedule_lag
from apps.common import storage
from apps.common.clock import iso_ms
from apps.common.kept import Kept
from apps.operations.backlog import MESSAGES, message_queues
from apps.tokens.services import LONGEST_DAYS

HealthAnswer = wrapped(
    "Health",
    ok=serializers.BooleanField(),
    service=serializers.CharField(),
    time=Instant(),
    version=serializers.CharField(),
    status=serializers.ChoiceField(["ok", "degraded"]),
    checks=serializers.DictField(),
)
# Anybody may ask at any rate: the statements about queues run once in this time for all of them.
KEPT_FOR = timedelta(seconds=5)
_queues = Kept(message_queues, ttl=KEPT_FOR)


class HealthView(ApiView):
    """For load balancers and people in a hurry: answers without a credential, 503 when the database is gone.

    Only that: a server whose workers lag still serves, and taking it out of a balancer would make matters worse. That
    work is late is said by `status`, and how late by milliseconds; how much there is says something about tenants.
    Where nothing can be written, a full disk for one, `storage` says so: reads go on.
    """

    @described("Whether the service works", answer=HealthAnswer, also={503: "`db_unavailable`: the database is gone."})
    def get(self, _: Request) -> Response:
        facts: dict[str, Any] = {"service": "dashmon", "time": iso_ms(self.now), "version": settings.VERSION}
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            status, checks = _progress(self.now)
        except DatabaseError:
            body = {"ok": False, "error": "db_unavailable", **facts, "checks": {"db": "unavailable"}}
            return Response(body, status=503, headers={"Retry-After": "5"})
        return Response({"ok": True, **facts, "status": status, "checks": {"db": "ok", **checks}})


def _progress(now: datetime) -> tuple[str, dict[str, Any]]:
    """How far the schedule and the way of messages are behind, and whether that is more than usual."""
    lag = schedule_lag(now)
    queues = [queue for queue in _queues.get(now) if queue.name in MESSAGES]
    late = lag > STALLED or any(queue.is_behind for queue in queues)
    lags = {"scheduler": lag, **{queue.name: queue.lag or timedelta() for queue in queues}}
    checks: dict[str, Any] = {name: {"lagMs": behind // timedelta(milliseconds=1)} for name, behind in lags.items()}
    trouble = storage.trouble(now)
    checks["storage"] = {"writable": trouble is None}
    if trouble is not None:
        checks["storage"]["since"] = iso_ms(trouble.since)
    return "degraded" if late or trouble else "ok", checks


CAPABILITIES: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "service": "dashmon",
    "auth": {
        "modes": ["session_cookie", "bearer_token"],
        "sessionCookie": "dashmon_session",
        "bearer": {
            "premiumOnly": True,
            "hash": "sha256",
            "shownOnce": True,
            "accessLevels": ["read_only", "read_write"],
            "expiresInDays": {"min": 1, "max": LONGEST_DAYS, "default": None},
        },
    },
    "tracing": {"requestIdHeader": "X-Request-Id"},
    "timestamps": "iso8601-utc-ms",
    "deviceTypes": ["http", "ping", "tcp", "dns", "heartbeat", "tls", "domain", "agent"],
    "limits": {"history": {"default": 60, "max": 500}, "list": {"default": USUAL, "max": MOST}},
    "docs": "/docs/api/",
    "openapi": "/api/schema/dashmon",
    "console": "/app/api-access",
}


class CapabilitiesView(ApiView):
    """What a client can rely on before it signs in."""

    @described("What this API can do", answer=OBJECT)
    def get(self, _: Request) -> Response:
        return Response(CAPABILITIES)


@csrf_exempt
def not_found(request: HttpRequest, rest: str = "") -> HttpResponse:  # noqa: ARG001  # the route names it
    """Everything below /api/ that nobody owns: JSON, never a page, never a redirect."""
    response: JsonResponse = answer(request, ApiError("not_found", "Not found"))
    response["Dashmon-Api-Version"] = API_VERSION
    return response
