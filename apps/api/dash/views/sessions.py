"""Coming in by the workspace's Dash password, staying, leaving (contract Dash 2)."""

import ipaddress
from uuid import UUID, uuid4

from django.http import HttpRequest
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.auth import SURFACE, find_workspace, host_slug
from apps.api.dash.cookies import drop_passes, refresh_token_of, set_passes
from apps.api.dash.errors import DashError, InvalidRequestError, UnauthorizedError
from apps.api.dash.payloads import Maybe, Strict, said
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done
from apps.common.clock import iso_s
from apps.common.limits import Limit, count
from apps.tokens import logins
from apps.tokens.logins import Passes
from apps.tokens.models import LoginSession
from apps.workspaces.models import Workspace

TOO_MANY = "Too many attempts to sign in. Wait a minute."
# Of one network at the door of one workspace, and at all doors: no tenant uses up what another one has.
LOGIN, LOGIN_ANYWHERE = Limit("dash-login", 5, sentence=TOO_MANY), Limit("dash-login-anywhere", 60, sentence=TOO_MANY)
PERSISTENCE = {"session": False, "persistent": True}


class LoginBody(Strict):
    password: Maybe[str] = None
    persistence: Maybe[str] = None
    # The slug of the workspace, for hosts that belong to none.
    username: Maybe[str] = None


class LoginAnswer(Struct):
    access_token: str
    expires_at: str
    csrf_token: str


class SessionRow(Struct):
    id: str
    expires_at: str
    session_only: bool
    current: bool


class SessionsAnswer(Struct):
    sessions: list[SessionRow]


class LoginView(DashView):
    access = "none"

    @described(
        "Come in with the password of the workspace",
        body=LoginBody,
        answer=LoginAnswer,
        also={
            400: "`invalid_json`, `invalid_persistence`",
            401: "`unauthorized`: the password opens nothing here.",
            429: "`rate_limited`: over 5 a minute from one network.",
        },
    )
    def post(self, _: Request) -> Response:
        network = network_of(self.plain)
        count(LOGIN, f"{network}@{host_slug(self.plain) or ''}", now=self.now)
        count(LOGIN_ANYWHERE, network, now=self.now)
        try:
            body = self.body(LoginBody)
        except InvalidRequestError as error:
            raise DashError("invalid_json", error.message) from error
        persistent = _persistence(said(body.persistence))
        workspace = self._asked(said(body.username) or "")
        login = None if workspace is None else logins.login_of(workspace, SURFACE)
        if not logins.opens(login, said(body.password) or "") or login is None:
            raise UnauthorizedError("invalid credentials")
        passes = logins.open_session(login=login, persistent=persistent, now=self.now)
        if passes is None:
            raise UnauthorizedError("invalid credentials")
        return _handed(self.plain, passes)

    def _asked(self, username: str) -> Workspace | None:
        """The workspace of the host; on the app host the one that is named, else the default one."""
        if username.strip() and host_slug(self.plain) is None:
            return Workspace.objects.filter(slug=username.strip().lower(), closed_at__isnull=True).first()
        return find_workspace(self.plain)


class RefreshView(DashView):
    access = "none"

    @described(
        "Fresh tokens for the same session; the refresh token is used up",
        answer=LoginAnswer,
        also={401: "`unauthorized`: no or another `X-CSRF-Token`, or no live refresh token. The session is over."},
    )
    def post(self, _: Request) -> Response:
        refresh = refresh_token_of(self.plain)
        passes = logins.renew_session(surface=SURFACE, refresh=refresh, host=host_slug(self.plain), now=self.now)
        if passes is None:
            raise UnauthorizedError("refresh token invalid")
        return _handed(self.plain, passes)


class LogoutView(DashView):
    access = "none"

    @described(
        "End the session of the refresh token; one that is dead already is fine",
        status=204,
        also={401: "`unauthorized`: no or another `X-CSRF-Token`."},
    )
    def post(self, _: Request) -> Response:
        refresh = refresh_token_of(self.plain)
        logins.end_session_of_refresh(surface=SURFACE, refresh=refresh)
        return drop_passes(self.plain, done())


class OwnSessionsView(DashView):
    """The sessions of the password that the caller came in with."""

    @property
    def session(self) -> LoginSession:
        if self.caller is None or self.caller.session is None:
            raise UnauthorizedError
        return self.caller.session


class SessionsView(OwnSessionsView):
    @described("The live sessions of the workspace's password", answer=SessionsAnswer)
    def get(self, _: Request) -> Response:
        mine = self.session
        rows = logins.sessions_of(mine.login_id, workspace=self.workspace, now=self.now)
        return Response(
            SessionsAnswer(
                [SessionRow(str(row.sid), iso_s(row.expires_at), not row.persistent, row.pk == mine.pk) for row in rows]
            )
        )

    @described("End every session, this one too", status=204)
    def delete(self, _: Request) -> Response:
        logins.end_sessions(login_id=self.session.login_id, workspace=self.workspace)
        return drop_passes(self.plain, done())


class SessionView(OwnSessionsView):
    @described("End one session; one that is not there is fine", status=204, also={400: "`invalid_session`"})
    def delete(self, _: Request, sid: str) -> Response:
        if not sid.strip():
            raise DashError("invalid_session", "Name a session.")
        mine = self.session
        wanted = mine.sid if sid == "current" else _uuid(sid)
        if wanted is not None:
            logins.end_session(login_id=mine.login_id, workspace=self.workspace, sid=wanted)
        return drop_passes(self.plain, done()) if wanted == mine.sid else done()


def network_of(request: HttpRequest) -> str:
    """The caller's neighbourhood: its /24 of IPv4, its /40 of IPv6."""
    raw = request.META.get("REMOTE_ADDR", "")
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        return str(raw)
    mapped = getattr(address, "ipv4_mapped", None) or address
    length = 24 if mapped.version == 4 else 40
    return str(ipaddress.ip_network((mapped, length), strict=False))


def _handed(request: HttpRequest, passes: Passes) -> Response:
    csrf = str(uuid4())
    response = Response(LoginAnswer(passes.access, iso_s(passes.access_until), csrf))
    return set_passes(request, response, refresh=passes.refresh, csrf=csrf, persistent=passes.session.persistent)


def _persistence(raw: str | None) -> bool:
    found = PERSISTENCE.get((raw or "").strip().lower())
    if found is None:
        raise DashError("invalid_persistence", "persistence must be session or persistent.")
    return found


def _uuid(raw: str) -> UUID | None:
    try:
        return UUID(raw)
    except ValueError:
        return None
