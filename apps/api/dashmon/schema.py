"""The OpenAPI document of this surface: credentials and errors come from the gates, bodies from the serializers."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from apps.api.dashmon.gates import Gate, gate_of

BEARER = ("bearerToken", {"type": "http", "scheme": "bearer", "description": "A token of the workspace (Premium)."})
COOKIE = ("sessionCookie", {"type": "apiKey", "in": "cookie", "name": "dashmon_session"})
ERRORS = {
    "400": "Malformed or refused input; nothing changed.",
    "401": "No credential, or a dead one.",
    "403": "Known, but not allowed: `forbidden`, `premium_required`, `write_locked`, `token_read_only`, "
    "`session_required`, `csrf_failed`.",
    "404": "Unknown, or not yours.",
    "429": "Too many calls; `Retry-After` says when to come back.",
}


class ErrorSerializer(serializers.Serializer[Any]):
    """The one shape of every refusal."""

    error = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    requestId = serializers.CharField()
    details = serializers.DictField()


class DashmonSchema(AutoSchema):
    """Reads the gate of the route for security, errors and operation names."""

    @property
    def route(self) -> str:
        view: Any = self.view
        return str(view.route)

    def _gate(self) -> Gate | None:
        return gate_of(self.method, self.route)

    def get_auth(self) -> list[dict[str, list[str]]]:
        gate = self._gate()
        if gate is None or gate.public:
            return []
        schemes = [COOKIE] if gate.session_only else [BEARER, COOKIE]
        for name, definition in schemes:
            component: Any = ResolvedComponent
            kind = component.SECURITY_SCHEMA
            self.registry.register_on_missing(component(name=name, type=kind, object=name, schema=definition))
        return [{name: []} for name, _ in schemes]

    def get_tags(self) -> list[str]:
        return [self.route.removeprefix("/api").strip("/").split("/")[0] or "meta"]

    def get_operation_id(self) -> str:
        words = [word.lstrip(":") for word in self.route.strip("/").replace("-", "/").split("/") if word != "api"]
        return "_".join([self.method.lower(), *words])

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        # A route has one view for all its methods; the contract may know fewer of them.
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        return operation if self._gate() is not None else None

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        gate = self._gate()
        if gate is not None:
            for_code: Any = self._get_response_for_code
            error = for_code(ErrorSerializer, "400", ["application/json"])
            for status in error_statuses(gate):
                bodies.setdefault(status, {**error, "description": ERRORS[status]})
        return bodies


def error_statuses(gate: Gate) -> list[str]:
    """Which refusals a route can utter, beyond those its own documentation names."""
    statuses = [] if gate.public else ["401", "403", "429"]
    if gate.method != "GET":
        statuses.append("400")
    if ":" in gate.route:
        statuses.append("404")
    return sorted(statuses)


def described(
    summary: str,
    *,
    answer: Any = None,
    body: Any = None,
    status: int = 200,
    query: tuple[OpenApiParameter, ...] = (),
    also: dict[int, str] | None = None,
) -> Any:
    """Document a handler: what it takes, what it answers, and refusals of its own (status to sentence)."""
    refusals = ({400: "A bad parameter."} if query else {}) | (also or {})
    responses: dict[int, Any] = {
        code: OpenApiResponse(ErrorSerializer, description=text) for code, text in refusals.items()
    }
    responses[status] = OpenApiResponse(answer, description="" if answer is not None else "Done.")

    def decorate(handler: Any) -> Any:
        # Without this the decorator would build on the framework's schema class instead of ours.
        handler.kwargs = {"schema": DashmonSchema}
        return extend_schema(summary=summary, request=body, responses=responses, parameters=list(query))(handler)

    return decorate


def wrapped(name: str, **fields: serializers.Field[Any, Any, Any, Any]) -> serializers.Serializer[Any]:
    """The document's name for an answer that wraps others: `wrapped("ProjectEnvelope", project=ProjectAnswer())`."""
    return inline_serializer(name, fields=dict(fields))


def list_answer(name: str, noun: str, row: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The list form of contract 1.4: the same rows under their noun and under `items`, and what `listed` adds."""
    return wrapped(
        name,
        **{noun: row(many=True)},
        items=row(many=True),
        nextCursor=serializers.CharField(allow_null=True),
        total=serializers.IntegerField(),
    )


# A free-form object whose rules live with the domain.
OBJECT = OpenApiTypes.OBJECT
OK = wrapped("Done", ok=serializers.BooleanField())


def parameter(name: str, description: str, *, type_: Any = OpenApiTypes.STR, enum: list[str] | None = None) -> Any:
    """One optional query parameter."""
    return OpenApiParameter(name, type_, OpenApiParameter.QUERY, description=description, enum=enum)


PAGE = (
    parameter("limit", "Rows per page, 1 to 200; 50 when absent.", type_=OpenApiTypes.INT),
    parameter("cursor", "`nextCursor` of the page before."),
)
