"""The receiver of signals as it would be written without a thought for speed, to compare with.

A serializer, a row of the log, the machine and its row: one transaction a request, no middleware, one thread after the
other, which is the fastest way for it.
"""

from typing import Any

import django
from asgiref.wsgi import WsgiToAsgi
from django.conf import settings

django.setup()
settings.MIDDLEWARE, settings.ROOT_URLCONF = [], __name__

from django.core.wsgi import get_wsgi_application  # noqa: E402  # after the set-up above
from django.db import transaction  # noqa: E402  # likewise
from django.urls import path  # noqa: E402  # likewise
from django.utils import timezone  # noqa: E402  # likewise
from rest_framework import serializers  # noqa: E402  # likewise
from rest_framework.request import Request  # noqa: E402  # likewise
from rest_framework.response import Response  # noqa: E402  # likewise
from rest_framework.views import APIView  # noqa: E402  # likewise

from apps.common.clock import epoch_ms  # noqa: E402  # likewise
from apps.common.ids import digest  # noqa: E402  # likewise
from apps.devices.heartbeat import (  # noqa: E402  # likewise
    HeartbeatConfig,
    HeartbeatState,
    Signal,
    apply_signal,
    next_look,
)
from apps.devices.models import DeviceState  # noqa: E402  # likewise
from apps.metrics.models import HeartbeatPing  # noqa: E402  # likewise
from apps.tokens.models import AgentKey  # noqa: E402  # likewise


class PingSerializer(serializers.ModelSerializer[HeartbeatPing]):
    class Meta:
        model = HeartbeatPing
        fields = ("workspace_id", "device_id", "received_at", "kind", "method")


class Receive(APIView):
    """Takes a success."""

    authentication_classes = ()
    permission_classes = ()

    @transaction.atomic
    def post(self, request: Request, token: str) -> Response:
        now = timezone.now()
        key = AgentKey.objects.select_related("workspace").get(hash=digest(token), subject="device")
        row = DeviceState.objects.select_for_update(of=("self",)).select_related("device").get(pk=key.subject_id)
        said = {"workspace_id": key.workspace_id, "device_id": row.pk, "received_at": epoch_ms(now)}
        serializer = PingSerializer(data={**said, "kind": HeartbeatPing.Kind.SUCCESS, "method": request.method})
        serializer.is_valid(raise_exception=True)
        serializer.save()
        config = HeartbeatConfig.parse(row.device.heartbeat or {})
        state, _, recorded = apply_signal(HeartbeatState.from_dict(row.heartbeat), config, Signal(at=now))
        row.heartbeat, row.due_at = state.to_dict(), next_look(state, config)
        row.version += 1
        row.save(update_fields=["heartbeat", "due_at", "version"])
        return Response({"ok": True, "signal": recorded.effect, "state": state.shown, "receivedAt": now})


urlpatterns = [path("ping/<token>", Receive.as_view())]
_product: Any = WsgiToAsgi(get_wsgi_application())


async def application(scope: Any, receive: Any, send: Any) -> None:
    """HTTP alone: the adapter knows nothing of a server's start and end."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await _product(scope, receive, send)
