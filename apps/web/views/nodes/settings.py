"""What people decide about a node, its secret, and its end."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect

from apps.common.errors import DomainError
from apps.nodes.models import Node
from apps.nodes.selectors import groups_of, secret_of, tags_of
from apps.nodes.services import Changes, move_node, rotate_secret, update_node
from apps.pipeline.lifecycle import retire_node
from apps.traffic.plans import plan_asked_for
from apps.web.forms.monitors.base import split
from apps.web.forms.nodes import NodeForm
from apps.web.forms.traffic import blame_cycle
from apps.web.views.nodes.base import NodePage
from apps.web.views.projects import visible_projects

# Long enough to put the new secret on the machine, short enough that a leaked one does not live on.
OVERLAP = timedelta(hours=1)


class NodeSettings(NodePage):
    """Name, tags, groups, who sees it, how its traffic is counted."""

    permission = "devices.write"

    def get(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        return self._page(node, self._form(node))

    def post(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        form = self._form(node, self.request.POST)
        if not form.is_valid():
            return self._page(node, form, status=400)
        try:
            with transaction.atomic():
                self._save(node, form)
        except DomainError as error:
            blame_cycle(form, error)
            return self._page(self.node(number), form, status=400)
        return self.done(f"{form.cleaned_data['name']} saved.", self.address("node-settings", node.number))

    def _form(self, node: Node, data: Any = None) -> NodeForm:
        return NodeForm(
            data,
            initial=NodeForm.initial_of(node, tags_of(node)),
            projects=visible_projects(self),
            may_be_none=self.actor.projects is None,
            groups=groups_of(self.workspace),
        )

    def _save(self, node: Node, form: NodeForm) -> None:
        data = form.cleaned_data
        plan = plan_asked_for(form.cycle_fields(), zone=self.workspace.timezone)
        changes = Changes(
            **{name: data[name] for name in ("name", "public", "public_note", "note", "direction", "p95")},
            tags=split(data["tags"]),
            groups=[int(number) for number in data["groups"]],
            cycle={} if plan is None else plan.document,
        )
        update_node(node=node, changes=changes, actor=self.actor.label, now=self.now)
        project = next((each for each in visible_projects(self) if each.key == data["project"]), None)
        if (project.pk if project is not None else None) != node.project_id:
            move_node(node=node, project=project, actor=self.actor.label, now=self.now)

    def _page(self, node: Node, form: NodeForm, *, status: int = 200) -> HttpResponse:
        context = self.heading(node, self.picture(node)) | {
            "form": form,
            "about": [form[name] for name in form.about],
            "counting": [form[name] for name in form.counting],
            "secret": secret_of(node) if self.may("secrets.read") else None,
            "overlap_s": int(OVERLAP.total_seconds()),
        }
        return self.render("web/node_settings.html", context, status=status)


class RotateSecret(NodePage):
    """Another secret; the old one counts for an hour more."""

    permission = "secrets.read"

    @transaction.atomic
    def post(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        rotate_secret(node=node, overlap=OVERLAP, actor=self.actor.label, now=self.now)
        sentence = f"{node.name} has a new secret. The old one counts for an hour more."
        return self.done(sentence, self.address("node-install", node.number))


class DeleteNode(NodePage):
    """The end of a node; whoever does it types its name first."""

    # Fewer nodes is a way out of a full plan.
    obeys_lock = False

    @transaction.atomic
    def post(self, _: Any, number: str) -> HttpResponse:
        node = self.node(number)
        if " ".join(self.request.POST.get("name", "").split()) != " ".join(node.name.split()):
            messages.error(self.request, f"Nothing was deleted: what you typed is not “{node.name}”.")
            return redirect(f"{self.address('node-settings', node.number)}#delete")
        retire_node(node=node, actor=self.actor.label, now=self.now)
        return self.done(f"{node.name} is deleted.", self.address("nodes"))
