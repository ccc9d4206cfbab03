"""How traffic is counted, as a form: the workspace's choices, and the refusals of a billing cycle in words."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common.errors import DomainError
from apps.traffic.models import Settings
from apps.traffic.plans import CycleFaultError, Fault, Mode
from apps.web.forms.faults import blame
from apps.web.forms.manage import zones

Explained = tuple[tuple[str, str, str], ...]
USAGES: Explained = (
    (str(Settings.Usage.LITE), "Lite", "One total for each cycle with its peaks; no days, no percentile, no file."),
    (
        str(Settings.Usage.BILLING),
        "Billing",
        "Also every day, how much of the cycle is known, the 95th percentile of nodes that show it, and a file.",
    ),
)
CYCLES: Explained = (
    (str(Mode.CALENDAR), "Calendar months", "From the 1st to the next 1st."),
    (
        str(Mode.CLAMP),
        "From a day of the month, or its last day",
        "The 31st begins on 28 or 29 February, then on 31 March again.",
    ),
    (
        str(Mode.WHMCS),
        "Monthly from a date on",
        "As WHMCS reckons: a day that a month does not have moves on into the next month, and stays there.",
    ),
)
COUNTED: Explained = (
    ("out", "What is sent", ""),
    ("both", "Received and sent together", ""),
    ("max", "The greater of the two", "Chosen for each figure alone: volume, percentile, peak."),
)
NO_DAY = "A day from 1 to 31."
_FAULTS: Mapping[Fault, tuple[str, str]] = {
    Fault.INCOMPLETE: ("mode", "This cycle needs more than that."),
    Fault.MODE: ("mode", "Choose one of the cycles."),
    Fault.START_DAY: ("start_day", NO_DAY),
    Fault.ANCHOR: ("anchor", "A date."),
    Fault.ZONE: ("zone", "A time zone everybody knows."),
}


def plain(choices: Explained) -> tuple[tuple[str, str], ...]:
    """The choices without what explains them, for a select or a line of text."""
    return tuple((key, label) for key, label, _ in choices)


def _explained(choices: Explained) -> list[tuple[str, SafeString]]:
    return [(key, format_html("<span>{}<small>{}</small></span>", label, words)) for key, label, words in choices]


def blame_cycle(form: forms.Form, error: DomainError) -> None:
    """Put a refusal beside its field; a cycle's fault has words of its own."""
    if isinstance(error, CycleFaultError):
        form.add_error(*_FAULTS[error.fault])
    else:
        blame(form, error)


class TrafficForm(forms.Form):
    """Everything a workspace decides about traffic, named as `traffic.services.change_settings` takes it."""

    usage = forms.ChoiceField(label="How much is shown", choices=_explained(USAGES), widget=forms.RadioSelect)
    mode = forms.ChoiceField(label="A cycle runs", choices=_explained(CYCLES), widget=forms.RadioSelect)
    start_day = forms.IntegerField(
        label="First day",
        min_value=1,
        max_value=31,
        required=False,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), NO_DAY),
    )
    anchor = forms.DateField(
        label="From this date on",
        required=False,
        help_text="Empty, or still ahead: from the first day of the month that stands beside it.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    zone = forms.ChoiceField(label="Time zone", required=False, help_text="Its midnight is where cycles and days end.")
    direction = forms.ChoiceField(label="What counts as used", choices=_explained(COUNTED), widget=forms.RadioSelect)
    guests_by_node = forms.BooleanField(
        label="Guests may read traffic",
        required=False,
        help_text="On Dash's front and over its API, of nodes that guests may see at all.",
    )

    cycle = ("mode", "start_day", "anchor", "zone")

    def __init__(self, data: Any = None, *, settings: Settings) -> None:
        names = (*self.cycle, "usage", "direction", "guests_by_node")
        super().__init__(data, initial={name: getattr(settings, name) for name in names})
        field, own = self.fields["zone"], settings.workspace.timezone
        assert isinstance(field, forms.ChoiceField)
        offered = dict([("", f"The workspace's ({own.replace('_', ' ')})"), *zones()])
        # A zone that an API set stays on offer: saving the page must not change it unasked.
        field.choices = list((offered | {settings.zone: offered.get(settings.zone, settings.zone)}).items())

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("mode") == Mode.CLAMP and data.get("start_day") is None and "start_day" not in self.errors:
            self.add_error("start_day", NO_DAY)
        return data

    def cycle_fields(self) -> dict[str, Any]:
        """What was said about the cycle; a day nobody gave was not sent."""
        data = self.cleaned_data
        fields = {"mode": data["mode"], "zone": data["zone"]}
        fields["anchor"] = data["anchor"].isoformat() if data["anchor"] else ""
        return fields if data["start_day"] is None else fields | {"start_day": data["start_day"]}

    def all_fields(self) -> dict[str, Any]:
        """Everything that was said, as `change_settings` takes it."""
        return self.cycle_fields() | {
            name: self.cleaned_data[name] for name in ("usage", "direction", "guests_by_node")
        }
