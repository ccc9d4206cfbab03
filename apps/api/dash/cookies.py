"""The pair of cookies that keeps a Dash session: one for the browser alone, one that its scripts read (contract 2)."""

import secrets
from datetime import timedelta
from typing import TypeVar

from django.http import HttpRequest, HttpResponseBase

from apps.api.dash.errors import UnauthorizedError
from apps.tokens.logins import REFRESH_LIFE

R = TypeVar("R", bound=HttpResponseBase)
REFRESH, CSRF = "refresh", "csrf"
PATHS = {REFRESH: "/api/auth", CSRF: "/"}


def set_passes(request: HttpRequest, response: R, *, refresh: str, csrf: str, persistent: bool) -> R:
    """The response with both cookies; those of a session that is not persistent go with the browser's window."""
    life = REFRESH_LIFE if persistent else None
    for name, value in ((REFRESH, refresh), (CSRF, csrf)):
        _set(request, response, name, value, life)
    return response


def drop_passes(request: HttpRequest, response: R) -> R:
    """The response that takes both cookies away."""
    for name in PATHS:
        _set(request, response, name, "", timedelta(0))
    return response


def refresh_token_of(request: HttpRequest) -> str:
    """The refresh token of a request that proves it can read its own cookies; UnauthorizedError otherwise."""
    told, kept = request.headers.get("X-CSRF-Token", ""), request.COOKIES.get(CSRF, "")
    if not told or not secrets.compare_digest(told.encode(), kept.encode()):
        raise UnauthorizedError("csrf validation failed")
    refresh = request.COOKIES.get(REFRESH, "")
    if not refresh:
        raise UnauthorizedError("refresh token missing")
    return str(refresh)


def _set(request: HttpRequest, response: HttpResponseBase, name: str, value: str, life: timedelta | None) -> None:
    # A front end of another origin sends them over TLS only; the header that proves them is never sent by others.
    secure = request.is_secure()
    response.set_cookie(
        name,
        value,
        max_age=life,
        path=PATHS[name],
        secure=secure,
        httponly=name == REFRESH,
        samesite="None" if secure else "Lax",
    )
