"""Bearer tokens (contract Dashmon 13): made here, shown once, ended here."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.schema import OK, described, wrapped
from apps.api.dashmon.serializers.fields import Choice, Instant, Text, Whole
from apps.api.dashmon.serializers.rows import spelled
from apps.api.dashmon.views.base import ApiView
from apps.common.ids import decode_uuid, encode_uuid
from apps.tokens.models import ApiToken
from apps.tokens.selectors import tokens_of
from apps.tokens.services import create_api_token, revoke_api_token

PREFIX = "tok"
NOBODY = UUID(int=0)


class TokenAnswer(serializers.Serializer[ApiToken]):
    """A token without its secret. `usable` is false when expired, or while the workspace is Free."""

    id = serializers.SerializerMethodField()
    label = serializers.CharField()  # type: ignore[assignment]  # the wire name meets an attribute of Field
    prefix = serializers.CharField()
    accessLevel = serializers.CharField(source="access")
    createdAt = Instant(source="created_at")
    expiresAt = Instant(source="expires_at", allow_null=True)
    lastUsedAt = Instant(source="last_used_at", allow_null=True)
    usable = serializers.SerializerMethodField()

    def get_id(self, token: ApiToken) -> str:
        return encode_uuid(PREFIX, token.public_id)

    def get_usable(self, token: ApiToken) -> bool:
        view: ApiView = self.context["view"]
        return view.credential.plan == "premium" and not token.is_expired(view.now)


class LegacyTokenAnswer(serializers.Serializer[Any]):
    hasToken = serializers.BooleanField()
    createdAt = Instant(allow_null=True)
    lastUsedAt = Instant(allow_null=True)
    usable = serializers.BooleanField()


class TokenBody(serializers.Serializer[Any]):
    label = Text(  # type: ignore[assignment]  # as above
        max_length=80, error_messages={"max_length": "A label of 1 to 80 characters."}
    )
    accessLevel = Choice(choices=ApiToken.Access.choices, default=ApiToken.Access.READ_ONLY)
    expiresInDays = Whole(required=False, allow_null=True)


class LegacyTokenView(ApiView):
    """The older form: is there a token at all."""

    @described("Whether there is a token (older form)", answer=LegacyTokenAnswer)
    def get(self, _: Request) -> Response:
        tokens = tokens_of(self.workspace)
        usable = self.credential.plan == "premium" and any(not token.is_expired(self.now) for token in tokens)
        newest = tokens[0] if tokens else None
        body = {
            "hasToken": newest is not None,
            "createdAt": newest and newest.created_at,
            "lastUsedAt": newest and newest.last_used_at,
            "usable": usable,
        }
        return Response(LegacyTokenAnswer(body).data)


class TokensView(ApiView):
    """All tokens of the workspace."""

    @described("Tokens, newest first", answer=wrapped("TokenList", tokens=TokenAnswer(many=True)))
    def get(self, _: Request) -> Response:
        rows = tokens_of(self.workspace)
        return Response({"tokens": spelled(TokenAnswer, rows, view=self)})

    @described(
        "Create a token; its value is in this answer and nowhere else",
        body=TokenBody,
        answer=wrapped("NewToken", token=serializers.CharField(), apiToken=TokenAnswer()),
        status=201,
    )
    def post(self, _: Request) -> Response:
        body = self.read(TokenBody)
        with transaction.atomic():
            token, raw = create_api_token(
                workspace=self.workspace,
                seat=self.credential.seat,
                label=body["label"],
                access=body["accessLevel"],
                expires_in_days=body.get("expiresInDays"),
                now=self.now,
            )
            self.audit("token.create", token.label, {"access": token.access, "prefix": token.prefix})
        answer = {"token": raw, "apiToken": TokenAnswer(token, context={"view": self}).data}
        return Response(answer, status=201)


class TokenView(ApiView):
    """One token."""

    @described("Revoke a token at once", answer=OK)
    def delete(self, _: Request, token_id: str) -> Response:
        with transaction.atomic():
            rows = ApiToken.objects.of(self.workspace).filter(revoked_at__isnull=True)
            token = rows.filter(public_id=decode_uuid(PREFIX, token_id) or NOBODY).first()
            if token is None:
                raise ApiError("not_found", "Token not found")
            revoke_api_token(token=token, now=self.now)
            self.audit("token.revoke", token.label, {"prefix": token.prefix})
        return Response({"ok": True})
