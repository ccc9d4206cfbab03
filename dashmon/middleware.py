"""What happens to a request before any surface sees it."""

import re
import secrets
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{16,64}")
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Handler = Callable[[HttpRequest], HttpResponse]


def new_request_id() -> str:
    """`req_` and 20 random base32 characters."""
    return "req_" + "".join(secrets.choice(BASE32) for _ in range(20))


class RequestIdMiddleware:
    """Echo a well-formed X-Request-Id, or make one; every log line of the request carries it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        inbound = request.headers.get("X-Request-Id", "")
        request_id = inbound if WELL_FORMED.fullmatch(inbound) else new_request_id()
        request.META["dashmon.request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
