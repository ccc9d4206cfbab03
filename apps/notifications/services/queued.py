"""Messages that no incident is behind: reports, updates of a status page, confirmations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common import bus
from apps.notifications import messages
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery
from apps.notifications.reaches import Reach
from apps.notifications.services.planning import delivery_to, recipient_key
from apps.workspaces.models import Workspace


@transaction.atomic
def queue_message(
    *,
    workspace: Workspace,
    kind: ChannelKind,
    recipient: str,
    event_name: str,
    payload: Mapping[str, Any],
    key: str,
    now: datetime,
) -> Delivery | None:
    """Put one message into the outbox, in the caller's transaction; None when `key` has put one there before.

    An e-mail's payload holds `subject`, `text`, `html`, and optionally `headers` (by name) and `attachments` (each
    with `name`, `type` and `base64`); every attempt carries the same Message-ID. A webhook's payload is its body,
    which goes out unsigned. `key` names the fact and the recipient (`report:17:2026-03-02:ana@example.com`): the
    same fact handed in twice is sent once. Workers send it, try again and log it like every other delivery.
    """
    dedupe_key = recipient_key("queued", f"{workspace.pk}:{key}")
    if Delivery.objects.of(workspace).filter(dedupe_key=dedupe_key).exists():
        return None
    reach = Reach(kind, recipient, "")
    delivery = delivery_to(reach, workspace=workspace, event_name=event_name, dedupe_key=dedupe_key, now=now)
    # Nobody agreed on a secret to sign it with.
    is_hook = kind == ChannelKind.WEBHOOK
    delivery.payload = {"event": dict(payload), "unsigned": True} if is_hook else dict(payload)
    if kind == ChannelKind.EMAIL:
        delivery.payload["message_id"] = messages.message_id(delivery.wire_id)
    # Two callers at once: the unique key lets one of them in.
    Delivery.objects.bulk_create([delivery], ignore_conflicts=True)
    transaction.on_commit(lambda: bus.publish(bus.NOTIFICATIONS))
    return delivery
