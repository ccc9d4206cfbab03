"""Where agents report (contract Dash 3), for what comes past the hot paths: a front end's port, and the document.

What is usual never gets here: `dashmon.hot` takes it before Django, many to a transaction, in the same words.
"""

from typing import TypeVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.auth import host_slug
from apps.api.dash.errors import DashError, UnauthorizedError
from apps.api.dash.payloads import NodeReport, NodeStatic
from apps.api.dash.reports import read_report
from apps.api.dash.schema import described
from apps.api.dash.statics import read_static
from apps.api.dash.updates import pending_manifest
from apps.api.dash.views.base import DashView, raw_body
from apps.api.dash.views.deploy import base_of
from apps.common.ids import digest
from apps.common.limits import Limit, count
from apps.nodes.models import Node
from apps.pipeline.agents import MOST_A_MINUTE, SentReport, SentStatic, identify, receive_reports, receive_statics
from apps.tokens.selectors import Sent

T = TypeVar("T")
LIMIT = Limit("dash-node", MOST_A_MINUTE)
REFUSALS = {
    401: "`unauthorized`: no secret, or nobody's.",
    415: "`unsupported_media_type`",
    429: "`rate_limited`: this secret sends too often.",
}


class IdentityAnswer(Struct):
    install_id: str
    created: bool


class ManifestAnswer(Struct):
    id: str
    version: str
    url: str
    sha256: str
    size: int


class MetricsAnswer(Struct):
    ok: bool
    update: ManifestAnswer | None


class AgentView(DashView):
    access = "none"

    @property
    def sender(self) -> Sent:
        """Who sends, as far as the headers say; DashError 415, TooManyCallsError, UnauthorizedError, in this order."""
        is_empty = self.plain.META.get("CONTENT_LENGTH") in {None, "", "0"}
        if not is_empty and self.plain.content_type != "application/json":
            raise DashError("unsupported_media_type", "Content-Type must be application/json.", status=415)
        secret = self.plain.headers.get("X-Node-Secret", "").strip()
        hashed = digest(secret)
        count(LIMIT, hashed, now=self.now)
        if not secret:
            raise UnauthorizedError("X-Node-Secret is missing.")
        return Sent(hashed, host_slug(self.plain))


def known(answer: T | None) -> T:
    """The answer to a sender; UnauthorizedError for a stranger."""
    if not answer:
        raise UnauthorizedError("No node has this secret.")
    return answer


class IdentityView(AgentView):
    @described("Which installation this is: one id for each workspace", answer=IdentityAnswer, also=REFUSALS)
    def post(self, _: Request) -> Response:
        found = known(identify(senders=[self.sender], now=self.now)[0])
        return Response(IdentityAnswer(found.install_id, found.created))


class StaticView(AgentView):
    @described(
        "What a machine is: sent when an agent starts and when it changes",
        body=NodeStatic,
        also={**REFUSALS, 422: "`invalid_static_payload`"},
    )
    def post(self, _: Request) -> HttpResponseBase:
        sent = SentStatic(self.sender, read_static(raw_body(self.plain)))
        known(receive_statics(sent=[sent], now=self.now)[0])
        return HttpResponse("ok", content_type="text/plain; charset=utf-8")


class MetricsView(AgentView):
    @described(
        "A report of a machine; answered 200 once it is kept",
        body=NodeReport,
        answer=MetricsAnswer,
        also={**REFUSALS, 422: "`invalid_metrics`"},
    )
    def post(self, _: Request) -> Response:
        sender = self.sender
        report = read_report(raw_body(self.plain))
        sent = SentReport(sender, self.now, report, self.plain.META.get("REMOTE_ADDR", ""))
        reply = known(receive_reports(sent=[sent], now=self.now)[0])
        node = Node.objects.live().filter(pk=reply.node_id).first() if reply.wanted_version else None
        update = None if node is None else pending_manifest(node, base=base_of(self.plain), now=self.now)
        return Response({"ok": True, "update": update})
