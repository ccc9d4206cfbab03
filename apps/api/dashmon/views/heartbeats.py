"""The receiver for jobs, and the log of what they sent (contract Dashmon 6.3)."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon import signals
from apps.api.dashmon.auth import host_slug
from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.pagination import Keyset, listed, wanted
from apps.api.dashmon.schema import PAGE, described, list_answer, wrapped
from apps.api.dashmon.serializers.fields import Instant
from apps.api.dashmon.serializers.heartbeats import SignalAnswer
from apps.api.dashmon.serializers.rows import spelled
from apps.api.dashmon.views.base import ApiView
from apps.api.dashmon.views.cross_origin import CrossOriginView
from apps.checks.heartbeats import Beat, Received, receive
from apps.common.errors import UnsupportedError
from apps.common.ids import digest
from apps.devices.heartbeat import read_json, read_signal
from apps.devices.models import Device
from apps.metrics.selectors import count_pings, pings
from apps.tokens.selectors import Sent

# More than is kept: half a JSON document would say nothing, and a reported failure would count as a success.
MOST_READ = 1 << 20
ReceivedAnswer = wrapped(
    "SignalReceived",
    ok=serializers.BooleanField(),
    signal=serializers.CharField(),
    state=serializers.CharField(),
    receivedAt=Instant(),
)


class HeartbeatReceiverView(CrossOriginView):
    """Public: the token in the path is the credential. What answers 2xx with `ok` has been committed."""

    always = signals.ALWAYS
    asked = signals.ASKED

    @described(
        "Report from a job",
        answer=ReceivedAnswer,
        also={404: "Unknown token.", 400: "A bad `rid`, exit status or status word.", 429: "Over 60 a minute."},
    )
    def post(self, request: Request, token: str, rest: str = "") -> HttpResponseBase:
        plain: HttpRequest = request._request  # noqa: SLF001  # DRF's own door to Django's request
        # Read from the stream: a long body is cut here, not refused by the framework's limit.
        body = plain.read(MOST_READ)
        signal = read_signal(
            at=self.now,
            path_parts=rest.split("/"),
            json_body=read_json(body, plain.content_type or ""),
            query=plain.GET.dict(),
            method=plain.method or "POST",
            body=body,
        )
        received = receive(beats=[Beat(Sent(digest(token), host_slug(plain)), signal)], now=self.now)[0]
        if received is None:
            raise ApiError("not_found", "Not found")
        return _answered(plain, received)

    get = head = put = post


def _answered(request: HttpRequest, received: Received) -> HttpResponseBase:
    status, facts = signals.told(received)
    if request.method == "HEAD":
        return HttpResponse(status=status, content_type="application/json")
    if signals.prefers_text(request.headers.get("Accept", "*/*")):
        return HttpResponse("OK", status=status, content_type="text/plain; charset=utf-8")
    return Response(facts, status=status)


class SignalsView(ApiView):
    """What a job sent."""

    @described(
        "Signals received, newest first",
        answer=list_answer("SignalList", "signals", SignalAnswer),
        query=PAGE,
        also={422: "`unsupported`: not a heartbeat."},
    )
    def get(self, request: Request, device_id: str) -> Response:
        page = wanted(request.GET)
        before = page.key
        device = self.device(device_id)
        if device.kind != Device.Kind.HEARTBEAT:
            raise UnsupportedError("Only a device of type heartbeat receives signals.")
        rows = pings(
            workspace_id=self.workspace.pk,
            device_id=device.pk,
            limit=page.limit + 1,
            before_id=before,
        )
        shown = rows[: page.limit]
        cursor = Keyset(shown[-1].id) if len(rows) > page.limit else None
        total = count_pings(workspace_id=self.workspace.pk, device_id=device.pk)
        return Response(listed("signals", spelled(SignalAnswer, shown), cursor=cursor, total=total))
