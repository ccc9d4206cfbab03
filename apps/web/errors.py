"""Pages for what went wrong: a heading, what holds, a way on, and the request's id to copy."""

import sys
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.common.errors import (
    DomainError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    PlanLimitError,
    PremiumRequiredError,
    RateLimitedError,
    WriteLockedError,
)
from apps.workspaces.locks import WriteLock

STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (NotFoundError, 404),
    (GoneError, 410),
    (RateLimitedError, 429),
    (ForbiddenError, 403),
    (PremiumRequiredError, 403),
    (PlanLimitError, 403),
    (WriteLockedError, 403),
)
HEADINGS = {
    400: ("This request cannot be read", "Nothing has been changed. Go back and try it once more."),
    403: ("You may not do this", "An owner or admin of the workspace can give you another role."),
    404: ("There is nothing here", "The address may be mistyped, or the thing is gone, or it belongs to others."),
    409: ("This is no longer possible", "Something changed in between. Look at the page again."),
    410: ("This link has had its day", "It has been used, withdrawn or has expired."),
    429: ("Too many tries", "Wait a moment, then try again."),
    500: ("Something broke here", "It has been written down. Checks and alerts go on without this page."),
    503: ("The database does not answer", "Nothing has been changed. Pages come back by themselves once it does."),
}
RETRY_AFTER_S = 5
LIMIT_WORDS = {
    "projects": "projects",
    "devicesPerProject": "monitors in one project",
    "members": "members",
    "statusPages": "status pages",
}


@dataclass(frozen=True, slots=True)
class LockNotice:
    """Why writes wait, in words."""

    sentence: str


def lock_notice(lock: WriteLock) -> LockNotice | None:
    """The banner of a workspace over its plan, or nothing."""
    if not lock.locked:
        return None
    over = ", ".join(f"{item.used} of {item.max} {LIMIT_WORDS.get(item.limit, item.limit)}" for item in lock.over)
    return LockNotice(f"{over} used.")


def refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A domain's refusal as a page of its own."""
    code = next((status for kind, status in STATUS if isinstance(error, kind)), 409)
    return _page(request, code, sentence=error.message)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler400."""
    return _page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler403."""
    return _page(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler404."""
    return _page(request, 404)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001  # allauth's signature
    """The page of a rate limit; allauth finds it by the name `handler429` of the URL table."""
    return _page(request, 429)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: draws from nothing that could fail again, so nobody is signed in here.

    A database that is away is 503: whoever asked, a balancer among them, is to ask again.
    """
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        response = _page(request, 503, signed_in=False)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response
    return _page(request, 500, signed_in=False)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  # Django's signature
    """A form without a valid token: usually one left open over a sign-in."""
    return _page(request, 403, sentence="The form was too old. Go back, load the page again and send it once more.")


def _page(request: HttpRequest, code: int, *, sentence: str = "", signed_in: bool | None = None) -> HttpResponse:
    """An error page; `signed_in` None looks, which asks the database."""
    heading, usual = HEADINGS.get(code, HEADINGS[500])
    if signed_in is None:
        signed_in = bool(getattr(getattr(request, "user", None), "is_authenticated", False))
    context: dict[str, Any] = {
        "code": code,
        "heading": heading,
        "sentence": sentence or usual,
        "way_on": "/app/" if signed_in else "/",
        "way_on_label": "To the overview" if signed_in else "To the start page",
        "request_id": request.META.get("dashmon.request_id", ""),
    }
    return render(request, "web/error.html", context, status=code)
