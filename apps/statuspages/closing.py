"""A workspace is closed: its pages are gone for visitors."""

from datetime import datetime

from django.db import transaction

from apps.statuspages.models import StatusPage, StatusUpdate
from apps.statuspages.shelf import drop_page
from apps.workspaces.models import Workspace


@transaction.atomic
def take_down(*, workspace: Workspace, now: datetime) -> None:
    """Forget what was kept of a workspace's pages, and tell subscribers nothing more of what was posted.

    Other processes answer from what they keep for some seconds yet, as after every change of a page (shelf.STALE_S).
    """
    StatusUpdate.objects.of(workspace).filter(notify=True, notified_at__isnull=True).update(notified_at=now)
    for page_id in StatusPage.objects.of(workspace).values_list("pk", flat=True):
        drop_page(page_id)
