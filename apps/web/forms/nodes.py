"""Forms about nodes: a new one, its settings, groups."""

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.nodes.models import Node, NodeGroup
from apps.projects.models import Project
from apps.traffic.plans import INHERIT, CyclePlan, plan_in
from apps.web.forms.manage import zones
from apps.web.forms.traffic import COUNTED, CYCLES, plain

MODES = ((INHERIT, "As the workspace has it"), *plain(CYCLES))
DIRECTIONS = (("", "As the workspace has it"), *plain(COUNTED))


def choose_project(form: forms.Form, projects: Iterable[Project], *, may_be_none: bool) -> None:
    """Offer the projects within reach; a seat that reaches only some must choose one."""
    field = form.fields["project"]
    assert isinstance(field, forms.ChoiceField)
    none = [("", "No project")] if may_be_none else []
    field.choices = [*none, *((project.key, project.name) for project in projects)]
    field.required = not may_be_none


class NewNodeForm(forms.Form):
    """What a machine will be called, and where it belongs."""

    name = forms.CharField(
        label="Name", max_length=120, required=False, help_text="Empty: the machine's own name, once it reports."
    )
    project = forms.ChoiceField(label="Project", required=False)

    def __init__(self, *args: Any, projects: Iterable[Project], may_be_none: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_project(self, projects, may_be_none=may_be_none)


class GroupForm(forms.Form):
    """A group's name and what it is for."""

    name = forms.CharField(label="Name", max_length=64)
    remark = forms.CharField(label="What it is for", max_length=255, required=False)


class NodeForm(forms.Form):
    """Everything people decide about a node."""

    name = forms.CharField(label="Name", max_length=120)
    project = forms.ChoiceField(label="Project", required=False)
    tags = forms.CharField(label="Tags", max_length=2200, required=False, help_text="With commas between them.")
    groups = forms.MultipleChoiceField(label="Groups", required=False, widget=forms.CheckboxSelectMultiple)
    public = forms.BooleanField(
        label="Guests may see it", required=False, help_text="On the public front, where the workspace has one."
    )
    public_note = forms.CharField(
        label="Note for guests", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    note = forms.CharField(label="Notes", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    mode = forms.ChoiceField(label="Billing cycle", choices=MODES)
    start_day = forms.IntegerField(label="First day", min_value=1, max_value=31, required=False)
    anchor = forms.DateField(
        label="From this date on", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    zone = forms.ChoiceField(label="Time zone", choices=lambda: [("", "The workspace's"), *zones()], required=False)
    direction = forms.ChoiceField(label="What counts", choices=DIRECTIONS, required=False)
    p95 = forms.BooleanField(label="Show the 95th percentile", required=False)

    about = ("name", "project", "tags", "groups", "public", "public_note", "note")
    counting = ("mode", "start_day", "anchor", "zone", "direction", "p95")

    def __init__(
        self, *args: Any, projects: Iterable[Project], may_be_none: bool, groups: Iterable[NodeGroup], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choose_project(self, projects, may_be_none=may_be_none)
        field = self.fields["groups"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(str(group.number), group.name) for group in groups]

    @staticmethod
    def initial_of(node: Node, tags: Iterable[str]) -> dict[str, Any]:
        """The form as the node is now."""
        plan = plan_in(node.cycle)
        kept = CyclePlan() if plan is None else plan
        return {
            **{name: getattr(node, name) for name in ("name", "public", "public_note", "note", "direction", "p95")},
            "project": node.project.key if node.project is not None else "",
            "tags": ", ".join(tags),
            "groups": [str(group.number) for group in node.groups.all()],
            "mode": INHERIT if plan is None else str(plan.mode),
            "start_day": kept.start_day,
            "anchor": kept.anchor,
            "zone": kept.zone,
        }

    def cycle_fields(self) -> dict[str, Any]:
        """What was said about the cycle, as apps.traffic takes it; a day nobody gave was not sent."""
        data = self.cleaned_data
        fields: dict[str, Any] = {"mode": data["mode"], "zone": data["zone"]}
        fields["anchor"] = data["anchor"].isoformat() if data["anchor"] else ""
        if data["start_day"] is not None:
            fields["start_day"] = data["start_day"]
        return fields
