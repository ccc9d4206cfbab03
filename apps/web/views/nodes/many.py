"""The end of many nodes: first a page that names them, then, when their number was typed, the deed."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect

from apps.common.errors import InvalidInputError, NotFoundError
from apps.nodes.models import Node
from apps.nodes.selectors import nodes_by_number
from apps.pipeline.lifecycle import retire_node
from apps.web.bulk_nodes import picked
from apps.web.node_query import standings_of
from apps.web.presenters import nodes as presenter
from apps.web.presenters import words
from apps.web.views.nodes.base import NodePage

GONE = "some of these nodes are not there any more."


class DeleteNodes(NodePage):
    """The address carries the filter of the list, so that whoever deletes comes back to it."""

    # Fewer nodes is a way out of a full plan.
    obeys_lock = False

    def get(self, *_: Any) -> HttpResponse:
        return redirect(self._back())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        try:
            nodes = self._nodes()
            typed = self.request.POST.get("count")
            if typed is None or typed.strip() != str(len(nodes)):
                return self._page(nodes, typed)
            # One order for every writer, so two transactions never wait for each other.
            for node in sorted(nodes, key=lambda node: node.pk):
                retire_node(node=node, actor=self.actor.label, now=self.now)
        except InvalidInputError as error:
            messages.error(self.request, f"Nothing was deleted: {error.message}")
            return redirect(self._back())
        except NotFoundError:
            # Somebody else deleted one of them just now.
            transaction.set_rollback(True)
            messages.error(self.request, f"Nothing was deleted: {GONE}")
            return redirect(self._back())
        return self.done(f"{words.plural(len(nodes), 'node')} deleted.", self._back())

    def _nodes(self) -> list[Node]:
        numbers = picked(self.request.POST.getlist("pick"))
        nodes = nodes_by_number(self.workspace, numbers, projects=self.actor.projects)
        if not numbers:
            raise InvalidInputError("nothing was ticked.")
        if len(nodes) != len(numbers):
            raise InvalidInputError(GONE)
        return nodes

    def _page(self, nodes: list[Node], typed: str | None) -> HttpResponse:
        standings = standings_of(self.workspace, nodes, now=self.now)
        context = {
            "rows": [(node, presenter.status_of(standings[node.pk], now=self.now)) for node in nodes],
            "typed": typed,
            "back": self._back(),
        }
        return self.render("web/nodes_delete.html", context, status=200 if typed is None else 400)

    def _back(self) -> str:
        query = self.request.GET.urlencode()
        return f"{self.address('nodes')}?{query}" if query else self.address("nodes")
