"""Forms about status pages."""

from typing import Any

from django import forms

from apps.statuspages.models import StatusUpdate
from apps.statuspages.settings_rules import MOST_DAYS
from apps.statuspages.words import NAMES
from apps.web.forms.manage import zones

VISIBILITIES = (("public", "Public: anybody who has the address"), ("private_token", "Private: only with a token"))
THEMES = (("auto", "As the visitor's device"), ("light", "Light"), ("dark", "Dark"))
LOCALES = (("auto", "As the visitor's browser"), *NAMES.items())
# Where a refusal of the domain belongs, by its name on the wire.
FIELDS = {
    "accentColor": "accent",
    "showUptimeDays": "days",
    "showLatency": "show_latency",
    "allowIndexing": "allow_indexing",
    "subscribersEnabled": "subscribers_enabled",
}
UPDATE_FIELDS = {"startsAt": "starts_at", "endsAt": "ends_at", "incidentKey": "thread"}
MINUTES = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class NewPageForm(forms.Form):
    """Name, address and audience of a new page, and what it shows first."""

    name = forms.CharField(label="Name", max_length=120, help_text="Visitors read it at the top: Acme status.")
    slug = forms.CharField(
        label="Address",
        max_length=48,
        required=False,
        help_text="The last part of its address. Empty: made from the name.",
    )
    visibility = forms.ChoiceField(label="Who sees it", choices=VISIBILITIES)
    projects = forms.MultipleChoiceField(
        label="Projects",
        required=False,
        help_text="Tags and single monitors can be added afterwards.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, projects: Any = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["projects"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(project.key, project.name) for project in projects]

    def values(self) -> dict[str, Any]:
        """Settings by their names on the wire."""
        data = self.cleaned_data
        chosen = {"name": data["name"], "visibility": data["visibility"]}
        return chosen | ({"slug": data["slug"]} if data["slug"] else {})


class PageForm(forms.Form):
    """Everything a page can be told about itself."""

    name = forms.CharField(label="Name", max_length=120)
    slug = forms.CharField(
        label="Address", max_length=48, help_text="The last part of its address; links to the old one break."
    )
    description = forms.CharField(
        label="Description", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    visibility = forms.ChoiceField(label="Who sees it", choices=VISIBILITIES)
    theme = forms.ChoiceField(label="Theme", choices=THEMES)
    accent = forms.CharField(
        label="Accent",
        max_length=7,
        required=False,
        help_text="Links and buttons, such as #2563eb. It must be readable.",
    )
    locale = forms.ChoiceField(label="Language", choices=LOCALES)
    timezone = forms.ChoiceField(label="Time zone", choices=zones)
    days = forms.IntegerField(label="Days of history", min_value=1, max_value=MOST_DAYS)
    show_latency = forms.BooleanField(label="Show response times", required=False)
    allow_indexing = forms.BooleanField(label="Search engines may list it", required=False)
    subscribers_enabled = forms.BooleanField(label="Visitors may subscribe", required=False)

    def values(self) -> dict[str, Any]:
        """Settings by their names on the wire."""
        wire = {field: name for name, field in FIELDS.items()}
        return {wire.get(field, field): value for field, value in self.cleaned_data.items()}


class LogoForm(forms.Form):
    """A picture for the top of the page."""

    logo = forms.FileField(
        label="Picture", help_text="PNG, JPEG, WebP or GIF up to 1 MB; it is drawn anew, 32 px high."
    )


class DomainForm(forms.Form):
    """A host name of one's own."""

    hostname = forms.CharField(
        label="Host name", max_length=253, required=False, help_text="status.example.com; empty: none."
    )


class UpdateForm(forms.Form):
    """One post."""

    status = forms.ChoiceField(label="State", choices=StatusUpdate.Status.choices)
    title = forms.CharField(label="Title", max_length=200)
    body = forms.CharField(
        label="Text",
        max_length=10_000,
        required=False,
        help_text="Markdown: **bold**, lists, [links](https://example.com). Times are welcome, host names are not.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    projects = forms.MultipleChoiceField(label="Affects", required=False, widget=forms.CheckboxSelectMultiple)
    starts_at = forms.DateTimeField(
        label="From",
        required=False,
        help_text="For maintenance.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=MINUTES,
    )
    ends_at = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=MINUTES,
    )
    notify = forms.BooleanField(label="Tell subscribers", required=False, help_text="Each of them once.")
    thread = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, projects: Any = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["projects"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(project.key, project.name) for project in projects]
