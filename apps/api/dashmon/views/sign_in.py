"""Coming in and leaving by JSON, as the first front ends do it (contract Dashmon 14)."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import login, logout
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import User
from apps.api.dashmon import throttling
from apps.api.dashmon.auth import ensure_same_site
from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.schema import OK, described
from apps.api.dashmon.serializers.fields import Text
from apps.api.dashmon.views.base import ApiView
from apps.operations.sign_up import ensure_sign_up_open, sign_up

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
WRONG = "Invalid credentials"
GUESSING_PAUSE_S = 300


class SignUpBody(serializers.Serializer[Any]):
    email = Text(max_length=254)
    username = Text(required=False, allow_null=True, allow_blank=True, min_length=3, max_length=120)
    password = Text(trim_whitespace=False, min_length=8, max_length=256)


class LoginBody(serializers.Serializer[Any]):
    identifier = Text(max_length=254)
    password = Text(trim_whitespace=False, max_length=256)
    code = Text(required=False, allow_null=True, max_length=32)


class SignInRouteView(ApiView):
    """Public, so counted by address; it sets the cookie, so no other site may call it."""

    speak = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.route.startswith("/auth/"):
            address = request.META.get("REMOTE_ADDR", "")
            throttling.count(throttling.AUTH, f"{address}:{self.route}", now=self.now)
        ensure_same_site(self.plain)

    @property
    def plain(self) -> HttpRequest:
        """Django's own request: sessions belong to it."""
        request: HttpRequest = self.request._request  # noqa: SLF001  # DRF's own door to Django's request
        return request


class SignUpView(SignInRouteView):
    """A new account with a workspace of its own; where sign-up is closed, 403 `signup_closed`."""

    @described(
        "Open an account and sign in",
        body=SignUpBody,
        answer=OK,
        also={403: "`signup_closed`: accounts are made by invitation.", 409: "`conflict`: the address is registered."},
    )
    def post(self, _: Request) -> Response:
        ensure_sign_up_open()
        body = self.read(SignUpBody)
        user = sign_up(email=body["email"], password=body["password"], name=body.get("username") or "", now=self.now)
        if settings.PROFILE == "saas":
            # The session comes at once; the first monitor waits for the answer to this mail (section 16).
            EmailAddress.objects.add_email(self.plain, user, user.email, confirm=True)
        _open_session(self.plain, user)
        return Response({"ok": True})


class LoginView(SignInRouteView):
    """A session by e-mail address and password, and by a code where the account has a second factor."""

    @described(
        "Sign in",
        body=LoginBody,
        answer=OK,
        also={401: "`invalid_credentials`, or `mfa_required`: send `code` as well."},
    )
    def post(self, _: Request) -> Response:
        body = self.read(LoginBody)
        user = self._known(body["identifier"], body["password"])
        if is_mfa_enabled(user):
            self._ensure_second_factor(user, body.get("code") or "")
        _open_session(self.plain, user)
        return Response({"ok": True})

    def _known(self, identifier: str, password: str) -> User:
        try:
            user = get_adapter().authenticate(self.plain, email=identifier, password=password)
        except ValidationError:
            # Too many wrong passwords for this account or from this address.
            spent = throttling.Allowance(throttling.AUTH.most, 0, GUESSING_PAUSE_S)
            raise throttling.TooManyCallsError(throttling.TOO_MANY, spent) from None
        # The sign-in backend leaves it to its callers to turn inactive accounts away.
        if not isinstance(user, User) or not user.is_active:
            raise ApiError("invalid_credentials", WRONG)
        return user

    def _ensure_second_factor(self, user: User, code: str) -> None:
        if not code:
            raise ApiError("mfa_required", "This account has a second factor. Send its code as well.")
        form = AuthenticateForm(data={"code": code}, user=user)
        if not form.is_valid():
            raise ApiError("mfa_required", "This code is not right.")


class LogoutView(SignInRouteView):
    """The end of the session."""

    @described("End the session", status=204)
    def post(self, _: Request) -> Response:
        logout(self.plain)
        return Response(status=204)

    @extend_schema(exclude=True)
    def get(self, _: Request) -> HttpResponseBase:
        # A link alone ends nothing: the page asks first.
        return HttpResponseRedirect(reverse("account_logout"))


def _open_session(request: HttpRequest, user: User) -> None:
    login(request, user, backend=BACKEND)
    record_authentication(request, user, method="password", email=user.email)
