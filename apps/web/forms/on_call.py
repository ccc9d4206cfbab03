"""A stand-in on call."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from apps.notifications.routing.wall import instant

FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class StandInForm(forms.Form):
    """Somebody takes a stretch of the calendar; wall times are those of the schedule."""

    member = forms.ChoiceField(label="Who stands in")
    start = forms.CharField(label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    end = forms.CharField(label="Until", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))

    def __init__(self, *args: Any, people: Mapping[str, str], zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        member = self.fields["member"]
        assert isinstance(member, forms.ChoiceField)
        named: list[tuple[str, str]] = sorted(people.items(), key=lambda item: item[1].casefold())
        member.choices = named

    def clean_start(self) -> datetime:
        return self._instant("start")

    def clean_end(self) -> datetime:
        return self._instant("end")

    def _instant(self, name: str) -> datetime:
        """The schedule's own wall clock, over summer time and back (contract Dashmon 9.1)."""
        text = str(self.cleaned_data[name])
        for form in FORMATS:
            try:
                typed = datetime.strptime(text, form)  # noqa: DTZ007  # a wall time, read in the schedule's zone below
            except ValueError:
                continue
            if 1970 < typed.year < 9000:
                return instant(typed.date(), time(typed.hour, typed.minute), self.zone)
        raise forms.ValidationError("Must be a date and a time.")
