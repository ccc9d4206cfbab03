"""Groups of nodes: made, named, taken away."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect

from apps.common.errors import DomainError, NotFoundError
from apps.nodes.models import NodeGroup
from apps.nodes.selectors import group_by_number, groups_of
from apps.nodes.services import create_group, delete_group, update_group
from apps.web.forms.faults import blame
from apps.web.forms.nodes import GroupForm
from apps.web.node_query import fleet_of
from apps.web.views.nodes.base import NodePage


class NodeGroups(NodePage):
    """Every group with how many nodes within reach are in it, and a form for a new one."""

    def get(self, *_: Any) -> HttpResponse:
        return self.page(GroupForm())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        self.ensure_whole_workspace()
        form = GroupForm(self.request.POST)
        if not form.is_valid():
            return self.page(form, status=400)
        try:
            group = create_group(workspace=self.workspace, **form.cleaned_data, actor=self.actor.label, now=self.now)
        except DomainError as error:
            blame(form, error)
            return self.page(form, status=400)
        return self.done(f"Group {group.name} made.", self.address("node-groups"))

    def page(self, form: GroupForm, *, status: int = 200) -> HttpResponse:
        fleet = fleet_of(self.workspace, self.actor, now=self.now)
        inside = Counter(number for node in fleet.nodes for number in node.groups)
        bad = Counter(
            number
            for node in fleet.nodes
            if fleet.standings[node.pk].look in {"trouble", "silent"}
            for number in node.groups
        )
        rows = [(group, inside[group.number], bad[group.number]) for group in groups_of(self.workspace)]
        may_write = self.may("devices.write") and self.actor.projects is None
        context = {"rows": rows, "form": form, "may_write": may_write}
        return self.render("web/node_groups.html", context, status=status)


class OneGroup(NodeGroups):
    """Another name, or the end of a group; its nodes stay."""

    act = ""

    def get(self, *_: Any, **__: Any) -> HttpResponse:
        return redirect(self.address("node-groups"))

    @transaction.atomic
    def post(self, _: Any, number: str) -> HttpResponse:
        self.ensure_whole_workspace()
        group = self._group(number)
        try:
            sentence = self._delete(group) if self.act == "delete" else self._rename(group)
        except DomainError as error:
            messages.error(self.request, f"Nothing was changed: {error.message}")
            return redirect(self.address("node-groups"))
        return self.done(sentence, self.address("node-groups"))

    def _group(self, number: str) -> NodeGroup:
        if not number.isdecimal() or len(number) > 9:
            raise NotFoundError("Group not found")
        return group_by_number(self.workspace, int(number))

    def _rename(self, group: NodeGroup) -> str:
        sent = self.request.POST
        group = update_group(
            group=group,
            name=sent.get("name", ""),
            remark=sent.get("remark", ""),
            actor=self.actor.label,
            now=self.now,
        )
        return f"Group {group.name} saved."

    def _delete(self, group: NodeGroup) -> str:
        delete_group(group=group, actor=self.actor.label, now=self.now)
        return f"Group {group.name} is gone; its nodes are still there."
