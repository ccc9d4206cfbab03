"""E-mail over whatever Django's mail settings name."""

import base64
import smtplib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from apps.accounts.addresses import is_address
from apps.devices.documents import Document
from apps.notifications.channels.errors import ChannelError
from apps.notifications.types import Envelope, Receipt

MOST_RECIPIENTS = 50
CONSOLE = "django.core.mail.backends.console.EmailBackend"


def send(envelope: Envelope) -> Receipt:
    """Hand one message to the mail server. A repeat carries the same Message-ID, which readers show once."""
    try:
        _message(envelope).send()
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        said = f"The mail server refused the recipient: {code} {_text(words)}"
        raise ChannelError(said, final=_is_permanent(code)) from error
    except smtplib.SMTPResponseException as error:
        said = f"The mail server refused the message: {error.smtp_code} {_text(error.smtp_error)}"
        # A refused greeting, password or sender is ours to mend, and often mended before the last try.
        final = isinstance(error, smtplib.SMTPDataError) and _is_permanent(error.smtp_code)
        raise ChannelError(said, final=final) from error
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelError(f"The mail server could not be used: {error or type(error).__name__}") from error
    if settings.EMAIL_BACKEND == CONSOLE:
        return Receipt("Written to the server's own output: no mail server is configured.")
    return Receipt("Accepted by the mail server.")


def _message(envelope: Envelope) -> EmailMultiAlternatives:
    """The mail of a payload; plain text alone where it has no HTML."""
    payload = envelope.payload
    message = EmailMultiAlternatives(
        subject=payload["subject"],
        body=payload["text"],
        to=[envelope.recipient],
        headers={
            "Message-ID": payload["message_id"],
            "X-Dashmon-Event": envelope.event_name,
            "X-Dashmon-Delivery": envelope.id,
            # RFC 3834: no out-of-office answer to a machine.
            "Auto-Submitted": "auto-generated",
            **payload.get("headers", {}),
        },
    )
    if "html" in payload:
        message.attach_alternative(payload["html"], "text/html")
    for attachment in payload.get("attachments", ()):
        message.attach(attachment["name"], base64.b64decode(attachment["base64"]), attachment["type"])
    return message


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`to`: one or more addresses, stored in lower case without repeats."""
    root = Document(document)
    addresses: list[str] = []
    for index, item in enumerate(root.items("to", most=MOST_RECIPIENTS)):
        address = item.strip().lower() if isinstance(item, str) else ""
        if not is_address(address):
            root.fault(f"to[{index}]", f"Invalid email address: {item}")
        elif address not in addresses:
            addresses.append(address)
    if not root.items("to", most=MOST_RECIPIENTS):
        root.fault("to", "Name at least one address.")
    root.finish()
    return {"to": addresses}


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    """Addresses are people's own."""
    return {"to": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """One delivery for each address."""
    return list(config.get("to", ()))


def shown(recipient: str) -> str:
    return recipient


def _is_permanent(code: int) -> bool:
    """Whether the same message to the same recipient will be refused again (RFC 5321, 4.2.1)."""
    return 500 <= code <= 599


def _text(words: bytes | str) -> str:
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else words
