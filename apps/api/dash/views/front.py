"""Nodes and groups as the front end shows them to anybody (contract Dash 5)."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash import asked, shelf
from apps.api.dash.errors import InvalidRequestError
from apps.api.dash.node_views import node_view
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView
from apps.nodes import selectors
from apps.nodes.types import ListedNode
from apps.pipeline.pictures import mark_of, pictures

LARGEST_PAGE, FURTHEST = 1000, 100_000
# The browser asks again every time, and says what it has.
REVALIDATED = {"Cache-Control": "private, no-cache"}
PAGE = (
    OpenApiParameter("limit", int, description="1 to 1,000; more is taken as 1,000"),
    OpenApiParameter("offset", int, description="0 to 100,000; needs `limit`"),
)


class GroupRow(Struct):
    id: int
    name: str
    node_ids: list[int]


class GroupsView(DashView):
    access = "guest"

    @described("Groups with the nodes that the caller may see", answer=list[GroupRow])
    def get(self, _: Request) -> Response:
        groups = selectors.groups_of(self.workspace)
        members = selectors.members_of(groups, public_only=not self.is_admin)
        rows = [GroupRow(group.number, group.name, members[group.pk]) for group in groups]
        # A guest is not told of groups that hold nothing for guests.
        return Response([row for row in rows if self.is_admin or row.node_ids])


class MetricsView(DashView):
    access = "guest"

    @described(
        "Every node that ever reported, as it is now, in the order of the front",
        answer=list[dict[str, Any]],
        query=PAGE,
        also={304: "Nothing changed since the `ETag` of `If-None-Match`.", 400: "`invalid_request`"},
    )
    def get(self, request: Request) -> Response:
        limit, offset = self._page(request)
        shown = selectors.listed_nodes(self.workspace, public_only=not self.is_admin, limit=limit, offset=offset)
        mark = mark_of(workspace_id=self.workspace.pk, nodes=shown)
        headers = {**REVALIDATED, "ETag": f'"{mark}"'}
        if _is_known(request.headers.get("If-None-Match", ""), mark):
            return Response(status=304, headers=headers)
        return Response(msgspec.Raw(self._body(shown, mark, limit, offset)), headers=headers)

    def finalize_response(  # type: ignore[override]  # as the base
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Vary"] = "Authorization"
        return response

    def _page(self, request: Request) -> tuple[int | None, int]:
        limit = asked.whole(request.query_params, "limit", least=1, most=LARGEST_PAGE)
        offset = asked.whole(request.query_params, "offset", least=0, most=FURTHEST)
        if limit is None and offset is not None:
            raise InvalidRequestError("offset needs limit.")
        return limit, offset or 0

    def _body(self, shown: Sequence[ListedNode], mark: str, limit: int | None, offset: int) -> bytes:
        key = (self.workspace.pk, self.is_admin, limit, offset)
        body = shelf.nodes.get(key, mark)
        if body is None:
            body = msgspec.json.encode(
                [node_view(each) for each in pictures(workspace_id=self.workspace.pk, nodes=shown)]
            )
            shelf.nodes.put(key, mark, body)
        return body


def _is_known(header: str, mark: str) -> bool:
    """Whether one of the tags that the caller has is this one (RFC 9110, 13.1.2: compared weakly)."""
    return mark in {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
