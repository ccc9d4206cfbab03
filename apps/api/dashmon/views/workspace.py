"""Where the caller stands: permissions, capabilities, and which workspace the session works in (contract 12)."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.auth import SELECTED
from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.fields import Text
from apps.api.dashmon.views.base import ApiView
from apps.api.dashmon.views.me import WriteLockAnswer, scope_of, workspace_of
from apps.common.errors import NotFoundError
from apps.workspaces.locks import write_lock
from apps.workspaces.models import Membership
from apps.workspaces.permissions import PERMISSIONS
from apps.workspaces.selectors import seats_of
from apps.workspaces.usage import plan_of


class AccessibleAnswer(serializers.Serializer[Any]):
    ownerUserId = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.CharField()
    plan = serializers.CharField()
    selected = serializers.BooleanField()


class ContextAnswer(serializers.Serializer[Any]):
    ownerUserId = serializers.UUIDField()
    role = serializers.CharField()
    plan = serializers.CharField()


class ContextBody(serializers.Serializer[Any]):
    """A workspace by its owner's id; null selects one's own."""

    ownerUserId = Text(allow_null=True, allow_blank=True)


FoundationAnswer = wrapped(
    "PermissionFoundation",
    workspace=serializers.DictField(),
    member=serializers.DictField(),
    permissions=serializers.DictField(child=serializers.BooleanField()),
    capabilities=serializers.DictField(child=serializers.BooleanField()),
    writeLock=WriteLockAnswer(),
    accessibleWorkspaces=AccessibleAnswer(many=True),
)


class PermissionFoundationView(ApiView):
    """Everything a page needs to know which buttons to draw."""

    @described("What the caller may do here, and where else they are a member", answer=FoundationAnswer)
    def get(self, _: Request) -> Response:
        credential = self.credential
        allowed = credential.actor.permissions
        body = {
            "workspace": workspace_of(self.workspace, plan=credential.plan),
            "member": {
                "userId": str(credential.user.public_id),
                "role": credential.actor.role,
                "projectScope": scope_of(credential),
                "isOwner": credential.actor.role == "owner",
            },
            "permissions": {name: name in allowed for name in PERMISSIONS},
            "capabilities": _capabilities(premium=credential.plan == "premium"),
            "writeLock": write_lock(self.workspace, now=self.now).as_wire(),
            "accessibleWorkspaces": [self._accessible(seat) for seat in seats_of(credential.user)],
        }
        return Response(body)

    def _accessible(self, seat: Membership) -> dict[str, Any]:
        plan = plan_of(seat.workspace, now=self.now)
        selected = seat.workspace_id == self.workspace.pk
        return {**workspace_of(seat.workspace, plan=plan), "role": seat.role, "selected": selected}


def _capabilities(*, premium: bool) -> dict[str, bool]:
    return dict.fromkeys(("premium", "bearerTokens", "statusPages", "sms", "testNow"), premium)


class AccountContextView(ApiView):
    """Which workspace this session works in."""

    @described(
        "Select a workspace for this session",
        body=ContextBody,
        answer=wrapped("AccountContext", ok=serializers.BooleanField(), context=ContextAnswer()),
        also={404: "`not_found`: unknown, or not a member."},
    )
    def post(self, request: Request) -> Response:
        owner_id = self.read(ContextBody)["ownerUserId"]
        seat = self._seat(owner_id.lower() if owner_id else None)
        request.session[SELECTED] = seat.workspace.slug
        plan = plan_of(seat.workspace, now=self.now)
        context = {"ownerUserId": str(seat.workspace.public_id), "role": seat.role, "plan": plan}
        return Response({"ok": True, "context": context})

    def _seat(self, owner_id: str | None) -> Membership:
        # One's own workspace comes first.
        for seat in seats_of(self.credential.user):
            if owner_id is None or str(seat.workspace.public_id) == owner_id:
                return seat
        raise NotFoundError("Workspace not found")
