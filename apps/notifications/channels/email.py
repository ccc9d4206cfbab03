"""E-mail over whatever Django's mail settings name, or over a server that the channel names."""

import base64
import smtplib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from apps.accounts.addresses import is_address
from apps.common.outbound import OutboundError
from apps.notifications.channels.addressees import named, recipients, redact, shown
from apps.notifications.channels.answers import TIMEOUT_S, unreachable
from apps.notifications.channels.errors import ChannelError
from apps.notifications.channels.mail_servers import clean_server, connection_of
from apps.notifications.types import Envelope, Receipt

MOST_RECIPIENTS = 50
# RFC 4954, section 6: the server wants another password, or one at all. That too is for the operator to mend.
SIGN_IN = frozenset({530, 534, 535, 538})
CONSOLE = "django.core.mail.backends.console.EmailBackend"

__all__ = ["clean", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """Hand one message to the mail server. A repeat carries the same Message-ID, which readers show once."""
    try:
        _message(envelope).send()
    except OutboundError as error:
        raise unreachable(error, timeout_s=TIMEOUT_S) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused("the recipient", *next(iter(error.recipients.values()))) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise _refused("the message", error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPResponseException as error:
        # Greeting, encryption and sign-in are before any message: an operator mends them within minutes.
        raise _refused("to serve", error.smtp_code, error.smtp_error, may_be_final=False) from error
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelError(f"The mail server could not be used: {error or type(error).__name__}") from error
    except UnicodeError as error:
        raise ChannelError("This address cannot be written as mail servers know addresses.", final=True) from error
    if settings.EMAIL_BACKEND == CONSOLE and "server" not in envelope.config:
        return Receipt("Written to the server's own output: no mail server is configured.")
    return Receipt("Accepted by the mail server.")


def _message(envelope: Envelope) -> EmailMultiAlternatives:
    """The mail of a payload; plain text alone where it has no HTML."""
    payload, server = envelope.payload, envelope.config.get("server")
    own = {} if server is None else {"from_email": server["from"], "connection": connection_of(server, envelope.secret)}
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
        **own,
    )
    if "html" in payload:
        message.attach_alternative(payload["html"], "text/html")
    for attachment in payload.get("attachments", ()):
        message.attach(attachment["name"], base64.b64decode(attachment["base64"]), attachment["type"])
    return message


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`to`: one or more addresses, stored in lower case without repeats. With `server`, which server sends them and as
    whom (`mail_servers`), `secret` being its password.
    """
    given = {name: value for name, value in document.items() if name not in {"server", "secret"}}
    if document.get("server") is None:
        return named(document, most=MOST_RECIPIENTS, read=_address, fault="Invalid email address: {item}")
    config = named(given, most=MOST_RECIPIENTS, read=_address, fault="Invalid email address: {item}")
    return config | {"server": clean_server(document["server"]), "secret": str(document.get("secret") or "")}


def _address(item: object) -> str:
    address = item.strip().lower() if isinstance(item, str) else ""
    return address if is_address(address) else ""


def _refused(what: str, code: int, words: bytes | str, *, may_be_final: bool = True) -> ChannelError:
    """A refusal in the server's own words; a 5xx is for good (RFC 5321, 4.2.1) unless it is about signing in."""
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    final = may_be_final and 500 <= code <= 599 and code not in SIGN_IN
    return ChannelError(f"The mail server refused {what}: {code} {said}", final=final)
