"""What every endpoint does before and after its own work, in the order of contract Dashmon 1.3."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.dashmon import errors, throttling
from apps.api.dashmon.auth import SAFE, Credential, authenticate, ensure_same_site
from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.gates import Gate, Refusal, decide, gate_of
from apps.api.dashmon.schema import DashmonSchema
from apps.api.dashmon.serializers.faults import refuse
from apps.audit.services import record
from apps.common.errors import DomainError, PremiumRequiredError
from apps.common.ids import parse_uuid
from apps.devices.models import Device
from apps.devices.selectors import device_by_public_id
from apps.projects.models import Project
from apps.workspaces.locks import ensure_writable, write_lock
from apps.workspaces.models import Workspace
from apps.workspaces.permissions import Actor, ensure, ensure_in_scope

API_VERSION = "2026-04-05"
MOST_BYTES = 256 * 1024
METHODS = ("GET", "POST", "PUT", "DELETE")
MESSAGES = {
    "session_required": "This route needs a signed-in session, not a token.",
    "token_read_only": "This token may only read.",
}


class ApiView(APIView):
    """One route of the contract. `route` is its spelling in the gate table; the method picks the row."""

    route: ClassVar[str] = ""
    schema = DashmonSchema()
    # Existing clients of the sign-in routes show `error` to people.
    speak = False

    # Set by `initial`, for the handlers.
    now: datetime
    credential: Credential
    allowance: throttling.Allowance | None = None

    def initial(self, request: Request, *_args: Any, **_kwargs: Any) -> None:
        """The order of contract 1.3, up to the handler's own validation."""
        self.now = timezone.now()
        gate = gate_of(request.method or "", self.route)
        if gate is None:
            raise ApiError("method_not_allowed", "Method not allowed")
        if gate.public:
            return
        self.credential = authenticate(request._request, now=self.now)  # noqa: SLF001  # DRF's own door to Django's request
        if self.credential.token is None:
            ensure_same_site(request._request)  # noqa: SLF001  # as above
        self.allowance = self._count(gate)
        self._pass(gate)

    def _count(self, gate: Gate) -> throttling.Allowance | None:
        credential = self.credential
        if gate.method not in SAFE:
            limit = throttling.WRITES[credential.plan]
            return throttling.count(limit, f"{credential.subject}:{self.route}", now=self.now)
        limit = throttling.BEARER_READS if credential.token is not None else throttling.SESSION_READS
        return throttling.count(limit, credential.subject, now=self.now)

    def _pass(self, gate: Gate) -> None:
        locked = gate.lockable and write_lock(self.workspace, now=self.now).locked
        refusal = decide(gate, self.credential.caller, plan=self.credential.plan, locked=locked)
        if refusal is not None:
            raise self._refused(refusal, gate)

    def _refused(self, refusal: Refusal, gate: Gate) -> DomainError:
        """The refusal with the sentence and details the core has for it."""
        if refusal.code == "forbidden" and gate.permission is not None:
            ensure(self.actor, gate.permission)
        if refusal.code == "write_locked":
            ensure_writable(self.workspace, now=self.now)
        if refusal.code == "premium_required":
            return PremiumRequiredError("This feature needs the Premium plan.")
        return ApiError(refusal.code, MESSAGES.get(refusal.code, ""))

    # --- What handlers use ---------------------------------------------------------------------
    @property
    def actor(self) -> Actor:
        return self.credential.actor

    @property
    def workspace(self) -> Workspace:
        return self.credential.workspace

    def body(self) -> Any:
        """The JSON body, an empty object when there is none."""
        return json_body(self.request._request)  # noqa: SLF001  # DRF would refuse other content types with 415

    def read(self, kind: type[serializers.Serializer[Any]], *, missing: str = "") -> dict[str, Any]:
        """The body checked by a serializer; `missing` is the endpoint's sentence for an absent field."""
        form = kind(data=self.body())
        if not form.is_valid():
            refuse(form.errors, missing=missing)
        return dict(form.validated_data)

    def audit(self, verb: str, subject: str, changes: Mapping[str, Any] | None = None) -> None:
        """One line in the trail; call it inside the transaction of the write."""
        record(
            workspace=self.workspace,
            actor=self.actor.label,
            verb=verb,
            subject=subject,
            at=self.now,
            changes=changes,
        )

    def project(self, key: str) -> Project:
        """A project of this workspace within the caller's scope, else 404."""
        # No name holds a NUL, and PostgreSQL would not even be asked about one.
        project = Project.objects.of(self.workspace).filter(key=key.replace("\x00", "/")).first()
        if project is None:
            raise ApiError("not_found", "Project not found")
        ensure_in_scope(self.actor, project.pk)
        return project

    def device(self, public_id: str) -> Device:
        """A device of this workspace within the caller's scope, else 404."""
        return device_by_public_id(
            workspace=self.workspace, public_id=parse_uuid(public_id), projects=self.actor.projects
        )

    # --- Answers -------------------------------------------------------------------------------
    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]  # JsonResponse, already rendered
        error = errors.understood(exc)
        if isinstance(error, throttling.TooManyCallsError):
            self.allowance = error.allowance
        response = errors.answer(self.request._request, error, speak=self.speak)  # noqa: SLF001  # as above
        if response.status_code == 405:
            known = [name for name in METHODS if gate_of(name, self.route) is not None]
            response["Allow"] = ", ".join(known)
        return response

    def finalize_response(  # type: ignore[override]  # handle_exception answers a JsonResponse
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if isinstance(response, Response):
            response = super().finalize_response(request, response, *args, **kwargs)
        response["Dashmon-Api-Version"] = API_VERSION
        response.setdefault("Cache-Control", "no-store")
        limited = response.status_code < 400 or response.status_code == 429
        if self.allowance is not None and limited:
            for name, value in self.allowance.as_headers().items():
                response[name] = value
        return response


def json_body(request: HttpRequest) -> Any:
    """The parsed body; ApiError 413 above 256 KiB, 400 when it is not JSON. No body is an empty object."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MOST_BYTES:
        raise ApiError("payload_too_large", errors.TOO_LARGE)
    raw = request.body
    if len(raw) > MOST_BYTES:
        raise ApiError("payload_too_large", errors.TOO_LARGE)
    if not raw.strip():
        return {}
    try:
        document = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_constant)
        if b"\\u" in raw:
            # Half a surrogate pair is valid JSON and no text: nothing could store it.
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError("validation_error", "The body is not valid JSON.", details={"fields": {}}) from None
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
