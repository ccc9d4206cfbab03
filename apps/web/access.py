"""Who is looking at which workspace: every page of the product starts here."""

from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views import View

from apps.accounts.models import User
from apps.audit.services import record
from apps.common.errors import DomainError, NotFoundError
from apps.projects.actors import actor_of
from apps.web import errors
from apps.web.navigation import navigation_of
from apps.workspaces.locks import ensure_writable, write_lock
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.permissions import Actor, ensure
from apps.workspaces.selectors import seats_of

CHOSEN = "workspace"  # session key: the slug a person looked at last


def zone_of(user: User, workspace: Workspace) -> ZoneInfo:
    """The zone times are shown in: the person's, else the workspace's."""
    for name in (user.timezone, workspace.timezone):
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return ZoneInfo("UTC")


class WorkspacePage(View):
    """A page under /app/w/<slug>/: signed in, seated, allowed; a foreign slug is simply not there.

    Subclasses name their `section` of the side bar, the permission to look and the one to write.
    """

    section: ClassVar[str] = ""
    permission: ClassVar[str] = "devices.read"
    write_permission: ClassVar[str] = ""
    # Whether a write waits while the workspace is over its plan.
    obeys_lock: ClassVar[bool] = True

    request: HttpRequest
    user: User
    seat: Membership
    workspace: Workspace
    actor: Actor
    now: datetime

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path(), "account_login")
        self.user, self.now = request.user, timezone.now()
        self._seats = seats_of(self.user)
        self._take_seat(kwargs.pop("slug"))
        with timezone.override(zone_of(self.user, self.workspace)):
            try:
                self._ensure_allowed(request)
                return super().dispatch(request, *args, **kwargs)
            except NotFoundError as error:
                raise Http404(error.message) from error
            except DomainError as error:
                return self.refuse(error)

    def _take_seat(self, slug: str) -> None:
        seat = next((seat for seat in self._seats if seat.workspace.slug == slug), None)
        if seat is None:
            raise Http404("There is no such workspace.")
        self.seat, self.workspace = seat, seat.workspace
        self.actor = actor_of(seat, self.user)
        if self.request.session.get(CHOSEN) != slug:
            self.request.session[CHOSEN] = slug

    def _ensure_allowed(self, request: HttpRequest) -> None:
        ensure(self.actor, self.permission)
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            ensure(self.actor, self.write_permission or self.permission)
            if self.waits():
                ensure_writable(self.workspace, now=self.now)

    def waits(self) -> bool:
        """Whether this very write waits while the workspace is over its plan; what makes it smaller never does."""
        return self.obeys_lock

    def refuse(self, error: DomainError) -> HttpResponse:
        """A refusal that no form could show beside a field."""
        return errors.refusal(self.request, error)

    def may(self, permission: str) -> bool:
        """Whether the person may do this somewhere in the workspace; templates hide what they may not."""
        return permission in self.actor.permissions

    def render(self, template: str, context: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
        """A full page in the shell."""
        page = {
            "workspace": self.workspace,
            "section": self.section,
            "now": self.now,
            "permissions": {name.replace(".", "_"): True for name in self.actor.permissions},
            "lock": errors.lock_notice(write_lock(self.workspace, now=self.now)),
            "navigation": navigation_of(self.workspace, self.actor, self._seats),
        }
        return render(self.request, template, page | (context or {}), status=status)

    def audit(self, verb: str, subject: str, changes: dict[str, Any] | None = None) -> None:
        """One line of the trail, in the transaction of the write it tells about."""
        record(
            workspace=self.workspace,
            actor=self.actor.label,
            verb=verb,
            subject=subject,
            at=self.now,
            changes=changes,
        )

    def address(self, name: str, *parts: Any) -> str:
        """The address of a page of this workspace."""
        return reverse(f"web:{name}", args=[self.workspace.slug, *parts])

    def done(self, sentence: str, to: str) -> HttpResponse:
        """After a write: say what happened, and show the place where it shows."""
        messages.success(self.request, sentence)
        return redirect(to)
