"""Tokens, settings, profile and the audit log."""

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.audit.selectors import newest_entries
from apps.common.errors import DomainError
from apps.common.ids import parse_uuid
from apps.incidents.types import Cursor
from apps.notifications.channels import web_push
from apps.notifications.services.browsers import browsers_of
from apps.operations.closing import GRACE
from apps.tokens.models import ApiToken
from apps.tokens.selectors import tokens_of
from apps.tokens.services import create_api_token, revoke_api_token
from apps.web.access import WorkspacePage
from apps.web.context import COOKIE, THEMES
from apps.web.forms.faults import blame
from apps.web.forms.manage import ProfileForm, TokenForm, WorkspaceSettingsForm
from apps.web.paging import read_cursor, write_cursor
from apps.web.presenters import audit as audit_lines
from apps.web.presenters import plans
from apps.workspaces.services import rename_workspace
from apps.workspaces.usage import limits_in_force, plan_of, usage_of

AUDIT_PAGE = 50
YEAR_S = 365 * 24 * 3600


class Tokens(WorkspacePage):
    """Bearer tokens of the API: made, listed by prefix, revoked."""

    section = "tokens"
    permission = "tokens.manage"

    def get(self, *_: Any) -> HttpResponse:
        return self._page(TokenForm())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = TokenForm(self.request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        try:
            token, raw = create_api_token(
                workspace=self.workspace,
                seat=self.seat,
                label=form.cleaned_data["label"],
                access=form.cleaned_data["access"],
                expires_in_days=int(form.cleaned_data["expires"]) if form.cleaned_data["expires"] else None,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error, {"accessLevel": "access", "expiresInDays": "expires"})
            return self._page(form, status=400)
        self.audit("token.create", token.label, {"access": token.access})
        return self._page(TokenForm(), fresh={"token": token, "raw": raw})

    def _page(self, form: TokenForm, *, fresh: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
        rows = [(token, token.is_expired(self.now)) for token in tokens_of(self.workspace)]
        return self.render("web/tokens.html", {"form": form, "fresh": fresh, "tokens": rows}, status=status)


class RevokeToken(WorkspacePage):
    """End a token at once."""

    section = "tokens"
    permission = "tokens.manage"
    obeys_lock = False

    @transaction.atomic
    def post(self, _: Any, token: str) -> HttpResponse:
        row: ApiToken = get_object_or_404(ApiToken.objects.of(self.workspace), public_id=parse_uuid(token))
        revoke_api_token(token=row, now=self.now)
        self.audit("token.revoke", row.label)
        return self.done(f"The token “{row.label}” works no longer.", self.address("tokens"))


class Settings(WorkspacePage):
    """Name and clock of the workspace, plan and limits."""

    section = "settings"
    permission = "projects.read"
    write_permission = "team.manage"

    def get(self, *_: Any) -> HttpResponse:
        initial = {"name": self.workspace.name, "timezone": self.workspace.timezone}
        return self._page(WorkspaceSettingsForm(initial=initial))

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = WorkspaceSettingsForm(self.request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        rename_workspace(workspace=self.workspace, **form.cleaned_data)
        self.audit("workspace.update", self.workspace.name, dict(form.cleaned_data))
        return self.done("Settings saved.", self.address("settings"))

    def _page(self, form: WorkspaceSettingsForm, *, status: int = 200) -> HttpResponse:
        context = {
            "form": form,
            "plan": plan_of(self.workspace, now=self.now),
            "grace": GRACE,
            "erased_at": self.now + GRACE,
            "limits": plans.lines(limits_in_force(self.workspace, now=self.now), usage_of(self.workspace)),
        }
        return self.render("web/settings.html", context, status=status)


class Profile(WorkspacePage):
    """What belongs to the person: name, clock, theme, sign-in."""

    section = "profile"
    permission = "preferences.self"
    obeys_lock = False

    def get(self, *_: Any) -> HttpResponse:
        return self._page(ProfileForm(initial={"name": self.user.name, "timezone": self.user.timezone}))

    def post(self, *_: Any) -> HttpResponse:
        if "theme" in self.request.POST:
            return self._choose_theme(self.request.POST["theme"])
        form = ProfileForm(self.request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        self.user.name, self.user.timezone = form.cleaned_data["name"].strip(), form.cleaned_data["timezone"]
        self.user.save(update_fields=["name", "timezone"])
        return self.done("Profile saved.", self.address("profile"))

    def _choose_theme(self, theme: str) -> HttpResponse:
        response = self.done("Theme chosen.", self.address("profile"))
        chosen = theme if theme in THEMES else "system"
        response.set_cookie(COOKIE, chosen, max_age=YEAR_S, httponly=True, samesite="Lax")
        return response

    def _page(self, form: ProfileForm, *, status: int = 200) -> HttpResponse:
        context = {
            "form": form,
            "themes": THEMES,
            "browsers": browsers_of(self.seat),
            "push_key": web_push.public_key(),
        }
        return self.render("web/profile.html", context, status=status)


class Audit(WorkspacePage):
    """Who changed what, when."""

    section = "audit"
    permission = "team.manage"

    def get(self, *_: Any) -> HttpResponse:
        place = read_cursor(self.request.GET.get("after"))
        found = newest_entries(
            workspace=self.workspace, limit=AUDIT_PAGE + 1, before_id=place.id if place is not None else None
        )
        entries = found[:AUDIT_PAGE]
        end = Cursor(entries[-1].at, entries[-1].pk) if len(found) > AUDIT_PAGE else None
        context = {"lines": [audit_lines.line(entry) for entry in entries], "older": write_cursor(end)}
        return self.render("web/audit.html", context)
