"""The form of a scheduled report."""

import re
from collections.abc import Collection, Iterable
from typing import Any

from django import forms

from apps.projects.models import Project
from apps.reports.models import ReportSchedule
from apps.reports.services import Wish
from apps.reports.sla import parse_target, spell_target
from apps.web.forms.manage import zones

SEPARATOR = re.compile(r"[,;\s]+")
FREQUENCIES = (("daily", "Every day"), ("weekly", "Every week"), ("monthly", "Every month"))
FORMATS = (
    ("pdf", "PDF attached"),
    ("csv", "CSV attached"),
    ("html", "Every monitor in the e-mail itself, nothing attached"),
)
WEEKDAYS = tuple(
    (str(number), name)
    for number, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
)
HOURS = tuple((str(hour), f"{hour:02d}:00") for hour in range(24))
# The domain's paths as fields of this form.
FIELDS = {"target": "target", "projects": "projects"}


class ScheduleForm(forms.Form):
    """What is sent, when and to whom."""

    name = forms.CharField(label="Name", max_length=120)
    frequency = forms.ChoiceField(label="How often", choices=FREQUENCIES, initial="weekly")
    weekday = forms.TypedChoiceField(
        label="On", choices=WEEKDAYS, coerce=int, initial="0", help_text="Counts for weekly reports."
    )
    day = forms.IntegerField(
        label="Day of the month",
        min_value=1,
        max_value=31,
        initial=1,
        help_text="Counts for monthly reports; the last day where a month is shorter.",
    )
    hour = forms.TypedChoiceField(label="At", choices=HOURS, coerce=int, initial="8")
    timezone = forms.ChoiceField(label="Time zone", choices=zones)
    members = forms.MultipleChoiceField(
        label="To people of this workspace", required=False, widget=forms.CheckboxSelectMultiple
    )
    recipients = forms.CharField(
        label="To other addresses",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="With commas between them; 20 recipients at most.",
    )
    format = forms.ChoiceField(label="Form", choices=FORMATS, initial="pdf")
    target = forms.CharField(label="SLA target in percent", max_length=8, initial="99.9")
    projects = forms.MultipleChoiceField(
        label="Only these projects",
        required=False,
        help_text="None chosen: all projects, future ones too.",
        widget=forms.CheckboxSelectMultiple,
    )
    enabled = forms.BooleanField(label="Send it", required=False, initial=True)

    def __init__(
        self, *args: Any, projects: Iterable[Project] = (), members: Iterable[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._offer("projects", [(project.key, project.name) for project in projects])
        self._offer("members", [(address, address) for address in members])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices

    def wish(self) -> Wish:
        """The checked fields as the domain takes them; InvalidInputError for a target that is no percentage."""
        data = self.cleaned_data
        return Wish(
            name=data["name"],
            frequency=data["frequency"],
            recipients=[*data["members"], *(word for word in SEPARATOR.split(data["recipients"]) if word)],
            hour=data["hour"],
            timezone=data["timezone"],
            weekday=data["weekday"],
            day=data["day"],
            format=data["format"],
            project_keys=data["projects"] or None,
            target=parse_target(data["target"]),
            enabled=data["enabled"],
        )


def initial_of(schedule: ReportSchedule, *, members: Collection[str]) -> dict[str, Any]:
    """A stored schedule as the form shows it; `members` are the addresses it offers."""
    return {
        "name": schedule.name,
        "frequency": schedule.frequency,
        "weekday": str(schedule.weekday),
        "day": schedule.day,
        "hour": str(schedule.hour),
        "timezone": schedule.timezone,
        "members": [address for address in schedule.recipients if address in members],
        "recipients": ", ".join(address for address in schedule.recipients if address not in members),
        "format": schedule.format,
        "target": spell_target(schedule.target),
        "projects": [project.key for project in schedule.projects.all()],
        "enabled": schedule.enabled,
    }
