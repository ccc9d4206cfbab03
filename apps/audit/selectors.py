from collections.abc import Sequence

from apps.audit.models import AuditEntry
from apps.workspaces.models import Workspace


def newest_entries(*, workspace: Workspace, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
    """The trail, newest first; `before_id` continues below an entry already shown."""
    entries = AuditEntry.objects.of(workspace).order_by("-id")
    if before_id is not None:
        entries = entries.filter(id__lt=before_id)
    return list(entries[:limit])
