"""The list of nodes, as lines or as cards, and its live fragment."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from apps.common.clock import epoch_ms
from apps.nodes.models import Node
from apps.nodes.selectors import groups_of, tags_of
from apps.pipeline.pictures import pictures
from apps.web.access import WorkspacePage
from apps.web.node_query import PAGE, Fleet, fleet_of, read_filter, read_order, read_page
from apps.web.presenters import nodes as presenter
from apps.web.presenters.nodes import LOOKS, SHAPES


class Nodes(WorkspacePage):
    """Worst first; filter, order, form and page live in the address."""

    section = "nodes"
    permission = "devices.read"

    def get(self, *_: Any) -> HttpResponse:
        everything = fleet_of(self.workspace, self.actor, now=self.now)
        chosen, order = read_filter(self.request.GET), read_order(self.request.GET)
        fitting = everything.narrowed(chosen)
        counts = fitting.counts()
        listed = fitting.ordered(order, chosen.look)
        context = self._page(listed, fitting) | {
            "chosen": chosen,
            "order": order,
            "cards": self.request.GET.get("view") == "cards",
            "counts": [(look, SHAPES[look], counts[look], LOOKS[look], look == chosen.look) for look in counts],
            "fitting": len(fitting.nodes),
        }
        if self.request.headers.get("HX-Request"):
            return self._fragment(context)
        tags = sorted({tag for node in everything.nodes for tag in tags_of(node)})
        context |= {"groups": groups_of(self.workspace), "tags": tags[:50], "everything": len(everything.nodes)}
        return self.render("web/nodes.html", context)

    def _page(self, listed: list[Node], fleet: Fleet) -> dict[str, Any]:
        number = read_page(self.request.GET, len(listed))
        shown = listed[(number - 1) * PAGE : number * PAGE]
        # Numbers of pictures are those of nodes: unique in a workspace.
        known = {picture.number: picture for picture in pictures(workspace_id=self.workspace.pk, nodes=shown)}
        rows = [presenter.row(node, fleet.standings[node.pk], known.get(node.number), now=self.now) for node in shown]
        return {
            "rows": rows,
            "total": len(listed),
            "before": number - 1 if number > 1 else None,
            "after": number + 1 if number * PAGE < len(listed) else None,
            "version": epoch_ms(self.now),
        }

    def _fragment(self, context: dict[str, Any]) -> HttpResponse:
        """Only the rows, for the page that is already open."""
        shared = {"workspace": self.workspace, "now": self.now}
        response = render(self.request, "web/nodes_rows.html", context | shared)
        response["X-Fragment-Version"] = str(context["version"])
        response["Cache-Control"] = "no-store"
        return response
