"""Coming in with a surface's own password: a session with short access tokens and single-use refresh tokens."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from apps.common.errors import InvalidInputError
from apps.common.ids import digest
from apps.tokens.models import Login, LoginSession
from apps.tokens.signed import session_named, signed
from apps.workspaces.models import Workspace

ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=14)
MOST_SESSIONS = 200
SHORTEST, LONGEST = 8, 128
VISIBLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Passes:
    """What a session hands out: a token for calls, good until its end, and one that renews both."""

    session: LoginSession
    access: str
    access_until: datetime
    refresh: str


@transaction.atomic
def set_login_password(*, workspace: Workspace, surface: str, password: str, now: datetime) -> Login:
    """The password of a surface from now on; every session of the one before ends. InvalidInputError: `password`."""
    if not (SHORTEST <= len(password) <= LONGEST and VISIBLE.fullmatch(password)):
        sentence = f"{SHORTEST} to {LONGEST} visible ASCII characters without spaces."
        raise InvalidInputError(fields={"password": sentence})
    fresh = {"password": make_password(password), "changed_at": now}
    login, _ = Login.objects.update_or_create(workspace=workspace, surface=surface, defaults=fresh)
    LoginSession.objects.of(workspace).filter(login=login).delete()
    made: Login = login
    return made


def login_of(workspace: Workspace | int, surface: str) -> Login | None:
    """The login of a surface; None where nobody has set a password."""
    login: Login | None = Login.objects.of(workspace).select_related("workspace").filter(surface=surface).first()
    return login


def opens(login: Login | None, password: str) -> bool:
    """Whether the password is the login's; a login that is not there takes as long to say no."""
    if login is None:
        make_password(password)
        return False
    return check_password(password, login.password)


@transaction.atomic
def open_session(*, login: Login, persistent: bool, now: datetime) -> Passes | None:
    """Come in; the sessions that are over go, and beyond 200 the one that ends first.

    None when the password was changed since `login` was read: what proved to be the old one opens nothing any more.
    """
    locked = Login.objects.of(login.workspace_id).select_for_update(of=("self",)).select_related("workspace")
    known: Login | None = locked.filter(pk=login.pk, password=login.password).first()
    if known is None:
        return None
    login = known
    mine = LoginSession.objects.of(login.workspace_id).filter(login=login)
    mine.filter(expires_at__lte=now).delete()
    oldest = list(mine.order_by("-expires_at").values_list("pk", flat=True)[MOST_SESSIONS - 1 :])
    mine.filter(pk__in=oldest).delete()
    session = LoginSession(workspace=login.workspace, login=login, persistent=persistent, created_at=now)
    return _handed_out(session, login.surface, now)


@transaction.atomic
def renew_session(*, surface: str, refresh: str, host: str | None = None, now: datetime) -> Passes | None:
    """Fresh tokens for the session of a refresh token, which is used up; None when it is none of a live session.

    Of two renewals at once with one token the first counts. On the host of a workspace (`host`, its slug) a session
    of another one is none.
    """
    sessions = LoginSession.objects.filter(refresh_hash=digest(refresh), login__surface=surface, expires_at__gt=now)
    session = sessions.select_for_update(of=("self",)).select_related("workspace").first()
    if session is None or session.workspace.closed_at is not None or host not in {None, session.workspace.slug}:
        return None
    return _handed_out(session, surface, now)


def session_by_access(access: str, *, surface: str, now: datetime) -> LoginSession | None:
    """The live session of an access token, its workspace at hand; None for anything else, however well signed."""
    sid = session_named(access, "access", surface=surface, now=now)
    if sid is None:
        return None
    sessions = LoginSession.objects.select_related("workspace").filter(workspace__closed_at__isnull=True)
    session: LoginSession | None = sessions.filter(sid=sid, expires_at__gt=now).first()
    return session


def sessions_of(login_id: int, *, workspace: Workspace | int, now: datetime) -> list[LoginSession]:
    """The live sessions of a login, the newest first."""
    mine = LoginSession.objects.of(workspace).filter(login=login_id, expires_at__gt=now)
    return list(mine.order_by("-expires_at", "-pk"))


@transaction.atomic
def end_session(*, login_id: int, workspace: Workspace | int, sid: UUID) -> None:
    """End one session of a login at once; one that is not there needs nothing."""
    LoginSession.objects.of(workspace).filter(login=login_id, sid=sid).delete()


@transaction.atomic
def end_session_of_refresh(*, surface: str, refresh: str) -> None:
    """End the session whose refresh token this is."""
    LoginSession.objects.filter(login__surface=surface, refresh_hash=digest(refresh)).delete()


@transaction.atomic
def end_sessions(*, login_id: int, workspace: Workspace | int) -> None:
    """End every session of a login."""
    LoginSession.objects.of(workspace).filter(login=login_id).delete()


def _handed_out(session: LoginSession, surface: str, now: datetime) -> Passes:
    """Fresh tokens; the session is kept with the new end and the only refresh token that renews it."""
    session.expires_at = now + REFRESH_LIFE
    refresh = signed("refresh", session, surface=surface, until=session.expires_at, now=now)
    session.refresh_hash = digest(refresh)
    session.save()
    # Whole seconds: the end that is told is the end that counts. The session's own row decides at every call, so that
    # a revoked one is refused at once.
    until = (now + ACCESS_LIFE).replace(microsecond=0)
    return Passes(session, signed("access", session, surface=surface, until=until, now=now), until, refresh)
