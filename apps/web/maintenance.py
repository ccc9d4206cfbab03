"""Setting and ending a planned silence, the same for a monitor and a whole project."""

from datetime import datetime

from django.utils import timezone

from apps.common.errors import DomainError
from apps.pipeline.windows import clear_maintenance, set_maintenance
from apps.projects.windows import Target
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.manage import MaintenanceForm


def change(page: WorkspacePage, *, target: Target, subject: str, form: MaintenanceForm) -> str | None:
    """Do what the form says; the sentence to show, or None when the form must be shown again."""
    if "clear" in page.request.POST:
        return end(page, target=target, subject=subject)
    if not form.is_valid():
        return None
    starts, ends = form.span(page.now)
    try:
        set_maintenance(target=target, starts_at=starts, ends_at=ends, reason=form.cleaned_data["reason"], now=page.now)
    except DomainError as error:
        blame(form, error, {"endTime": "ends_at", "startTime": "starts_at"})
        return None
    page.audit("maintenance.set", subject, {"until": ends.isoformat() if ends else None})
    return f"{subject} is in maintenance {_span(starts, ends, page.now)}."


def end(page: WorkspacePage, *, target: Target, subject: str) -> str:
    """End the target's own silence now, if there is one; the sentence to show."""
    if clear_maintenance(target=target, now=page.now) is not None:
        page.audit("maintenance.clear", subject)
    return f"Maintenance of {subject} is over."


def _span(starts: datetime, ends: datetime | None, now: datetime) -> str:
    begin = "from now" if starts <= now else f"from {timezone.localtime(starts):%-d %b %Y, %H:%M}"
    return f"{begin} until {timezone.localtime(ends):%-d %b %Y, %H:%M}" if ends else f"{begin} until somebody ends it"
