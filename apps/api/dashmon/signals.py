"""What the receiver of heartbeats answers (contract Dashmon 6.3), whoever serves it: Django or the hot paths."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest

from apps.api.dashmon import throttling
from apps.checks.heartbeats import Received
from apps.common.clock import iso_ms
from apps.common.errors import RateLimitedError
from apps.devices.heartbeat import BODY_LIMIT

METHODS = ("GET", "HEAD", "POST", "PUT")
# Of every answer, refusals too: every page may report.
ALWAYS = {"Access-Control-Allow-Origin": "*", "Ping-Body-Limit": str(BODY_LIMIT)}
# Of the answer to a browser that asks beforehand.
ASKED = {
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


def told(received: Received) -> tuple[int, dict[str, Any]]:
    """Status and facts of the answer; TooManyCallsError for a sender over its limit."""
    if received.reason == "rate_limited":
        error = RateLimitedError("Too many signals for this heartbeat.", retry_after_s=received.retry_after_s)
        raise throttling.spent(throttling.HEARTBEAT, error)
    if not received.recorded:
        return 202, {"ok": True, "recorded": False, "reason": received.reason}
    return 200, {
        "ok": True,
        "signal": received.signal,
        "state": received.state,
        "receivedAt": iso_ms(received.received_at),
    }


@lru_cache(maxsize=1024)
def prefers_text(accept: str) -> bool:
    """Whether a client with this Accept header would rather read a plain `OK` than JSON."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT"] = accept
    return request.get_preferred_type(["application/json", "text/plain"]) == "text/plain"
