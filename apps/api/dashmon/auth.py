"""Who calls, and for which workspace: a session cookie or a bearer token becomes an Actor (contract Dashmon 1.1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.http import HttpRequest

from apps.accounts.models import User
from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.gates import Caller
from apps.common.errors import PremiumRequiredError
from apps.projects.actors import actor_of
from apps.tokens.models import ApiToken
from apps.tokens.selectors import token_by_secret
from apps.tokens.services import note_use
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.permissions import TOKEN_READ_ONLY, TOKEN_READ_WRITE, Actor
from apps.workspaces.plans import PlanName
from apps.workspaces.selectors import owner_of, seats_of
from apps.workspaces.usage import plan_of

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

# Session key: the slug of the workspace a person works in (the pages keep it too); without it, one's own.
SELECTED = "workspace"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Credential:
    """A caller who proved who they are, in the workspace they act in."""

    caller: Caller
    actor: Actor
    workspace: Workspace
    plan: PlanName
    # The person behind the call; for a token whoever made it, else the owner.
    user: User
    seat: Membership | None
    token: ApiToken | None = None

    @property
    def mode(self) -> str:
        return self.caller.kind

    @property
    def email(self) -> str:
        """The address of the person behind the call."""
        return str(self.user.email or "")

    @property
    def subject(self) -> str:
        """Whom rate limits count."""
        return f"user:{self.user.pk}" if self.token is None else f"token:{self.token.pk}"


def authenticate(request: HttpRequest, *, now: datetime) -> Credential:
    """The credential of a request; ApiError 401 without one. A bad bearer never falls back to the cookie."""
    raw = bearer_of(request)
    return _from_session(request, now=now) if raw is None else _from_token(raw, host=host_slug(request), now=now)


def host_slug(request: HttpRequest) -> str | None:
    """The workspace whose own host was asked; None on the app host, where the credential alone decides."""
    slug: str | None = request.META.get("dashmon.workspace_slug")
    return slug


def bearer_of(request: HttpRequest) -> str | None:
    """The raw token of an Authorization header, None when there is no such header."""
    scheme, _, raw = request.headers.get("Authorization", "").strip().partition(" ")
    return raw.strip() if scheme.lower() == "bearer" else None


def _from_token(raw: str, *, host: str | None, now: datetime) -> Credential:
    token = token_by_secret(raw)
    # Host and credential must agree: a token of another workspace is as unknown as none at all.
    if token is None or token.workspace.closed_at is not None or host not in {None, token.workspace.slug}:
        raise ApiError("invalid_token", "This token is not known.")
    if token.revoked_at is not None:
        raise ApiError("token_revoked", "This token has been revoked.")
    if token.is_expired(now):
        raise ApiError("token_expired", "This token has expired.")
    plan = plan_of(token.workspace, now=now)
    if plan == "free":
        raise PremiumRequiredError("Bearer tokens need the Premium plan.")
    note_use(token=token, now=now)
    read_only = token.access == ApiToken.Access.READ_ONLY
    actor = Actor(
        workspace_id=token.workspace_id,
        role="viewer" if read_only else "editor",
        label=f"token {token.label}",
        seat_id=token.seat_id,
        grants=TOKEN_READ_ONLY if read_only else TOKEN_READ_WRITE,
    )
    seat = token.seat
    user = seat.user if seat is not None and seat.user is not None else owner_of(token.workspace)
    caller = Caller.of("bearer", actor, read_only=read_only)
    return Credential(caller, actor, token.workspace, plan, user, seat, token)


def _from_session(request: HttpRequest, *, now: datetime) -> Credential:
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        raise ApiError("unauthenticated", "Sign in, or send a bearer token.")
    seat = _selected_seat(user, request.session)
    if seat is None:
        raise ApiError("unauthenticated", "This account has no workspace any more.")
    actor = actor_of(seat, user)
    plan = plan_of(seat.workspace, now=now)
    return Credential(Caller.of("session", actor), actor, seat.workspace, plan, user, seat)


def _selected_seat(user: User, session: "SessionBase") -> Membership | None:
    """The seat in the selected workspace, else one's own; a seat that was taken away resets the selection."""
    seats = seats_of(user)
    chosen = session.get(SELECTED)
    if chosen is not None:
        seat = next((seat for seat in seats if seat.workspace.slug == chosen), None)
        if seat is not None:
            return seat
        del session[SELECTED]
    return next(iter(seats), None)


def ensure_same_site(request: HttpRequest) -> None:
    """Refuse what a browser proves to be cross-site (contract 1.1; docs: cookies, headers, sockets).

    Programs send none of these headers and pass; they hold the cookie because somebody gave it to them.
    """
    if request.method in SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "none").lower() not in {"same-origin", "none"}:
        raise _cross_site("This request comes from another site.")
    source = request.headers.get("Origin") or request.headers.get("Referer")
    if source is not None and _origin(source) != f"{request.scheme}://{request.get_host()}".lower():
        raise _cross_site("This request comes from another origin.")
    if _has_body(request) and request.content_type != "application/json":
        raise _cross_site("Send the body as application/json.")


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        # No browser writes half an address in brackets; it is nobody's origin.
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def _has_body(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH")
    # A chunked request names no length; reading it is the only way to know.
    return length.strip() not in {"", "0"} if length else bool(request.body)


def _cross_site(message: str) -> ApiError:
    return ApiError("csrf_failed", message)
