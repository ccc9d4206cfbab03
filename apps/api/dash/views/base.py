"""What every endpoint does before and after its own work (contract Dash 1)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec import Struct
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.dash import errors
from apps.api.dash.auth import SAFE, Caller, admin_of, anybody, workspace_of_host
from apps.api.dash.decoding import decode
from apps.api.dash.errors import TOO_LARGE, DashError
from apps.api.dash.payloads import MOST_ID
from apps.api.dash.schema import DashSchema
from apps.audit.services import record
from apps.common.errors import NotFoundError
from apps.workspaces.locks import ensure_writable
from apps.workspaces.models import Workspace
from apps.workspaces.permissions import Actor

S = TypeVar("S", bound=Struct)
MOST_BYTES = 1024 * 1024
DONE = 204


class Wire(JSONRenderer):
    """JSON as this surface sends it; structs are written as they are."""

    charset = "utf-8"

    def render(self, data: Any, *_args: Any, **_kwargs: Any) -> bytes:
        return b"" if data is None else msgspec.json.encode(data)


class DashView(APIView):
    """One address. `access` says who may ask: the admin (401 otherwise), any caller (`guest`: a bad bearer is none),
    or anybody without looking (`none`).
    """

    access: ClassVar[Literal["admin", "guest", "none"]] = "admin"
    # Whether writes wait while the workspace is over its plan; deleting never does.
    lockable: ClassVar[bool] = True
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    renderer_classes = [Wire]
    schema = DashSchema()

    # Set by `initial`, for the handlers.
    now: datetime
    caller: Caller | None = None

    def initial(self, request: Request, *_args: Any, **_kwargs: Any) -> None:
        """The method, then the credential, then the write lock; what the body says is the handler's."""
        self.now = timezone.now()
        if (request.method or "").upper() not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        if self.access == "admin":
            self.caller = admin_of(self.plain, now=self.now)
        elif self.access == "guest":
            self.caller = anybody(self.plain, now=self.now)
        if self.lockable and self.access == "admin" and request.method not in SAFE | {"DELETE"}:
            ensure_writable(self.workspace, now=self.now)

    # --- What handlers use ---------------------------------------------------------------------
    @property
    def plain(self) -> HttpRequest:
        return self.request._request  # noqa: SLF001  # DRF's own door to Django's request

    @property
    def workspace(self) -> Workspace:
        """The caller's workspace, else the host's; NotFoundError where there is none."""
        return workspace_of_host(self.plain) if self.caller is None else self.caller.workspace

    @property
    def is_admin(self) -> bool:
        return self.caller is not None and self.caller.is_admin

    @property
    def actor(self) -> Actor:
        """The admin; UnauthorizedError for a guest."""
        if self.caller is None:
            raise errors.UnauthorizedError
        return self.caller.actor

    def body(self, shape: type[S]) -> S:
        """The JSON body as a struct; 413 above 1 MiB, 415 for another type, 400 `invalid_request` for anything else."""
        return decode(raw_body(self.plain), shape)

    def audit(self, verb: str, subject: str, changes: Mapping[str, Any] | None = None) -> None:
        """One line in the trail; call it inside the transaction of the write."""
        actor = self.actor.label
        record(workspace=self.workspace, actor=actor, verb=verb, subject=subject, at=self.now, changes=changes)

    # --- Answers -------------------------------------------------------------------------------
    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]  # JsonResponse, already rendered
        response = errors.answer(errors.understood(exc))
        if response.status_code == 405:
            response["Allow"] = ", ".join(self.allowed_methods)
        return response

    def finalize_response(  # type: ignore[override]  # handle_exception answers a JsonResponse
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if isinstance(response, Response):
            response = super().finalize_response(request, response, *args, **kwargs)
            del response["Vary"], response["Allow"]
        response.setdefault("Cache-Control", "no-store")
        return response


def done(*, warning: str = "") -> Response:
    """204; a warning rides along in the header that the front end shows a banner for."""
    return Response(status=DONE, headers={"X-Dash-Warning": warning} if warning else None)


def raw_body(request: HttpRequest, *, most: int = MOST_BYTES) -> bytes:
    """The body of a request that says it is JSON; DashError 413 above the limit, 415 for another type."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > most:
        raise DashError("body_too_large", TOO_LARGE, status=413)
    # Not `request.body`: the framework's own limit is lower than this surface's.
    raw = request.read(most + 1)
    if len(raw) > most:
        raise DashError("body_too_large", TOO_LARGE, status=413)
    if raw and request.content_type != "application/json":
        raise DashError("unsupported_media_type", "Send the body as application/json.", status=415)
    return raw


def path_id(raw: str) -> int:
    """A positive decimal number of a path; DashError 400 `invalid_id` for anything else."""
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 20 and 0 < int(raw) <= MOST_ID):
        raise DashError("invalid_id", "The id must be a positive whole number.")
    return int(raw)


@csrf_exempt
def not_found(request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:  # noqa: ARG001  # a view is handed it
    """Everything below this surface's addresses that is nothing: JSON, never a page, never a redirect."""
    return errors.answer(NotFoundError("There is nothing here."))
