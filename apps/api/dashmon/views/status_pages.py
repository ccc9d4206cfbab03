"""Status pages (contract Dashmon 10): settings, tokens, posts."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.pagination import Keyset, listed, newest_first, wanted
from apps.api.dashmon.preconditions import ensure_unmodified
from apps.api.dashmon.schema import OK, PAGE, described, list_answer, wrapped
from apps.api.dashmon.serializers.rows import spelled
from apps.api.dashmon.serializers.status_pages import (
    PageBody,
    PageChangeBody,
    StatusPageAnswer,
    SubscriberAnswer,
    UpdateAnswer,
    UpdateBody,
)
from apps.api.dashmon.views.base import ApiView
from apps.common.ids import decode_uuid
from apps.projects.models import Project
from apps.projects.services import projects_by_key
from apps.statuspages import selectors, services
from apps.statuspages.models import StatusComponent, StatusPage

PREFIX = "sp"
Envelope = wrapped("StatusPageEnvelope", statusPage=StatusPageAnswer())
NewEnvelope = wrapped("NewStatusPage", statusPage=StatusPageAnswer(), accessToken=serializers.CharField(required=False))
MOVED = {409: "`conflict`: the slug or the domain is taken."}


def with_parts(rows: QuerySet[StatusPage]) -> QuerySet[StatusPage]:
    """Pages with what their answer reads."""
    components = StatusComponent.objects.select_related("project").order_by("position", "id")
    return rows.select_related("logo").defer("logo__png").prefetch_related(Prefetch("components", components))


class StatusView(ApiView):
    """What every view of one page needs."""

    def page(self, page_id: str) -> StatusPage:
        """A page of this workspace within the caller's scope, else 404."""
        return selectors.page_by_public_id(self.workspace, decode_uuid(PREFIX, page_id), projects=self.actor.projects)

    def shown(self, page: StatusPage) -> dict[str, Any]:
        row = with_parts(selectors.pages_of(self.workspace)).get(pk=page.pk)
        domains = selectors.domains_of(self.workspace, [page.pk])
        return dict(StatusPageAnswer(row, context={"domains": domains}).data)

    def projects(self, body: dict[str, Any]) -> list[Project] | None:
        """The projects a body names, in its order; None when it names none. Unknown ones are 400."""
        if "projectIds" not in body:
            return None
        keys = list(dict.fromkeys(body.pop("projectIds")))
        found = projects_by_key(workspace=self.workspace, keys=keys, among=self.actor.projects)
        return sorted(found, key=lambda project: keys.index(project.key))

    def set_domain(self, page: StatusPage, body: dict[str, Any]) -> None:
        if "customDomain" not in body:
            return
        hostname = body.pop("customDomain")
        if hostname:
            services.set_domain(page=page, hostname=hostname, now=self.now)
        else:
            services.drop_domain(page=page)


class StatusPagesView(StatusView):
    """All pages of the workspace."""

    @described(
        "Status pages, newest first",
        answer=list_answer("StatusPageList", "statusPages", StatusPageAnswer),
        query=PAGE,
    )
    def get(self, request: Request) -> Response:
        asked = wanted(request.GET)
        rows = with_parts(selectors.pages_of(self.workspace, projects=self.actor.projects))
        total = rows.count()
        pages, cursor = newest_first(rows, asked)
        domains = selectors.domains_of(self.workspace, [page.pk for page in pages])
        items = spelled(StatusPageAnswer, pages, domains=domains)
        return Response(listed("statusPages", items, cursor=cursor, total=total))

    @described(
        "Create a page; a private one's token is in this answer and nowhere else",
        body=PageBody,
        answer=NewEnvelope,
        status=201,
        also=MOVED,
    )
    def post(self, _: Request) -> Response:
        body = self.read(PageBody)
        if body.get("slug") is None:
            body.pop("slug", None)
        with transaction.atomic():
            projects = self.projects(body) or []
            domain = {key: body.pop(key) for key in ("customDomain",) if key in body}
            page, token = services.create_page(workspace=self.workspace, values=body, projects=projects, now=self.now)
            self.set_domain(page, domain)
            self.audit("statusPage.create", page.slug, {"name": page.name, "visibility": page.visibility})
        answer = {"statusPage": self.shown(page)}
        return Response(answer | ({"accessToken": token} if token else {}), status=201)


