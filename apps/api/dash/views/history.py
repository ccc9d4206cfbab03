"""Charts of a node, and what guests may see of them (contract Dash 6)."""

from drf_spectacular.utils import OpenApiParameter
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash import asked, charts
from apps.api.dash.preferences import preferences_of
from apps.api.dash.ranges import HISTORY, ONLINE
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView
from apps.common.clock import iso_s
from apps.common.errors import NotFoundError
from apps.traffic.choices import settings_of

SERVER = OpenApiParameter("server_id", int, required=True, description="The node's id")
REFUSED = {400: "`invalid_request`", 403: "`forbidden`: guests may not see this."}
# What a range is called in the answer.
SAID = {"7days": "7d"}


class OnlineEntry(Struct):
    ts: str
    status: int
    rate: float


class OnlineAnswer(Struct):
    server_id: int
    range: str
    step_sec: int
    points: list[OnlineEntry]


class HistoryEntry(Struct):
    ts: str
    value: float | int | None


class HistoryAnswer(Struct):
    server_id: int
    metric: str
    range: str
    agg: str
    step_sec: int
    points: list[HistoryEntry]


class AccessAnswer(Struct):
    history_guest_access_mode: str
    traffic_guest_access_mode: str


class OnlineView(DashView):
    access = "guest"

    @described(
        "How many of a node's reports came, in the last 48 whole steps of a range",
        answer=OnlineAnswer,
        query=(SERVER, OpenApiParameter("range", required=True, enum=list(ONLINE))),
        also={**REFUSED, 404: "`not_found`"},
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        number, name = asked.server_id(query), asked.one_of(query, "range", ONLINE)
        node = asked.node_for(self.workspace, number, is_admin=self.is_admin)
        if node is None:
            raise NotFoundError("There is no such node.")
        found = charts.online(name, node, now=self.now)
        points = [OnlineEntry(iso_s(at), point.status, point.rate) for at, point in found]
        return Response(OnlineAnswer(number, SAID.get(name, name), ONLINE[name].step_s, points))


class HistoryView(DashView):
    access = "guest"

    @described(
        "One metric of a node over a range; a node that is not there has no points",
        answer=HistoryAnswer,
        query=(
            SERVER,
            OpenApiParameter("metric", required=True, enum=sorted({*charts.PLAIN, *charts.OF_A_DISK})),
            OpenApiParameter("range", required=True, enum=list(HISTORY)),
            OpenApiParameter("agg", enum=list(charts.AGGREGATES), default="avg"),
            OpenApiParameter("device", description="The disk, for metrics of one: its name, reference or mount point"),
        ),
        also=REFUSED,
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        number = asked.server_id(query)
        chart = charts.Asked(
            metric=asked.text(query, "metric"),
            device=asked.text(query, "device") if query.get("device") else "",
            range=asked.one_of(query, "range", HISTORY),
            agg=asked.one_of(query, "agg", charts.AGGREGATES, default="avg"),
        )
        opened = self.is_admin or preferences_of(self.workspace).guests_see_history
        node = asked.node_for(self.workspace, number, is_admin=self.is_admin, opened=opened)
        found = [] if node is None else charts.history(chart, node, now=self.now)
        points = [HistoryEntry(iso_s(at), value) for at, value in found]
        return Response(HistoryAnswer(number, chart.metric, chart.range, chart.agg, chart.step_s, points))


class AccessView(DashView):
    access = "guest"

    @described("What guests may see besides the nodes themselves", answer=AccessAnswer)
    def get(self, _: Request) -> Response:
        history = preferences_of(self.workspace).history_guest_access_mode
        traffic = "by_node" if settings_of(self.workspace).guests_by_node else "disabled"
        return Response(AccessAnswer(history, traffic))
