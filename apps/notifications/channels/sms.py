"""SMS over an HTTP API that speaks like Twilio's."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from apps.common.text import is_storable
from apps.notifications.channels.addressees import named, recipients, redact, shown
from apps.notifications.channels.answers import PERMANENT, document_of, is_success, posted, refused
from apps.notifications.channels.errors import ChannelError
from apps.notifications.channels.texts import size
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

__all__ = ["clean", "fitted", "recipients", "redact", "send", "shown", "text_of"]


def send(envelope: Envelope) -> Receipt:
    """Hand one message to the provider named by SMS_URL; its own name for the message is the receipt's reference."""
    provider = settings.SMS
    if provider is None:
        raise ChannelError("No SMS provider is configured.", final=True)
    form = {"To": envelope.recipient, "From": provider.sender, "Body": text_of(envelope.payload)}
    token = base64.b64encode(f"{provider.account}:{provider.token}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{provider.base}/2010-04-01/Accounts/{quote(provider.account, safe='')}/Messages.json"
    answer = posted(url, urlencode(form).encode(), headers, timeout_s=TIMEOUT_S)
    said = document_of(answer)
    if not is_success(answer) or said.get("error_code") is not None:
        words = said.get("error_message" if is_success(answer) else "message")
        told = f"The SMS provider refused it: {words[:200]}" if isinstance(words, str) else ""
        raise refused(answer, words=told, final=answer.status in PERMANENT)
    sid = said.get("sid")
    return Receipt(
        "Accepted by the SMS provider.",
        answer.status,
        reference=sid if isinstance(sid, str) and is_storable(sid) else None,
        test_mode=provider.sender == TEST_SENDER,
    )


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`to`: one or more numbers in E.164."""
    sentence = "SMS number must be E.164, e.g. +61400111222"
    return named(document, most=MOST_NUMBERS, read=_number, fault=sentence)


def _number(item: object) -> str:
    number = number_of(item)
    return number if is_number(number) else ""


def text_of(payload: Mapping[str, Any]) -> str:
    """Title, cause and address: what fits a telephone."""
    cause = next((value for label, value in payload.get("facts", ()) if label == "Cause"), "")
    return fitted("\n".join(filter(None, (payload["title"], cause))), payload.get("url", ""))


def fitted(text: str, link: str = "") -> str:
    """Text and link within three segments; what is cut of the text is marked, and no character is cut in half."""
    end = f"\n{link}" if link else ""
    if _fits(text + end):
        return text + end
    kept, end = text, f"...{end}"
    while kept and not _fits(kept + end):
        kept = kept[:-1]
    # A link that leaves no room for anything else is left out.
    return kept + end if kept or not link else fitted(text)


def _is_gsm(text: str) -> bool:
    return all(character in GSM or character in GSM_TWICE for character in text)


def _fits(text: str) -> bool:
    """Septets of the GSM alphabet, or UTF-16 units where that does not suffice."""
    if _is_gsm(text):
        return sum(2 if character in GSM_TWICE else 1 for character in text) <= SEGMENTS * 153
    return size(text) <= SEGMENTS * 67
