"""A node's traffic: the cycle, its days, the cycles before it, a file of it, and rebuilding it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify

from apps.common.clock import epoch_ms
from apps.common.errors import DomainError
from apps.nodes.models import Node
from apps.traffic import selectors as traffic
from apps.traffic.choices import choice_of
from apps.traffic.rebuilds import rebuild_state
from apps.traffic.selectors import DaySummary, Period
from apps.traffic.services import start_rebuild
from apps.web.presenters import traffic as presenter
from apps.web.views.nodes.base import NodePage

MONTHS = 12
PERIODS: tuple[tuple[Period, str], ...] = (("current", "This cycle"), ("previous", "The one before"))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which interface and which cycle the address asks for; `iface` is empty where there is none."""

    iface: str
    period: Period
    ifaces: list[str]


class TrafficPage(NodePage):
    """What the page and the file ask the same way."""

    def asked(self, node: Node) -> Asked:
        ifaces = traffic.ifaces(workspace_id=self.workspace.pk, ref=node.ref)
        wanted = self.request.GET.get("iface", "")
        period: Period = "previous" if self.request.GET.get("cycle") == "previous" else "current"
        return Asked(wanted if wanted in ifaces else next(iter(ifaces), ""), period, ifaces)

    def scope(self, node: Node, iface: str) -> dict[str, Any]:
        own = choice_of(node)
        return {"workspace": self.workspace, "ref": node.ref, "choice": own, "iface": iface, "now": self.now}

    def days(self, node: Node, asked: Asked) -> list[DaySummary]:
        return traffic.daily(**self.scope(node, asked.iface), period=asked.period)

    def rebuild(self, node: Node) -> dict[str, Any]:
        """How the workspace's newest rebuild is doing, in words."""
        state = rebuild_state(self.workspace)
        sentence, running = presenter.rebuild_words(state, node_id=node.pk)
        return {"rebuild": state, "rebuild_sentence": sentence, "rebuild_runs": running}


class NodeTraffic(TrafficPage):
    """One cycle in figures and by day."""

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        asked = self.asked(node)
        context = self.heading(node, self.picture(node)) | self.rebuild(node) | {"asked": asked, "periods": PERIODS}
        if asked.iface:
            context |= self._figures(node, asked)
        return self.render("web/node_traffic.html", context)

    def _figures(self, node: Node, asked: Asked) -> dict[str, Any]:
        scope = self.scope(node, asked.iface)
        cycle = traffic.summary(**scope, period=asked.period)
        days = [] if cycle.terms.lite else self.days(node, asked)
        return {
            "cycle": cycle,
            "facts": presenter.facts(cycle),
            "chart": presenter.day_chart(days, zone=cycle.terms.plan.zone) if days else None,
            "rates": presenter.rate_chart(days, cycle) if days else None,
            "earlier": presenter.rows(traffic.monthly(**scope, months=MONTHS, period="previous")),
        }


class TrafficFile(TrafficPage):
    """The days of a cycle as a file."""

    def get(self, _: Any, number: str) -> HttpResponseBase:
        node = self.node(number)
        asked = self.asked(node)
        days, zone = [], "UTC"
        if asked.iface:
            days = self.days(node, asked)
            zone = traffic.summary(**self.scope(node, asked.iface), period=asked.period).terms.plan.zone
        name = f"{slugify(f'{node.name} {asked.iface}') or 'node'}-traffic.csv"
        response = StreamingHttpResponse(presenter.csv_lines(days, zone=zone), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "private, no-store"
        return response


class RebuildTraffic(TrafficPage):
    """Have a node's traffic reckoned anew; GET is the line that tells how far it is."""

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        permissions = {name.replace(".", "_"): True for name in self.actor.permissions}
        shared = {"node": node, "workspace": self.workspace, "now": self.now, "permissions": permissions}
        response = render(self.request, "web/node_rebuild.html", self.rebuild(node) | shared)
        response["X-Fragment-Version"] = str(epoch_ms(self.now))
        response["Cache-Control"] = "no-store"
        return response

    def post(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        here = f"{self.address('node-traffic', node.number)}#rebuild"
        try:
            start_rebuild(workspace=self.workspace, ref=node.ref, now=self.now)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(here)
        self.audit("traffic.rebuild", node.name)
        return self.done(f"The traffic of {node.name} is reckoned anew; what is shown may change.", here)
