"""Nodes: listed, made, described, arranged, deleted (contract Dash 7.2 to 7.4)."""

from collections.abc import Sequence

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.errors import DashError
from apps.api.dash.node_rows import NodeBody, NodeRow, changes_of, in_our_words, node_row
from apps.api.dash.payloads import MOST_ID, Maybe, Strict, said
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done, path_id
from apps.common.errors import InvalidInputError
from apps.nodes import selectors, services
from apps.nodes.services.nodes import MOST_ARRANGED
from apps.pipeline.lifecycle import retire_node

NOT_THERE = {400: "`invalid_id`", 404: "`not_found`"}
REFUSED = (
    "`invalid_id`, `no_fields`, `invalid_name`, `invalid_display_order`, `invalid_tags`, `invalid_secret`, "
    "`invalid_group_ids`, `invalid_traffic_direction_mode`, `invalid_traffic_cycle_settings` and one for each field "
    "of the cycle"
)


class OrderBody(Strict):
    ids: Maybe[list[int]] = None


class P95Body(Strict):
    ids: Maybe[list[int]] = None
    enabled: Maybe[bool] = None


class NodesView(DashView):
    @described("Every node, the highest first, with the secret its agent needs", answer=list[NodeRow])
    def get(self, _: Request) -> Response:
        nodes = selectors.every_node(self.workspace)
        secrets = selectors.secrets_of(self.workspace, nodes)
        return Response([node_row(node, secrets.get(node.pk, "")) for node in nodes])

    @described("A node with a secret of its own, on top of the others", status=204, also={400: "`plan_limit_reached`"})
    def post(self, _: Request) -> Response:
        services.create_node(workspace=self.workspace, actor=self.actor.label, now=self.now)
        return done()


class NodeView(DashView):
    @described(
        "Say some things about a node anew, all or none",
        body=NodeBody,
        status=204,
        also={400: REFUSED, 404: "`not_found`", 409: "`duplicate_secret`"},
    )
    def patch(self, _: Request, number: str) -> Response:
        wanted = path_id(number)
        changes = changes_of(self.body(NodeBody), zone=self.workspace.timezone)
        node = selectors.node_by_number(self.workspace, wanted)
        try:
            services.update_node(node=node, changes=changes, actor=self.actor.label, now=self.now)
        except InvalidInputError as error:
            raise in_our_words(error) from error
        return done()

    @described("Delete a node: its secret is dead, what is open about it closes", status=204, also=NOT_THERE)
    def delete(self, _: Request, number: str) -> Response:
        node = selectors.node_by_number(self.workspace, path_id(number))
        retire_node(node=node, actor=self.actor.label, now=self.now)
        return done()


class DisplayOrderView(DashView):
    @described("Arrange every node, the first on top", body=OrderBody, status=204, also={400: "`invalid_ids`"})
    def put(self, _: Request) -> Response:
        numbers = checked_ids(said(self.body(OrderBody).ids))
        try:
            services.set_order(workspace=self.workspace, numbers=numbers, actor=self.actor.label, now=self.now)
        except InvalidInputError as error:
            raise DashError("invalid_ids", error.message) from error
        return done()


class TrafficP95View(DashView):
    @described(
        "Switch the 95th percentile of traffic for some nodes, all or none",
        body=P95Body,
        status=204,
        also={400: "`invalid_fields`, `invalid_ids`", 404: "`not_found`"},
    )
    def patch(self, _: Request) -> Response:
        body = self.body(P95Body)
        enabled = said(body.enabled)
        if enabled is None:
            raise DashError("invalid_fields", "enabled must be true or false.")
        services.set_p95(
            workspace=self.workspace,
            numbers=checked_ids(said(body.ids)),
            enabled=enabled,
            actor=self.actor.label,
            now=self.now,
        )
        return done()


def checked_ids(numbers: Sequence[int] | None) -> Sequence[int]:
    """At least one id and at most 10,000, each positive and said once; DashError `invalid_ids` otherwise."""
    found = numbers or ()
    good = all(0 < number <= MOST_ID for number in found) and len(set(found)) == len(found)
    if not 0 < len(found) <= MOST_ARRANGED or not good:
        raise DashError("invalid_ids", f"1 to {MOST_ARRANGED} ids of nodes, each once.")
    return found
