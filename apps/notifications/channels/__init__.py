"""How a message reaches its recipient: one module for each kind, all with the same `send`."""

from apps.notifications.channels import email, webhook
from apps.notifications.channels.errors import ChannelError
from apps.notifications.models import ChannelKind
from apps.notifications.types import Envelope, Receipt

SENDERS = {ChannelKind.EMAIL.value: email.send, ChannelKind.WEBHOOK.value: webhook.send}


def send(kind: str, envelope: Envelope) -> Receipt:
    """Send one message now; ChannelError when the other side did not take it."""
    return SENDERS[kind](envelope)


__all__ = ["ChannelError", "send"]
