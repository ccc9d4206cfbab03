"""For whoever runs the installation: the page of how it is doing, and the same for Prometheus."""

import ipaddress
from datetime import datetime
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common import storage
from apps.operations.faults import recent_faults
from apps.web.exposition import CONTENT_TYPE, exposition
from apps.web.installation import installation
from apps.web.presenters.operator import operator_view

PLAIN = "text/plain; charset=utf-8"
# What proxies add; whoever sends one of them has not called from this machine.
PROXY_MARKS = ("HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_SERVER", "HTTP_CF_CONNECTING_IP")
HOW_TO = "Ask from this machine itself, or with the header Authorization: Bearer <DASHMON_OPERATOR_TOKEN>.\n"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The installation in Prometheus's text format, for the operator's token or from this very machine."""
    # A wrong token is refused wherever it comes from: whoever shows one wants it judged.
    shown = "HTTP_AUTHORIZATION" in request.META
    if not (shows_token(request) if shown else comes_from_here(request)):
        headers = {"WWW-Authenticate": 'Bearer realm="operator"'}
        return HttpResponse(HOW_TO, status=401, content_type=PLAIN, headers=headers)
    try:
        body = exposition(installation.get(timezone.now()))
    except DatabaseError:
        return HttpResponse("The database is not available.\n", status=503, content_type=PLAIN)
    return HttpResponse(body, content_type=CONTENT_TYPE)


def shows_token(request: HttpRequest) -> bool:
    """Whether the request carries the operator's token."""
    scheme, _, shown = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    wanted = settings.OPERATOR_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and compare_digest(shown.strip().encode(), wanted.encode())


def comes_from_here(request: HttpRequest) -> bool:
    """Whether a program of this machine asks, and not a proxy on it for somebody else.

    A proxy that adds nothing at all still hands on the name people use, which is not a loopback address.
    """
    proxied = request.META.get("dashmon.forwarded") or any(name in request.META for name in PROXY_MARKS)
    if settings.PROFILE == "saas" or proxied:
        return False
    host = urlsplit(f"//{request.META.get('HTTP_HOST', '')}").hostname or ""
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


class Operations(View):
    """How the installation is doing, for its operator; to everybody else the page is not there."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path(), "account_login")
        if not request.user.is_staff:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        now: datetime = timezone.now()
        view = operator_view(installation.get(now), recent_faults(now), storage.trouble(now))
        return render(request, "web/operator.html", {"view": view, "now": now})
