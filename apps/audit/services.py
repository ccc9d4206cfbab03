from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from apps.audit.models import AuditEntry
from apps.workspaces.models import Workspace


def record(
    *,
    workspace: Workspace | int,
    actor: str,
    verb: str,
    subject: str,
    at: datetime,
    changes: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append one line to the trail, inside the transaction of the write it tells about.

    `actor` is a person's e-mail or a token's label, `verb` is noun.verb ("device.update"), `subject` names the
    thing as people know it. `changes` never holds a secret. The request id comes from the log context.
    """
    workspace_id = workspace if isinstance(workspace, int) else workspace.pk
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return AuditEntry.objects.create(
        workspace_id=workspace_id,
        at=at,
        actor=actor[:160],
        verb=verb,
        subject=subject[:160],
        changes=dict(changes or {}),
        request_id=request_id,
    )
