"""The list of nodes, as lines or as cards, and its live fragment."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.common.clock import epoch_ms
from apps.common.errors import InvalidInputError, NotFoundError
from apps.nodes.selectors import groups_of, listed, nodes_by_number
from apps.nodes.types import RosterEntry
from apps.pipeline.pictures import pictures
from apps.web.access import WorkspacePage
from apps.web.bulk_nodes import ACTS, act_on, fault_of, picked
from apps.web.node_limits import limits_of
from apps.web.node_query import PAGE, Fleet, fleet_of, read_filter, read_order, read_page
from apps.web.presenters import nodes as presenter
from apps.web.presenters.nodes import LOOKS, SHAPES
from apps.web.presenters.words import grouped

# More than a person scrolls through in a select; the text filter finds every one.
MOST_TAGS = 200


class Nodes(WorkspacePage):
    """Worst first; filter, order, form and page live in the address."""

    section = "nodes"
    permission = "devices.read"
    write_permission = "devices.write"

    def get(self, *_: Any) -> HttpResponse:
        everything = fleet_of(self.workspace, self.actor, now=self.now)
        chosen, order = read_filter(self.request.GET), read_order(self.request.GET)
        fitting = everything.narrowed(chosen)
        counts = fitting.counts()
        context = self._page(fitting.ordered(order, chosen.look), fitting) | {
            "chosen": chosen,
            "order": order,
            "cards": self.request.GET.get("view") == "cards",
            "counts": [
                (look, SHAPES[look], grouped(counts[look]), LOOKS[look], look == chosen.look) for look in counts
            ],
            "fitting": grouped(len(fitting.nodes)),
            "groups": groups_of(self.workspace),
        }
        if self.request.headers.get("HX-Request"):
            return self._fragment(context)
        tags = {tag for node in everything.nodes for tag in node.tags}
        context |= {
            "tags": sorted({*sorted(tags)[:MOST_TAGS], *({chosen.tag} & tags)}),
            "everything": len(everything.nodes),
        }
        return self.render("web/nodes.html", context)

    def _page(self, chosen: list[RosterEntry], fleet: Fleet) -> dict[str, Any]:
        number = read_page(self.request.GET, len(chosen))
        start = (number - 1) * PAGE
        shown = nodes_by_number(self.workspace, [node.number for node in chosen[start : start + PAGE]])
        # Numbers of pictures are those of nodes: unique in a workspace.
        found = pictures(workspace_id=self.workspace.pk, nodes=[listed(node) for node in shown])
        known = {picture.number: picture for picture in found}
        limits = limits_of(shown, now=self.now)
        rows = [
            presenter.row(node, fleet.standings[node.pk], known.get(node.number), limits=limits[node.pk], now=self.now)
            for node in shown
        ]
        return {
            "rows": rows,
            "marked": any(meter.marks for row in rows for meter in row.meters),
            "part": presenter.part_of(len(chosen), start=start, shown=len(rows)),
            "before": number - 1 if number > 1 else None,
            "after": number + 1 if start + PAGE < len(chosen) else None,
            "version": epoch_ms(self.now),
        }

    def _fragment(self, context: dict[str, Any]) -> HttpResponse:
        """Only the rows, for the page that is already open."""
        permissions = {name.replace(".", "_"): True for name in self.actor.permissions}
        shared = {"workspace": self.workspace, "now": self.now, "permissions": permissions}
        response = render(self.request, "web/nodes_rows.html", context | shared)
        response["X-Fragment-Version"] = str(context["version"])
        response["Cache-Control"] = "no-store"
        return response

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        """Do something to all that is ticked, or to none of it."""
        sent, here = self.request.POST, self.request.get_full_path()
        # Enter in the field of tags adds them; anywhere else it chooses nothing.
        act = sent.get("act") or ("tag" if sent.get("tags") else "")
        if not sent.getlist("pick") or act not in ACTS:
            missing = "chosen" if sent.getlist("pick") else "ticked"
            messages.warning(self.request, f"Nothing was {missing}, so nothing has been changed.")
            return redirect(here)
        try:
            sentence = act_on(self, act, picked(sent.getlist("pick")))
        except (InvalidInputError, NotFoundError) as error:
            transaction.set_rollback(True)
            messages.error(self.request, f"Nothing was changed: {fault_of(error)}")
            return redirect(here)
        return self.done(sentence, here)