class StatusPageView(StatusView):
    """One page."""

    @described("One status page", answer=Envelope)
    def get(self, _: Request, page_id: str) -> Response:
        return Response({"statusPage": self.shown(self.page(page_id))})

    @described(
        "Change settings and projects; a page that becomes private gets a token, which is in this answer",
        body=PageChangeBody,
        answer=NewEnvelope,
        also=MOVED,
    )
    def put(self, request: Request, page_id: str) -> Response:
        body = self.read(PageChangeBody)
        with transaction.atomic():
            page = self.page(page_id)
            ensure_unmodified(request, StatusPage.objects.of(self.workspace), page.pk)
            projects = self.projects(body)
            self.set_domain(page, body)
            page, token = services.update_page(page=page, values=body, projects=projects, now=self.now)
            self.audit("statusPage.update", page.slug, {"changed": sorted(body)})
        answer = {"statusPage": self.shown(page)}
        return Response(answer | ({"accessToken": token} if token else {}))

    @described("Delete a page with its posts and subscribers", status=204)
    def delete(self, _: Request, page_id: str) -> Response:
        with transaction.atomic():
            page = self.page(page_id)
            self.audit("statusPage.delete", page.slug, {"name": page.name})
            services.delete_page(page=page)
        return Response(status=204)


class RegenerateTokenView(StatusView):
    """The token of a private page."""

    @described(
        "Give a private page another token; the older one is dead",
        answer=wrapped("NewAccessToken", ok=OK.fields["ok"], accessToken=serializers.CharField()),
        also={422: "`unsupported`: a public page has no token."},
    )
    def post(self, _: Request, page_id: str) -> Response:
        with transaction.atomic():
            page = self.page(page_id)
            token = services.rotate_token(page=page, now=self.now)
            self.audit("statusPage.token", page.slug)
        return Response({"ok": True, "accessToken": token})


class UpdatesView(StatusView):
    """Posts of a page."""

    @described(
        "Posts, newest first",
        answer=list_answer("StatusUpdateList", "updates", UpdateAnswer),
        query=PAGE,
    )
    def get(self, request: Request, page_id: str) -> Response:
        asked = wanted(request.GET)
        after = asked.place
        found = selectors.list_updates(self.page(page_id), after=after, limit=asked.limit)
        items = spelled(UpdateAnswer, found.items)
        return Response(listed("updates", items, cursor=Keyset.of(found.next), total=found.total))

    @described(
        "Publish a post, and tell subscribers when asked to",
        body=UpdateBody,
        answer=wrapped("StatusUpdateEnvelope", update=UpdateAnswer()),
        status=201,
    )
    def post(self, _: Request, page_id: str) -> Response:
        body = self.read(UpdateBody)
        with transaction.atomic():
            page = self.page(page_id)
            update = services.publish(
                page=page,
                status=body["status"],
                title=body["title"],
                body=body.get("body", ""),
                projects=self.projects(body) or [],
                thread=body.get("incidentKey") or None,
                starts_at=body.get("startsAt"),
                ends_at=body.get("endsAt"),
                notify=body.get("notifySubscribers", False),
                now=self.now,
            )
            self.audit("statusPage.publish", page.slug, {"status": update.status, "title": update.title})
        return Response({"update": UpdateAnswer(update).data}, status=201)


class SubscribersView(StatusView):
    """Who is told."""

    @described(
        "Addresses that said yes, in the order in which they came",
        answer=list_answer("SubscriberList", "subscribers", SubscriberAnswer),
        query=PAGE,
    )
    def get(self, request: Request, page_id: str) -> Response:
        asked = wanted(request.GET)
        after = asked.key
        page = self.page(page_id)
        rows = selectors.subscribers_of(page, after=after or 0, limit=asked.limit + 1)
        shown = rows[: asked.limit]
        cursor = Keyset(shown[-1].pk) if len(rows) > asked.limit else None
        total, _ = selectors.count_subscribers(page)
        return Response(listed("subscribers", spelled(SubscriberAnswer, shown), cursor=cursor, total=total))
