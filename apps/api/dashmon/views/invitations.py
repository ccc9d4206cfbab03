"""Seats offered by e-mail (contract Dashmon 12)."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.fields import Choice, Instant, Text, Texts
from apps.api.dashmon.serializers.rows import spelled
from apps.api.dashmon.views.base import ApiView
from apps.api.dashmon.views.me import workspace_of
from apps.common.ids import decode_uuid, encode_uuid
from apps.operations.addresses import base_url
from apps.operations.seats import take_seat
from apps.projects.services import projects_by_key
from apps.workspaces.invitations import cancel_invitation, invite
from apps.workspaces.models import Invitation
from apps.workspaces.selectors import invitations_of
from apps.workspaces.usage import plan_of

PREFIX = "inv"
NOBODY = UUID(int=0)


class InvitationAnswer(serializers.Serializer[Invitation]):
    id = serializers.SerializerMethodField()
    email = serializers.EmailField()
    role = serializers.CharField()
    projectScope = serializers.ListField(source="project_keys", child=serializers.CharField(), allow_null=True)
    status = serializers.SerializerMethodField()
    invitedBy = serializers.UUIDField(source="invited_by.public_id", default=None, allow_null=True)
    createdAt = Instant(source="created_at")
    expiresAt = Instant(source="expires_at")

    def get_id(self, invitation: Invitation) -> str:
        return encode_uuid(PREFIX, invitation.public_id)

    def get_status(self, invitation: Invitation) -> str:
        view: ApiView = self.context["view"]
        return invitation.status_at(view.now)


class InvitationBody(serializers.Serializer[Any]):
    email = Text(max_length=254)
    role = Choice(choices=["admin", "editor", "viewer"])
    projectIds = Texts(required=False, allow_null=True)


class AcceptBody(serializers.Serializer[Any]):
    token = Text()


class InvitationsView(ApiView):
    """All invitations of the workspace."""

    @described("Invitations, newest first", answer=wrapped("InvitationList", invitations=InvitationAnswer(many=True)))
    def get(self, _: Request) -> Response:
        rows = invitations_of(self.workspace)
        return Response({"invitations": spelled(InvitationAnswer, rows, view=self)})

    @described(
        "Offer a seat; offering again renews",
        body=InvitationBody,
        answer=wrapped("NewInvitation", invitation=InvitationAnswer(), acceptUrl=serializers.CharField()),
        status=201,
        also={409: "`conflict`: this address already has a seat."},
    )
    def post(self, _: Request) -> Response:
        body = self.read(InvitationBody)
        keys = body.get("projectIds")
        with transaction.atomic():
            if keys is not None:
                projects_by_key(workspace=self.workspace, keys=keys)
            invitation, token = invite(
                workspace=self.workspace,
                email=body["email"],
                role=body["role"],
                project_keys=keys,
                invited_by=self.credential.user,
                now=self.now,
            )
            self.audit("invitation.create", invitation.email, {"role": invitation.role, "projects": keys})
        answer = {
            "invitation": InvitationAnswer(invitation, context={"view": self}).data,
            # The page reads the path; scripts read the query parameter.
            "acceptUrl": f"{base_url()}/invitations/{token}?token={token}",
        }
        return Response(answer, status=201)


class CancelInvitationView(ApiView):
    """One invitation, withdrawn."""

    @described(
        "Withdraw a pending invitation",
        answer=wrapped("InvitationCancelled", ok=serializers.BooleanField(), invitation=InvitationAnswer()),
        also={409: "`conflict`: it is not pending."},
    )
    def post(self, _: Request, invitation_id: str) -> Response:
        with transaction.atomic():
            rows = Invitation.objects.of(self.workspace)
            invitation = rows.filter(public_id=decode_uuid(PREFIX, invitation_id) or NOBODY).first()
            if invitation is None:
                raise ApiError("not_found", "Invitation not found")
            invitation = cancel_invitation(invitation=invitation, now=self.now)
            self.audit("invitation.cancel", invitation.email)
        return Response({"ok": True, "invitation": InvitationAnswer(invitation, context={"view": self}).data})


class AcceptInvitationView(ApiView):
    """The other side: somebody takes the seat. The session stays in its workspace."""

    @described(
        "Take an offered seat",
        body=AcceptBody,
        answer=wrapped(
            "InvitationAccepted",
            ok=serializers.BooleanField(),
            workspace=serializers.DictField(),
            role=serializers.CharField(),
        ),
        also={410: "`invitation_expired`: used, cancelled, run out or never there."},
    )
    def post(self, _: Request) -> Response:
        seat = take_seat(token=self.read(AcceptBody)["token"], user=self.credential.user, now=self.now)
        plan = plan_of(seat.workspace, now=self.now)
        return Response({"ok": True, "workspace": workspace_of(seat.workspace, plan=plan), "role": seat.role})
