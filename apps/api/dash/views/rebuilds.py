"""Reckoning a node's traffic anew from what it reported (contract Dash 8.10)."""

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash import traffic
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, path_id
from apps.nodes.models import Node
from apps.nodes.selectors import node_by_number
from apps.traffic.rebuilds import RebuildState, rebuild_state
from apps.traffic.services import start_rebuild


class RebuildStateView(DashView):
    @described("How the newest rebuild is doing", answer=traffic.RebuildShape)
    def get(self, _: Request) -> Response:
        state = rebuild_state(self.workspace)
        return Response(traffic.rebuild_shape(state, server=self._number(state)))

    def _number(self, state: RebuildState) -> int:
        """The number of its node; 0 where there was none, or it is gone."""
        numbers = Node.objects.of(self.workspace).filter(pk=state.node_id or 0).values_list("number", flat=True)
        return next(iter(numbers), 0)


class RebuildView(DashView):
    @described(
        "Reckon a node's traffic anew, as far back as its reports are kept",
        answer=traffic.RebuildShape,
        status=202,
        also={
            400: "`invalid_id`",
            404: "`not_found`",
            409: "`traffic_rebuild_running`: one at a time.",
        },
    )
    @transaction.atomic
    def post(self, _: Request, number: str) -> Response:
        node = node_by_number(self.workspace, path_id(number))
        state = start_rebuild(workspace=self.workspace, ref=node.ref, now=self.now)
        self.audit("traffic.rebuild", node.name)
        return Response(traffic.rebuild_shape(state, server=node.number), status=202)
