"""Deleting a workspace: asked for on its settings, confirmed by name and password, told on a page outside of it."""

from datetime import datetime

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View

from apps.operations.closing import close_workspace
from apps.web.access import CHOSEN, WorkspacePage

CLOSED = "closed_workspace"  # session key: what the page afterwards tells


class DeleteWorkspace(WorkspacePage):
    """The owner's way out; whoever takes it types the workspace's name, and then their password."""

    section = "settings"
    permission = "workspace.delete"
    obeys_lock = False

    def post(self, request: HttpRequest) -> HttpResponse:
        if " ".join(request.POST.get("name", "").split()) != " ".join(self.workspace.name.split()):
            messages.error(request, f"Nothing was deleted: what you typed is not “{self.workspace.name}”.")
            # To its top, where the sentence is.
            return redirect(self.address("settings"))
        return self._close(request)

    # Where there is no password and no second step, the session has to do.
    @method_decorator(reauthentication_required)
    def _close(self, request: HttpRequest) -> HttpResponse:
        erasure = close_workspace(workspace=self.workspace, actor=self.actor, now=self.now)
        request.session.pop(CHOSEN, None)
        request.session[CLOSED] = {
            "name": self.workspace.name,
            "slug": self.workspace.slug,
            "zone": self.workspace.timezone,
            "erased_at": erasure.due_at.isoformat(),
        }
        return redirect("web:closed")


class Closed(LoginRequiredMixin, View):
    """What has happened to the workspace that was just deleted, and until when it can be brought back."""

    def get(self, request: HttpRequest) -> HttpResponse:
        told = request.session.get(CLOSED)
        if told is None:
            return redirect("web:home")
        erased_at = datetime.fromisoformat(told["erased_at"])
        return render(request, "web/closed.html", {"closed": told, "erased_at": erased_at})
