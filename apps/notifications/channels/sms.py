"""SMS over an HTTP API that speaks like Twilio's."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from apps.common.outbound import OutboundAnswer, OutboundError, post
from apps.devices.documents import Document
from apps.notifications.channels.answers import document_of, refused, unreachable
from apps.notifications.channels.errors import ChannelError
from apps.notifications.types import Envelope, Receipt
from apps.notifications.workspace_rules import is_number, number_of

TIMEOUT_S = 15.0
MOST_NUMBERS = 20
# Three messages on a telephone: 153 characters of the GSM alphabet each, 67 of any other.
SEGMENTS = 3
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_TWICE = frozenset("^{}\\[~]|€")
# The sender number of test credentials: taken, answered, and never delivered.
TEST_SENDER = "+15005550006"


def send(envelope: Envelope) -> Receipt:
    """Hand one message to the provider named by SMS_URL; its own name for the message is the receipt's reference."""
    provider = settings.SMS
    if provider is None:
        raise ChannelError("No SMS provider is configured.", final=True)
    form = {"To": envelope.recipient, "From": provider.sender, "Body": fitted(text_of(envelope.payload))}
    token = base64.b64encode(f"{provider.account}:{provider.token}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{provider.base}/2010-04-01/Accounts/{quote(provider.account, safe='')}/Messages.json"
    try:
        answer = post(url, urlencode(form).encode(), headers, TIMEOUT_S)
    except OutboundError as error:
        raise unreachable(error, timeout_s=TIMEOUT_S) from error
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    sid = document_of(answer).get("sid")
    return Receipt(
        "Accepted by the SMS provider.",
        answer.status,
        reference=sid if isinstance(sid, str) else None,
        test_mode=provider.sender == TEST_SENDER,
    )


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`to`: one or more numbers in E.164."""
    root = Document(document)
    numbers: list[str] = []
    given = root.items("to", most=MOST_NUMBERS)
    for index, item in enumerate(given):
        number = number_of(item)
        if not is_number(number):
            root.fault(f"to[{index}]", "SMS number must be E.164, e.g. +61400111222")
        elif number not in numbers:
            numbers.append(number)
    if not given:
        root.fault("to", "Name at least one number.")
    root.finish()
    return {"to": numbers}


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    """Numbers are people's own."""
    return {"to": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """One delivery for each number."""
    return list(config.get("to", ()))


def shown(recipient: str) -> str:
    return recipient


def text_of(payload: Mapping[str, Any]) -> str:
    """Title, cause and address: what fits a telephone."""
    cause = next((value for label, value in payload.get("facts", ()) if label == "Cause"), "")
    return "\n".join(part for part in (payload["title"], cause, payload.get("url", "")) if part)


def fitted(text: str) -> str:
    """The text within three segments; what is cut is marked, and no character is cut in half."""
    if _cost(text) <= _room(text):
        return text
    kept = text
    while _cost(kept + "...") > _room(text):
        kept = kept[:-1]
    return kept + "..."


def _is_gsm(text: str) -> bool:
    return all(character in GSM or character in GSM_TWICE for character in text)


def _room(text: str) -> int:
    return SEGMENTS * (153 if _is_gsm(text) else 67)


def _cost(text: str) -> int:
    """Septets of the GSM alphabet, or UTF-16 units where that does not suffice."""
    if _is_gsm(text):
        return sum(2 if character in GSM_TWICE else 1 for character in text)
    return len(text.encode("utf-16-be")) // 2


def _refusal(answer: OutboundAnswer) -> ChannelError:
    document = document_of(answer)
    said = document.get("message")
    # A 400 names a number that cannot be reached, 401 and 403 credentials: trying again changes nothing.
    final = answer.status in {400, 401, 403, 404}
    words = f"The SMS provider refused it: {said[:200]}" if isinstance(said, str) else ""
    return refused(answer, words=words, final=final)
