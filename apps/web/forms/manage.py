"""Forms about the workspace and its people."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms

from apps.projects.models import Project

ROLES = (
    ("viewer", "Viewer: sees everything, changes nothing"),
    ("editor", "Editor: monitors, incidents, maintenance"),
    ("admin", "Admin: also people, tokens and alerts"),
)
SILENCES = (
    ("", "Until somebody ends it"),
    ("15", "15 minutes"),
    ("30", "30 minutes"),
    ("60", "1 hour"),
    ("120", "2 hours"),
    ("240", "4 hours"),
    ("720", "12 hours"),
    ("1440", "1 day"),
)
LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("", "No end"))


def zones() -> list[tuple[str, str]]:
    """Every zone this machine knows, for a select."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


class ProjectForm(forms.Form):
    """Name, place and notes of a project."""

    name = forms.CharField(label="Name", max_length=120)
    location = forms.CharField(label="Location", max_length=200, required=False)
    notes = forms.CharField(label="Notes", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4}))


class InviteForm(forms.Form):
    """A seat for somebody, sent by e-mail or handed over as a link."""

    email = forms.EmailField(label="E-mail")
    role = forms.ChoiceField(label="Role", choices=ROLES)
    projects = forms.MultipleChoiceField(
        label="Only these projects",
        required=False,
        help_text="None chosen: all projects, future ones too.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, projects: Iterable[Project] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["projects"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(project.key, project.name) for project in projects]


class TokenForm(forms.Form):
    """A bearer token for a program."""

    label = forms.CharField(label="What it is for", max_length=80)
    access = forms.ChoiceField(
        label="May", choices=(("read_only", "Read"), ("read_write", "Read and write")), initial="read_only"
    )
    expires = forms.ChoiceField(label="Ends after", choices=LIFETIMES, required=False, initial="90")


class WorkspaceSettingsForm(forms.Form):
    """What the workspace is called and which clock it lives by."""

    name = forms.CharField(label="Name", max_length=120)
    timezone = forms.ChoiceField(
        label="Time zone", choices=zones, help_text="For people who have not chosen one of their own."
    )


class ProfileForm(forms.Form):
    """How one person is called and sees times."""

    name = forms.CharField(label="Name", max_length=120, required=False)
    timezone = forms.ChoiceField(label="Time zone", choices=lambda: [("", "The workspace's"), *zones()], required=False)


class MaintenanceForm(forms.Form):
    """A planned silence: now or later, for a while, until a moment, or until somebody ends it."""

    lasts = forms.ChoiceField(label="For how long", choices=SILENCES, required=False)
    starts_at = forms.DateTimeField(
        label="From",
        required=False,
        help_text="Empty: from now.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )
    ends_at = forms.DateTimeField(
        label="Until",
        required=False,
        help_text="Counts before what is chosen above.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )
    reason = forms.CharField(label="Reason", max_length=200, required=False)

    def span(self, now: datetime) -> tuple[datetime, datetime | None]:
        """When the silence begins and ends; None: when somebody ends it."""
        data = self.cleaned_data
        starts: datetime = data["starts_at"] or now
        ends: datetime | None = data["ends_at"]
        if ends is None and data["lasts"]:
            ends = starts + timedelta(minutes=int(data["lasts"]))
        return starts, ends
