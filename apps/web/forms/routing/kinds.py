"""What each kind of channel asks for. A kind without an entry is kept as it is and changed through the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from apps.notifications import channels
from apps.notifications.channels import request, webhook
from apps.notifications.kinds import ChannelKind

Shape = Literal["text", "area", "list", "pairs", "secret", "choice", "flag"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One setting of a channel, by its name in the document."""

    name: str
    label: str
    shape: Shape = "text"
    help: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()


_HOOK_URL = Ask("url", "Address", help="Begins with https://.", required=True)

ASKS: Mapping[str, tuple[Ask, ...]] = {
    ChannelKind.EMAIL: (
        Ask("to", "Addresses", "list", help="One or more, with commas or on lines of their own.", required=True),
    ),
    ChannelKind.SMS: (
        Ask("to", "Numbers", "list", help="International form: +61400111222. Commas between several.", required=True),
    ),
    ChannelKind.WEBHOOK: (
        _HOOK_URL,
        Ask("secret", "Secret", "secret", help="Signs every message (HMAC-SHA256). Empty: one is made for you."),
        Ask("format", "Format", "choice", options=tuple((name, name.capitalize()) for name in webhook.FORMATS)),
        Ask("template", "Template", "area", help="Only of the custom format."),
    ),
    ChannelKind.SLACK: (Ask("url", "Webhook address", help="From Slack: Incoming Webhooks.", required=True),),
    ChannelKind.TEAMS: (Ask("url", "Webhook address", help="From Teams: Workflows.", required=True),),
    ChannelKind.DISCORD: (Ask("url", "Webhook address", help="From Discord: Integrations.", required=True),),
    ChannelKind.TELEGRAM: (
        Ask("botToken", "Bot token", "secret", help="From @BotFather.", required=True),
        Ask("chatId", "Chat", help="The number of a chat, or the @name of a channel.", required=True),
    ),
    ChannelKind.PUSHOVER: (
        Ask("token", "Application token", "secret", required=True),
        Ask("user", "User or group key", "secret", required=True),
    ),
    ChannelKind.PUSHBULLET: (Ask("accessToken", "Access token", "secret", required=True),),
    ChannelKind.APPRISE: (Ask("url", "Apprise address", help="For example ntfys://topic.", required=True),),
    ChannelKind.REQUEST: (
        _HOOK_URL,
        Ask("method", "Method", "choice", options=tuple((name, name) for name in request.METHODS)),
        Ask("headers", "Headers", "pairs", help="One on each line: Name: value."),
        Ask("bodyType", "Body", "choice", options=(("json", "JSON"), ("form", "Form fields"))),
        Ask("body", "Template of the body", "area", help="JSON; for form fields an object of them."),
        Ask("verifyTls", "Check the certificate of the other side", "flag"),
        Ask("metricUnits", "Write sizes with units", "flag"),
    ),
}


def offered() -> list[tuple[str, str]]:
    """Kinds that can be added here and that this machine can send."""
    return [(kind, str(ChannelKind(kind).label)) for kind in ASKS if kind in channels.KINDS]
