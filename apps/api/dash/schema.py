"""The OpenAPI document of this surface: shapes come from the structs, credentials and errors from the views."""

from typing import Any

import msgspec
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

BEARER = ("dashBearer", {"type": "http", "scheme": "bearer", "description": "The access token of a Dash login."})
UNAUTHORIZED = "`unauthorized`: no access token, or one that is over."
BODY = {400: "`invalid_request`", 413: "`body_too_large`", 415: "`unsupported_media_type`"}
FILE = {"type": "string", "format": "binary"}
NOTHING = {"type": "null"}
UNSAID = frozenset({"title", "additionalProperties"})
Shape = Any


class DashErrorSerializer(serializers.Serializer[Any]):
    """The one shape of every refusal."""

    code = serializers.CharField()
    message = serializers.CharField()


class DashSchema(AutoSchema):
    """Reads from the view who may ask."""

    def get_description(self) -> str:  # type: ignore[override]  # a text, not one to be translated
        # The framework would take a base class's words for a view's own.
        return ""

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(*args, **kwargs)
        view: Any = self.view
        if view.access == "admin":
            for_code: Any = self._get_response_for_code
            error = for_code(DashErrorSerializer, "401", ["application/json"])
            bodies.setdefault("401", {**error, "description": UNAUTHORIZED})
        return bodies

    @property
    def address(self) -> str:
        return str(self.path)

    def get_auth(self) -> list[dict[str, list[str]]]:
        view: Any = self.view
        if view.access == "none":
            return []
        component: Any = ResolvedComponent
        name, definition = BEARER
        kind = component.SECURITY_SCHEMA
        self.registry.register_on_missing(component(name=name, type=kind, object=name, schema=definition))
        return [{name: []}] if view.access == "admin" else [{}, {name: []}]

    def get_tags(self) -> list[str]:
        words = self.address.removeprefix("/api").strip("/").split("/")
        return ["-".join(words[:2]) if words[0] == "admin" else words[0]]

    def get_operation_id(self) -> str:
        words = self.address.strip("/").replace("-", "/").split("/")
        named = [word.strip("{}").replace(".", "_") for word in words if word != "api"]
        return "_".join(["dash", self.method.lower(), *named])


def described(
    summary: str,
    *,
    answer: Shape = None,
    body: Shape = None,
    status: int = 200,
    also: dict[int, str] | None = None,
    query: tuple[OpenApiParameter, ...] = (),
    kind: str = "application/json",
    file: str = "",
) -> Any:
    """Document a handler: the struct (or list of structs) it takes and answers, and refusals of its own.

    `file` names the field of a form that holds one. A body brings its usual refusals along, an address of the admin's
    the 401.
    """
    refusals = (BODY if body is not None else {}) | (also or {})
    responses: dict[Any, Any] = {
        code: OpenApiResponse(DashErrorSerializer, description=text) for code, text in refusals.items()
    }
    empty = None if status == 204 else OpenApiTypes.OBJECT
    shown = OpenApiTypes.BINARY if answer is bytes else shape_of(answer) if answer is not None else empty
    responses[status, kind] = OpenApiResponse(shown, description="" if answer is not None else "Done.")
    asked: Any = {"application/json": shape_of(body)} if body is not None else None
    if file:
        asked = {"multipart/form-data": {"type": "object", "properties": {file: FILE}, "required": [file]}}

    def decorate(handler: Any) -> Any:
        # Without this the decorator would build on the framework's schema class instead of ours.
        handler.kwargs = {"schema": DashSchema}
        return extend_schema(summary=summary, request=asked, responses=responses, parameters=list(query))(handler)

    return decorate


def shape_of(kind: Shape) -> dict[str, Any]:
    """The JSON schema of a struct, a list of structs or a plain type, in one piece."""
    (found,), components = msgspec.json.schema_components((kind,), ref_template="{name}")
    shape: dict[str, Any] = _inlined(found, components)
    return shape


def _inlined(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(each, components) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(components[node["$ref"]], components)
    # OpenAPI 3.0 has no empty list of what is required, and a default of null says what leaving out says. Keys that
    # are not known are left out, although no struct has a place for them.
    said = {name: value for name, value in node.items() if name not in UNSAID and value not in ([], None)}
    plain = {name: _inlined(value, components) for name, value in said.items() if name != "properties"}
    if "properties" in node:
        plain["properties"] = {name: _inlined(kind, components) for name, kind in node["properties"].items()}
    return _nullable(plain) if NOTHING in plain.get("anyOf", ()) else plain


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    """The words of OpenAPI 3.0 for a value that may be null."""
    kinds = [kind for kind in node.pop("anyOf") if kind != NOTHING]
    return {**node, "nullable": True, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})}
