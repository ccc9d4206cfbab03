"""Posts of a page: published once, told once."""

import re
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.common.errors import InvalidInputError
from apps.common.text import is_storable
from apps.projects.models import Project
from apps.statuspages import shelf
from apps.statuspages.markup import to_html
from apps.statuspages.models import StatusPage, StatusUpdate

THREAD = re.compile(r"[A-Za-z0-9._:-]{1,64}")
LONGEST_TITLE, LONGEST_BODY = 200, 10_000


@transaction.atomic
def publish(
    *,
    page: StatusPage,
    status: str,
    title: str,
    body: str = "",
    projects: Sequence[Project] = (),
    thread: str | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    notify: bool = False,
    now: datetime,
) -> StatusUpdate:
    """Publish a post; with the thread of an earlier one it continues that story, `resolved` ends it.

    A story without a name takes the post's own id as `incidentKey`. InvalidInputError with every bad field (names as
    on the wire); nothing is changed then. `notify` has the background tell confirmed subscribers, each once.
    """
    fields = _faults(status=status, title=title, body=body, thread=thread, starts_at=starts_at, ends_at=ends_at)
    if fields:
        raise InvalidInputError(fields=fields)
    update = StatusUpdate(
        workspace_id=page.workspace_id,
        page=page,
        status=status,
        title=title.strip(),
        body=body.strip(),
        html=to_html(body),
        starts_at=starts_at,
        ends_at=ends_at,
        published_at=now,
        notify=notify,
    )
    update.thread = thread or update.wire_id
    update.save()
    update.projects.set(projects)
    shelf.drop_page(page.pk)
    return update


@transaction.atomic
def delete_update(*, update: StatusUpdate) -> None:
    """Take a post off the page; what was sent stays sent."""
    shelf.drop_page(update.page_id)
    update.delete()


def _faults(
    *,
    status: str,
    title: str,
    body: str,
    thread: str | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
) -> dict[str, str]:
    rules = {
        "status": (status in StatusUpdate.Status.values, f"One of {', '.join(StatusUpdate.Status.values)}."),
        "title": (bool(title.strip()) and len(title.strip()) <= LONGEST_TITLE, "1 to 200 characters."),
        "body": (len(body) <= LONGEST_BODY, "At most 10000 characters."),
        "incidentKey": (
            thread is None or THREAD.fullmatch(thread) is not None,
            "1 to 64 of letters, digits, dot, underscore, colon and dash.",
        ),
        "endsAt": (_is_span(starts_at, ends_at), "endsAt must be after startsAt"),
    }
    fields = {name: sentence for name, (good, sentence) in rules.items() if not good}
    for name, text in (("title", title), ("body", body)):
        if not is_storable(text):
            fields.setdefault(name, "Text without control characters.")
    return fields


def _is_span(starts_at: datetime | None, ends_at: datetime | None) -> bool:
    return starts_at is None or ends_at is None or ends_at > starts_at
