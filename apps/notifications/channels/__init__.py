"""How a message reaches its recipient: one module for each kind, all with the same functions."""

from apps.notifications.channels import email, webhook
from apps.notifications.channels.errors import ChannelError
from apps.notifications.models import ChannelKind
from apps.notifications.types import Envelope, Receipt

KINDS = {ChannelKind.EMAIL.value: email, ChannelKind.WEBHOOK.value: webhook}


def send(kind: str, envelope: Envelope) -> Receipt:
    """Send one message now; ChannelError when the other side did not take it."""
    receipt: Receipt = KINDS[kind].send(envelope)
    return receipt


__all__ = ["KINDS", "ChannelError", "send"]
