"""What an HTTP answer, or none, means for a message: the same words for every channel."""

import json
from collections.abc import Mapping
from typing import Any

from apps.common.outbound import OutboundAnswer, OutboundError, post
from apps.notifications.channels.errors import ChannelError
from apps.notifications.types import Receipt

TIMEOUT_S = 10.0
REASONS = {
    "blocked": "The address may not be reached from here.",
    "dns": "The host name could not be resolved.",
    "connect": "The connection was refused or reset.",
    "tls": "The secure connection could not be made.",
    "protocol": "The answer was not valid HTTP.",
}


def accepted(answer: OutboundAnswer) -> Receipt:
    """Any 2xx is success; ChannelError for everything else. A redirect is a failure: nobody vouched for its target."""
    if 200 <= answer.status < 300:
        return Receipt(f"Answered {answer.status}.", answer.status)
    raise refused(answer)


def refused(answer: OutboundAnswer, *, words: str = "", final: bool = False) -> ChannelError:
    """The error of an answer that is not success; 410 says for itself that trying again is pointless."""
    if not words:
        redirect = ": redirects are not followed" if 300 <= answer.status < 400 else ""
        words = f"Answered {answer.status}{redirect}."
    return ChannelError(
        words, http_status=answer.status, final=final or answer.status == 410, retry_after_s=_retry_after(answer)
    )


def unreachable(error: OutboundError, *, timeout_s: float) -> ChannelError:
    """The error of a request that got no answer; nothing of the address is in it."""
    if error.reason == "timeout":
        return ChannelError(f"No answer within {timeout_s:g} s.")
    return ChannelError(REASONS.get(error.reason, "The request failed."))


def document_of(answer: OutboundAnswer) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is none."""
    try:
        document = json.loads(answer.body_start)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after(answer: OutboundAnswer) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3); its date form is rare, and the usual waits serve."""
    text = answer.headers.get("retry-after", "")
    return float(text) if answer.status in {429, 503} and text.isascii() and text.isdigit() else None


def post_json(url: str, document: Any, *, headers: Mapping[str, str] | None = None) -> OutboundAnswer:
    """POST a JSON document and return whatever answer comes; ChannelError when none does."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    named = {"Content-Type": "application/json", "User-Agent": "Dashmon", **(headers or {})}
    try:
        return post(url, body, named, TIMEOUT_S)
    except OutboundError as error:
        raise unreachable(error, timeout_s=TIMEOUT_S) from error
