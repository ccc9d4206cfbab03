"""What each kind of channel asks for. A kind without an entry is kept as it is and changed through the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from apps.notifications import channels
from apps.notifications.kinds import ChannelKind

Shape = Literal["text", "list", "secret", "choice"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One setting of a channel, by its name in the document."""

    name: str
    label: str
    shape: Shape = "text"
    help: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()


_WEBHOOK_URL = Ask("url", "Address", help="Begins with https://.", required=True)

ASKS: Mapping[str, tuple[Ask, ...]] = {
    ChannelKind.EMAIL: (
        Ask("to", "Addresses", "list", help="One or more, with commas or on lines of their own.", required=True),
    ),
    ChannelKind.SMS: (
        Ask("to", "Numbers", "list", help="International form: +61400111222. Commas between several.", required=True),
    ),
    ChannelKind.WEBHOOK: (
        _WEBHOOK_URL,
        Ask("secret", "Secret", "secret", help="Signs every message (HMAC-SHA256). Empty: one is made for you."),
        Ask("format", "Format", "choice", options=(("dashmon", "Dashmon"),)),
    ),
    ChannelKind.SLACK: (Ask("url", "Webhook address", help="From Slack: Incoming Webhooks.", required=True),),
    ChannelKind.TEAMS: (Ask("url", "Webhook address", help="From Teams: Workflows.", required=True),),
    ChannelKind.DISCORD: (Ask("url", "Webhook address", help="From Discord: Integrations.", required=True),),
}


def offered() -> list[tuple[str, str]]:
    """Kinds that can be added here and that this machine can send."""
    return [(kind, str(ChannelKind(kind).label)) for kind in ASKS if kind in channels.KINDS]
