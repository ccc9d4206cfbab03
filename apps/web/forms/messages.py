"""Forms of the workspace's own rules: who gets e-mail, who an SMS, and which webhook hears of incidents."""

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.notifications.types import EmailRule, SmsRule
from apps.projects.models import Project


class EmailRuleForm(forms.Form):
    """Who gets e-mail when a monitor goes down or comes back."""

    enabled = forms.BooleanField(label="Send e-mail when a monitor goes down and when it is up again", required=False)
    to = forms.CharField(
        label="Recipients",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Addresses with commas between them. Empty: the owner of the workspace.",
    )
    cooldown = forms.IntegerField(
        label="At most one message per monitor and event every",
        min_value=1,
        max_value=10080,
        help_text="Minutes, 1 to 10080.",
    )

    @staticmethod
    def initial_of(rule: EmailRule) -> dict[str, Any]:
        """The rule as the form shows it."""
        return {"enabled": rule.enabled, "to": ", ".join(rule.to), "cooldown": rule.cooldown_minutes}


class SmsRuleForm(forms.Form):
    """Whose telephone hears when a monitor goes down or comes back; each project may have a number of its own."""

    enabled = forms.BooleanField(label="Send an SMS when a monitor goes down and when it is up again", required=False)
    to = forms.CharField(
        label="Number",
        max_length=32,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        help_text="International form: +61400111222.",
    )
    cooldown = forms.IntegerField(
        label="At most one message per monitor and event every",
        min_value=1,
        max_value=10080,
        help_text="Minutes, 1 to 10080.",
    )

    def __init__(self, *args: Any, projects: Iterable[Project] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.projects = list(projects)
        for project in self.projects:
            self.fields[f"own-{project.key}"] = forms.BooleanField(
                label=f"{project.name} has a number of its own", required=False
            )
            self.fields[f"to-{project.key}"] = forms.CharField(
                label=f"Number of {project.name}",
                max_length=32,
                required=False,
                widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
            )

    @staticmethod
    def initial_of(rule: SmsRule) -> dict[str, Any]:
        """The rule as the form shows it."""
        found: dict[str, Any] = {"enabled": rule.enabled, "to": rule.to, "cooldown": rule.cooldown_minutes}
        for key, own in rule.overrides.items():
            found |= {f"own-{key}": own.get("enabled", False), f"to-{key}": own.get("to", "")}
        return found

    def general(self) -> list[forms.BoundField]:
        """The rule itself."""
        return [self[name] for name in ("enabled", "to", "cooldown")]

    def own_numbers(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Switch and number of each project."""
        return [(self[f"own-{project.key}"], self[f"to-{project.key}"]) for project in self.projects]

    def overrides(self) -> dict[str, dict[str, Any]]:
        """What was typed for the projects; one that says nothing has no entry."""
        data = self.cleaned_data
        typed = {
            project.key: {"enabled": data[f"own-{project.key}"], "to": data[f"to-{project.key}"]}
            for project in self.projects
        }
        return {key: own for key, own in typed.items() if own["enabled"] or own["to"]}

    def names(self) -> dict[str, str]:
        """From the domain's paths to fields."""
        return {f"projectOverrides.{project.key}": f"to-{project.key}" for project in self.projects}


class WebhookForm(forms.Form):
    """Where programs hear of incidents."""

    enabled = forms.BooleanField(label="Send every change to this address", required=False)
    url = forms.CharField(label="Address", max_length=2048, help_text="https://hooks.example/dashmon")
    secret = forms.CharField(
        label="Secret",
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Signs every message (HMAC-SHA256). Empty: the stored one stays; the first one is made for you.",
    )
