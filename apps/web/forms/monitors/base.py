"""What every kind of monitor asks, and how a form becomes the domain's documents and back."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms

from apps.common.errors import InvalidInputError
from apps.devices.models import Device
from apps.projects.models import Project
from apps.projects.tags import clean_tags
from apps.web.presenters import words

INTERVALS = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
SEPARATOR = re.compile(r"[,\n]")
Document = dict[str, Any]


def split(text: str) -> list[str]:
    """Words with commas or line ends between them."""
    return [word.strip() for word in SEPARATOR.split(text) if word.strip()]


class MonitorForm(forms.Form):
    """What every kind asks: name, project, rhythm, tags."""

    kind: ClassVar[Device.Kind]
    # Whether we ask (and so an interval and retries mean something).
    probed: ClassVar[bool] = True
    # The domain's paths, or how they begin, as fields of this form.
    paths: ClassVar[Mapping[str, str]] = {}

    name = forms.CharField(label="Name", max_length=120)
    project = forms.ChoiceField(label="Project")
    interval_s = forms.TypedChoiceField(label="Check every", coerce=int)
    retries = forms.IntegerField(
        label="Confirm with",
        min_value=0,
        max_value=10,
        initial=1,
        help_text="More tries before down is said, so one lost packet wakes nobody.",
    )
    retry_interval_s = forms.IntegerField(label="Seconds between tries", min_value=1, max_value=86_400, initial=30)
    severity = forms.ChoiceField(
        label="How bad is a failure",
        choices=(
            ("", "As it comes: down is critical"),
            ("critical", "Critical"),
            ("warning", "Warning"),
            ("info", "Info"),
        ),
        required=False,
    )
    tags = forms.CharField(label="Tags", required=False, help_text="With commas between them.")
    notes = forms.CharField(label="Notes", required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))

    main: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *args: Any,
        projects: Iterable[Project] = (),
        least_interval_s: int = 10,
        current_s: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        known = [(project.key, project.name) for project in projects]
        self._choose("project", known or [("", "A first project, made along with this")])
        self.fields["project"].required = bool(known)
        allowed = sorted({*(each for each in INTERVALS if each >= least_interval_s), least_interval_s, current_s} - {0})
        self._choose("interval_s", [(str(each), words.interval(each)) for each in allowed])
        if not self.probed:
            for name in ("interval_s", "retries", "retry_interval_s"):
                del self.fields[name]

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_tags(self) -> list[str]:
        try:
            return clean_tags(split(self.cleaned_data["tags"]))
        except InvalidInputError as error:
            raise forms.ValidationError(error.message) from None

    def described(self) -> Document:
        """Arguments of `devices.targets.describe`."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "label": self.kind.value,
            "host": data.get("host"),
            "port": data.get("port"),
            "url": data.get("url"),
            "notes": data["notes"],
        }

    def synthetic(self, stored: Mapping[str, Any] | None) -> Document | None:  # noqa: ARG002  # most kinds write none
        """The synthetic document, or None where the kind has none."""
        return None

    def names(self) -> dict[str, str]:
        """Where each of the domain's paths is shown in this very form."""
        shared = {"ping_interval": "interval_s", "retryIntervalSeconds": "retry_interval_s"}
        return {**shared, **self.paths}

    def dns(self) -> Document | None:
        return None

    def heartbeat(self) -> Document | None:
        return None

    @classmethod
    def initial_of(cls, device: Device) -> Document:
        """What the fields show for a stored monitor."""
        return {
            "name": device.name,
            "project": device.project.key,
            "interval_s": str(device.interval_s),
            "retries": device.retries,
            "retry_interval_s": device.retry_interval_s,
            "severity": device.severity,
            "tags": ", ".join(sorted(tag.text for tag in device.tags.all())),
            "notes": device.notes or "",
            "host": device.host,
            "port": device.port,
            "url": device.url,
        } | cls.initial_documents(device)

    @classmethod
    def initial_documents(cls, device: Device) -> Document:  # noqa: ARG003  # kinds with a document of their own use it
        return {}
