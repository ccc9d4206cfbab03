"""The end of a workspace: closed at once, brought back while its grace lasts, erased after it (erasure.py)."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.audit.services import record
from apps.common.errors import ConflictError, NotFoundError
from apps.devices import closing as devices
from apps.notifications import closing as notifications
from apps.operations.models import Erasure
from apps.pipeline.lifecycle import begin_anew
from apps.statuspages import closing as statuspages
from apps.workspaces.models import Workspace
from apps.workspaces.permissions import Actor, ensure

# How long a closed workspace can be brought back.
GRACE = timedelta(days=7)


@transaction.atomic
def close_workspace(*, workspace: Workspace, actor: Actor, now: datetime) -> Erasure:
    """Close a workspace for good: nobody finds it, nothing of it runs or speaks; its rows go after the grace.

    ForbiddenError for everybody but the owner, NotFoundError when it is closed already.
    """
    ensure(actor, "workspace.delete")
    locked = _locked(workspace.slug)
    if locked is None or locked.pk != actor.workspace_id or locked.closed_at is not None:
        raise NotFoundError("There is no such workspace.")
    locked.closed_at = workspace.closed_at = now
    locked.save(update_fields=["closed_at"])
    devices.stand_still(workspace=locked)
    notifications.fall_silent(workspace=locked, now=now)
    statuspages.take_down(workspace=locked, now=now)
    record(workspace=locked, actor=actor.label, verb="workspace.close", subject=locked.name, at=now)
    erasure: Erasure = Erasure.objects.create(workspace=locked, due_at=now + GRACE)
    return erasure


@transaction.atomic
def reopen_workspace(*, slug: str, now: datetime) -> Workspace:
    """Bring a closed workspace back, its monitors beginning anew; what it would have said meanwhile is never said.

    NotFoundError for an unknown slug, ConflictError for a workspace that is open or already being erased.
    """
    workspace = _locked(slug)
    if workspace is None:
        raise NotFoundError(f"There is no workspace {slug}.")
    if workspace.closed_at is None:
        raise ConflictError(f"The workspace {slug} is open.")
    erasure = Erasure.objects.of(workspace).select_for_update().first()
    if erasure is not None and erasure.begun_at is not None:
        raise ConflictError(f"The workspace {slug} is being erased; nothing brings it back.")
    if erasure is not None:
        erasure.delete()
    workspace.closed_at = None
    workspace.save(update_fields=["closed_at"])
    devices.move_again(workspace=workspace)
    begin_anew(workspace=workspace, now=now)
    record(workspace=workspace, actor="operator", verb="workspace.reopen", subject=workspace.name, at=now)
    return workspace


def _locked(slug: str) -> Workspace | None:
    # Not the lock of a key: what is being written about the workspace holds that one, and waits for rows of ours.
    found: Workspace | None = Workspace.objects.select_for_update(no_key=True).filter(slug=slug).first()
    return found
