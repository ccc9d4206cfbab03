"""The password that opens the workspace to Dash's own front end, and who came in with it."""

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpResponse

from apps.common.errors import DomainError
from apps.operations.addresses import base_url, workspace_url
from apps.tokens.logins import end_sessions, login_of, sessions_of, set_login_password
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.workspaces.selectors import default_workspace

SURFACE = "dash"


class PasswordForm(forms.Form):
    """A new password; its rules are the domain's."""

    password = forms.CharField(
        label="New password",
        strip=False,
        help_text="At least 8 visible characters without spaces. Everybody who is signed in has to come in anew.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class DashAccess(WorkspacePage):
    """Set the password, see the sessions it opened."""

    section = "settings"
    permission = "tokens.manage"
    obeys_lock = False

    def get(self, *_: Any) -> HttpResponse:
        return self._page(PasswordForm())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = PasswordForm(self.request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        password = form.cleaned_data["password"]
        try:
            set_login_password(workspace=self.workspace, surface=SURFACE, password=password, now=self.now)
        except DomainError as error:
            blame(form, error)
            return self._page(form, status=400)
        self.audit("login.password", SURFACE)
        return self.done("The new password counts from now on.", self.address("dash-access"))

    def _page(self, form: PasswordForm, *, status: int = 200) -> HttpResponse:
        login = login_of(self.workspace, SURFACE)
        found = [] if login is None else sessions_of(login.pk, workspace=self.workspace, now=self.now)
        is_default = default_workspace() == self.workspace
        context = {
            "form": form,
            "login": login,
            "sessions": found,
            "front": base_url() if is_default else workspace_url(self.workspace),
        }
        return self.render("web/dash_access.html", context, status=status)


class EndDashSessions(WorkspacePage):
    """Everybody who came in with the password is out."""

    section = "settings"
    permission = "tokens.manage"
    obeys_lock = False

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        login = login_of(self.workspace, SURFACE)
        if login is not None:
            end_sessions(login_id=login.pk, workspace=self.workspace)
            self.audit("login.end_sessions", SURFACE)
        return self.done("Nobody is signed in to Dash any more.", self.address("dash-access"))
