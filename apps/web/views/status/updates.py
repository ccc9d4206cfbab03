"""Posts of a page and who hears of them: compose, continue, resolve, plan; subscribers."""

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.common.errors import DomainError
from apps.common.ids import decode_uuid, parse_uuid
from apps.incidents.selectors import incident_by_public_id
from apps.projects.models import Project
from apps.projects.services import projects_by_key
from apps.statuspages import selectors, services
from apps.statuspages.models import StatusPage, Subscriber
from apps.statuspages.threads import Thread, threads_of
from apps.web.forms.faults import blame
from apps.web.forms.status import UPDATE_FIELDS, UpdateForm
from apps.web.paging import read_cursor, write_cursor
from apps.web.views.projects import visible_projects
from apps.web.views.status.editor import StatusSection


class StatusUpdates(StatusSection):
    """Posts newest first, and the form for the next one."""

    write_permission = "statusPages.publish"

    def get(self, _: Any, page: str) -> HttpResponse:
        row = self.page(page)
        return self._page(row, UpdateForm(initial=self._initial(row), projects=visible_projects(self)))

    @transaction.atomic
    def post(self, _: Any, page: str) -> HttpResponse:
        row, form = self.page(page), UpdateForm(self.request.POST, projects=visible_projects(self))
        if not form.is_valid():
            return self._page(row, form, status=400)
        data = form.cleaned_data
        try:
            update = services.publish(
                page=row,
                status=data["status"],
                title=data["title"],
                body=data["body"],
                projects=projects_by_key(workspace=self.workspace, keys=data["projects"]),
                thread=data["thread"] or None,
                starts_at=data["starts_at"],
                ends_at=data["ends_at"],
                notify=data["notify"],
                now=self.now,
            )
        except DomainError as error:
            blame(form, error, UPDATE_FIELDS)
            return self._page(row, form, status=400)
        self.audit("statusPage.publish", row.slug, {"status": update.status, "title": update.title})
        return self.done("Published.", self.address("status-updates", row.wire_id))

    def _initial(self, page: StatusPage) -> dict[str, Any]:
        """What the form begins with: a story to go on with, or an incident to tell of."""
        query = self.request.GET
        if name := query.get("incident"):
            return self._of_incident(name)
        if key := query.get("thread"):
            told = threads_of(selectors.thread_posts(page, key))
            return _continued(told[0], query.get("status", "")) if told else {}
        return {"status": query.get("status", "investigating")}

    def _of_incident(self, name: str) -> dict[str, Any]:
        # What the incident says of itself is for the team; visitors get the words of whoever writes.
        incident = incident_by_public_id(self.workspace, decode_uuid("inc", name), projects=self.actor.projects)
        project: Project | None = incident.project
        return {
            "status": "resolved" if incident.closed_at is not None else "investigating",
            "title": f"{project.name} is affected" if project is not None else "",
            "projects": [project.key] if project is not None else [],
            "thread": incident.wire_id,
        }

    def _page(self, page: StatusPage, form: UpdateForm, *, status: int = 200) -> HttpResponse:
        found = selectors.list_updates(page, after=read_cursor(self.request.GET.get("after")))
        threads = threads_of(selectors.posts_of(page, now=self.now))
        context = {
            "form": form,
            "updates": found.items,
            "older": write_cursor(found.next),
            "open": [thread for thread in threads if thread.phase(self.now) != "past" and thread.status != "info"],
            "subscribers": selectors.count_subscribers(page)[0],
        }
        return self.framed("web/status_updates.html", page, context, status=status)


def _continued(thread: Thread, status: str) -> dict[str, Any]:
    newest = thread.posts[0]
    return {
        "status": status or newest.status,
        "title": thread.title,
        "projects": list(newest.project_keys),
        "thread": thread.key,
        "starts_at": newest.starts_at,
        "ends_at": newest.ends_at,
    }


class DeleteUpdate(StatusSection):
    """Take a post off the page."""

    write_permission = "statusPages.publish"
    obeys_lock = False

    @transaction.atomic
    def post(self, _: Any, page: str, update: str) -> HttpResponse:
        row = self.page(page)
        post = selectors.update_by_public_id(row, decode_uuid("upd", update))
        self.audit("statusPage.unpublish", row.slug, {"title": post.title})
        services.delete_update(update=post)
        return self.done("The post is off the page. What was sent stays sent.", self.address("status-updates", page))


class StatusSubscribers(StatusSection):
    """Addresses that said yes."""

    permission = "statusPages.write"

    def get(self, _: Any, page: str) -> HttpResponse:
        row = self.page(page)
        confirmed, waiting = selectors.count_subscribers(row)
        after = self.request.GET.get("after", "")
        start = int(after) if after.isascii() and after.isdigit() and len(after) < 18 else 0
        rows = selectors.subscribers_of(row, after=start, limit=101)
        context = {
            "rows": rows[:100],
            "more": rows[99].pk if len(rows) > 100 else None,
            "confirmed": confirmed,
            "waiting": waiting,
        }
        return self.framed("web/status_subscribers.html", row, context)

    @transaction.atomic
    def post(self, _: Any, page: str) -> HttpResponse:
        row = self.page(page)
        rows = Subscriber.objects.of(self.workspace).filter(page=row)
        subscriber: Subscriber = get_object_or_404(rows, public_id=parse_uuid(self.request.POST.get("subscriber", "")))
        services.remove_subscriber(subscriber=subscriber)
        self.audit("statusPage.subscriber.remove", row.slug)
        return self.done("Removed; nothing more is sent there.", self.address("status-subscribers", row.wire_id))
