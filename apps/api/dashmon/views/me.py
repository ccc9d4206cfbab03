"""Who am I, where am I, and what does the plan leave me."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.auth import Credential
from apps.api.dashmon.schema import described
from apps.api.dashmon.serializers.fields import Instant
from apps.api.dashmon.views.base import ApiView
from apps.common.clock import iso_ms
from apps.projects.models import Project
from apps.workspaces.locks import write_lock
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.usage import limits_in_force, usage_of

LIMITS = (
    "projects",
    "devicesPerProject",
    "checkIntervalSeconds",
    "historyDays",
    "members",
    "statusPages",
    "apiTokens",
)
USAGE = ("projects", "devicesMaxInProject", "members", "statusPages", "apiTokens")


class OverAnswer(serializers.Serializer[Any]):
    limit = serializers.CharField()
    max = serializers.IntegerField()
    used = serializers.IntegerField()


class WriteLockAnswer(serializers.Serializer[Any]):
    locked = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)
    over = OverAnswer(many=True)
    since = Instant(allow_null=True)


class SelectedWorkspaceAnswer(serializers.Serializer[Any]):
    ownerUserId = serializers.UUIDField()
    name = serializers.CharField()
    plan = serializers.CharField()
    isOwn = serializers.BooleanField()


class MeAnswer(serializers.Serializer[Any]):
    """The first half is snake case because the first clients know it so."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    plan = serializers.CharField()
    plan_status = serializers.CharField()
    plan_source = serializers.CharField()
    premium_until = Instant(allow_null=True)
    demo_used_at = Instant(allow_null=True)
    demo_expires_at = Instant(allow_null=True)
    bank_transfer_reference = serializers.CharField(allow_null=True)
    timezone = serializers.CharField(allow_null=True)
    manual_refresh_last_at = Instant(allow_null=True)
    workspace = SelectedWorkspaceAnswer()
    role = serializers.CharField()
    projectScope = serializers.ListField(child=serializers.CharField(), allow_null=True)
    authMode = serializers.ChoiceField(choices=["session", "bearer"])
    writeLock = WriteLockAnswer()
    limits = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    usage = serializers.DictField(child=serializers.IntegerField())


class MeView(ApiView):
    """The caller, the selected workspace, its plan and how much of it is used."""

    @described("The caller and the selected workspace", answer=MeAnswer)
    def get(self, _: Request) -> Response:
        workspace, credential = self.workspace, self.credential
        usage, limits = usage_of(workspace), limits_in_force(workspace, now=self.now)
        body = {
            **_person(credential),
            "workspace": {
                **workspace_of(workspace, plan=credential.plan),
                "isOwn": credential.seat is not None and credential.seat.role == Membership.Role.OWNER,
            },
            "role": credential.actor.role,
            "projectScope": scope_of(credential),
            "authMode": credential.mode,
            "writeLock": write_lock(workspace, now=self.now).as_wire(),
            "limits": {name: limits[name] for name in LIMITS},  # type: ignore[index]  # names are Limit literals
            "usage": {name: usage.get(name, 0) for name in USAGE},
        }
        return Response(body)


def _person(credential: Credential) -> dict[str, Any]:
    user, workspace = credential.user, credential.workspace
    until, refreshed = workspace.premium_until, workspace.refreshed_at
    return {
        "id": str(user.public_id),
        "email": user.email,
        "name": user.get_short_name(),
        "plan": credential.plan,
        "plan_status": workspace.plan_status,
        "plan_source": workspace.plan_source,
        "premium_until": until and iso_ms(until),
        "demo_used_at": None,
        "demo_expires_at": None,
        "bank_transfer_reference": None,
        "timezone": user.timezone or None,
        "manual_refresh_last_at": refreshed and iso_ms(refreshed),
    }


def workspace_of(workspace: Workspace, *, plan: str) -> dict[str, Any]:
    """A workspace as the contract names it: by its owner's id."""
    return {"ownerUserId": str(workspace.public_id), "name": workspace.name, "plan": plan}


def scope_of(credential: Credential) -> list[str] | None:
    """Keys of the projects the caller reaches; None reaches all."""
    projects = credential.actor.projects
    if projects is None:
        return None
    rows = Project.objects.of(credential.workspace).filter(pk__in=projects)
    return sorted(rows.values_list("key", flat=True))
