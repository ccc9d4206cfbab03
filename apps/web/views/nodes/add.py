"""A new node, and what is pasted on its machine."""

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render

from apps.common.clock import epoch_ms
from apps.common.errors import DomainError
from apps.metrics.selectors import newest_instants
from apps.nodes.models import UNNAMED, Node
from apps.nodes.selectors import secret_of
from apps.nodes.services import create_node
from apps.notifications.links import base_url
from apps.projects.models import Project
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.nodes import NewNodeForm
from apps.web.presenters import installing
from apps.web.views.nodes.base import NodePage
from apps.web.views.projects import visible_projects


class NewNode(WorkspacePage):
    """A name and a project are enough; everything else the machine says itself."""

    section = "nodes"
    permission = "devices.write"

    def get(self, *_: Any) -> HttpResponse:
        return self._page(self._form())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = self._form(self.request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        try:
            node = create_node(
                workspace=self.workspace,
                name=form.cleaned_data["name"].strip() or UNNAMED,
                owner=self.seat,
                project=self._project(form.cleaned_data["project"]),
                actor=self.actor.label,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error)
            return self._page(form, status=400)
        return self.done("The node is there. Its machine comes next.", self.address("node-install", node.number))

    def _project(self, key: str) -> Project | None:
        return next((project for project in visible_projects(self) if project.key == key), None)

    def _form(self, data: Any = None) -> NewNodeForm:
        initial = {"project": self.request.GET.get("project")}
        projects, all_projects = visible_projects(self), self.actor.projects is None
        return NewNodeForm(data, initial=initial, projects=projects, may_be_none=all_projects)

    def _page(self, form: NewNodeForm, *, status: int = 200) -> HttpResponse:
        return self.render("web/node_new.html", {"form": form}, status=status)


class InstallNode(NodePage):
    """The install command with the secret in it, and a line that turns when the first report came."""

    permission = "secrets.read"

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        secret, base = secret_of(node), base_url()
        context = {
            "node": node,
            "snippets": [] if secret is None else installing.snippets(base, secret),
            "report_address": installing.report_address(base),
            "heard": heard_of(self, node),
        }
        return self.render("web/node_install.html", context)


class FirstReport(NodePage):
    """The line that waits, for the page that is already open."""

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        context = {"node": node, "heard": heard_of(self, node), "workspace": self.workspace, "now": self.now}
        response = render(self.request, "components/first_report.html", context)
        response["X-Fragment-Version"] = str(epoch_ms(self.now))
        response["Cache-Control"] = "no-store"
        return response


def heard_of(page: NodePage, node: Node) -> bool:
    """Whether a report of the node was ever kept."""
    return bool(newest_instants({page.workspace.pk: [node.ref]}))
