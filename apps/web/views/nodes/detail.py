"""One node: what it is, how it does now, its charts."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from apps.common.clock import epoch_ms
from apps.incidents.selectors import of_subject, open_of
from apps.metrics.selectors import report_chart
from apps.nodes.models import Node
from apps.nodes.types import NodePicture
from apps.web import ranges
from apps.web.presenters import incidents, node_charts
from apps.web.presenters import node as presenter
from apps.web.presenters.node_charts import Axis, NodeChart
from apps.web.ranges import Range, read_range
from apps.web.views.nodes.base import NodePage

# Few enough that ten charts stay a light page; the store answers up to five hundred.
POINTS = 120


class NodeDetail(NodePage):
    """Open incidents, live meters, charts, tables, facts."""

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        picture = self.picture(node)
        chosen = read_range(self.request.GET, now=self.now)
        found, axis = view_charts(self, node, picture, chosen)
        context = self.heading(node, picture) | live_context(self, node, picture)
        context |= {
            "charts": found,
            "axis": axis,
            "range": chosen,
            "ranges": [(key, label, key == chosen.key) for key, (label, _) in ranges.USUAL.items()],
            "machine": presenter.machine(node, picture),
            "open": incidents.rows(open_of(self.workspace, node.ref), self.now),
            "incidents": incidents.rows(of_subject(self.workspace, node.ref, limit=6), self.now),
        }
        return self.render("web/node.html", context)


def view_charts(page: NodePage, node: Node, picture: NodePicture | None, chosen: Range) -> tuple[list[NodeChart], Axis]:
    """The stored numbers of one range as they are shown."""
    wanted = node_charts.wanted_charts({} if picture is None else picture.sections)
    series = report_chart(
        workspace_id=page.workspace.pk,
        ref=node.ref,
        columns=node_charts.columns_of(wanted),
        start=chosen.start,
        end=chosen.end,
        max_points=POINTS,
        extremes=False,
    )
    axis = node_charts.axis_of(
        series, start_ms=epoch_ms(chosen.start), end_ms=epoch_ms(chosen.end), live=chosen.end == page.now
    )
    return node_charts.charts(wanted, series, axis), axis


def live_context(page: NodePage, node: Node, picture: NodePicture | None) -> dict[str, Any]:
    """What the live block shows."""
    silent = picture is not None and (page.now - picture.latest.at).total_seconds() > node.stale_after_s
    return {
        "silent": silent,
        "figures": presenter.live_figures(picture, silent=silent),
        "version": epoch_ms(page.now),
    }


class NodeLive(NodePage):
    """The meters alone, for the page that is already open."""

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        picture = self.picture(node)
        context = self.heading(node, picture) | live_context(self, node, picture)
        shared = {"workspace": self.workspace, "now": self.now}
        response = render(self.request, "web/node_live.html", context | shared)
        response["X-Fragment-Version"] = str(context["version"])
        response["Cache-Control"] = "no-store"
        return response


class NodeNumbers(NodePage):
    """The charts' numbers for the script that draws them."""

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        found, axis = view_charts(self, node, self.picture(node), read_range(self.request.GET, now=self.now))
        response = JsonResponse(node_charts.numbers(found, axis))
        response["Cache-Control"] = "private, max-age=5"
        return response
