"""Members and invitations."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from apps.common.errors import DomainError
from apps.common.ids import parse_uuid
from apps.projects.models import Project, ProjectMember
from apps.projects.services import set_scope
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.manage import ROLES, InviteForm
from apps.workspaces import invitations, services
from apps.workspaces.models import Invitation, Membership
from apps.workspaces.selectors import invitations_of, members_of


class Members(WorkspacePage):
    """Who sits here, in which role, and who is still on the way."""

    section = "members"
    permission = "projects.read"
    write_permission = "team.manage"

    def get(self, *_: Any) -> HttpResponse:
        return self.page(self.blank())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        """Invite somebody; the link is shown once, because e-mail may not be set up."""
        form = InviteForm(self.request.POST, projects=self.projects())
        if not form.is_valid():
            return self.page(form, status=400)
        try:
            invitation, token = invitations.invite(
                workspace=self.workspace,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                project_keys=form.cleaned_data["projects"] or None,
                invited_by=self.user,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error, {"projectIds": "projects"})
            return self.page(form, status=400)
        self.audit("team.invite", invitation.email, {"role": invitation.role})
        link = self.request.build_absolute_uri(reverse("invitation", args=[token]))
        return self.page(self.blank(), fresh={"invitation": invitation, "link": link})

    def blank(self) -> InviteForm:
        return InviteForm(projects=self.projects(), initial={"role": "viewer"})

    def projects(self) -> list[Project]:
        return list(Project.objects.of(self.workspace).order_by("name"))

    def page(self, form: InviteForm, *, fresh: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
        scopes: dict[int, list[Project]] = {}
        for member in ProjectMember.objects.of(self.workspace).select_related("project").order_by("project__name"):
            scopes.setdefault(member.seat_id, []).append(member.project)
        context = {
            "form": form,
            "fresh": fresh,
            "roles": ROLES,
            "projects": self.projects(),
            "seats": [(seat, scopes.get(seat.pk, [])) for seat in members_of(self.workspace)],
            "invitations": [
                row for row in invitations_of(self.workspace) if row.status_at(self.now) == Invitation.Status.PENDING
            ],
        }
        return self.render("web/members.html", context, status=status)


class SeatAct(WorkspacePage):
    """Another role or reach for a seat, or the seat away."""

    section = "members"
    permission = "team.manage"
    # Fewer people is a way out of a full plan.
    obeys_lock = False
    act = ""

    @transaction.atomic
    def post(self, _: Any, number: int) -> HttpResponse:
        seat: Membership = get_object_or_404(
            Membership.objects.of(self.workspace).select_related("user"), number=number, user__isnull=False
        )
        assert seat.user is not None
        email = seat.user.email
        if self.act == "remove":
            services.remove_seat(seat=seat)
            self.audit("team.remove", email)
            return self.done(f"{email} no longer has a seat here.", self.address("members"))
        if self.act == "scope":
            return self._scope(seat, email)
        role = self.request.POST.get("role", "")
        services.change_role(seat=seat, role=role, by=self.actor.role)
        self.audit("team.role", email, {"role": role})
        return self.done(f"{email} is now {role}.", self.address("members"))

    def _scope(self, seat: Membership, email: str) -> HttpResponse:
        """Limit the seat to what is ticked; reaching everything is chosen, never the result of ticking nothing."""
        keys = None if self.request.POST.get("reach") == "all" else self.request.POST.getlist("projects")
        if keys is not None and not keys:
            messages.error(
                self.request, f"Nothing was changed: tick at least one project for {email}, or all projects."
            )
            return redirect(self.address("members"))
        set_scope(seat=seat, project_keys=keys)
        self.audit("team.scope", email, {"projects": keys or "all"})
        return self.done(
            f"{email} now reaches {'all projects' if keys is None else 'what was ticked'}.", self.address("members")
        )


class CancelInvitation(WorkspacePage):
    """Withdraw an invitation that nobody has used yet."""

    section = "members"
    permission = "team.manage"
    obeys_lock = False

    @transaction.atomic
    def post(self, _: Any, invitation: str) -> HttpResponse:
        row = get_object_or_404(Invitation.objects.of(self.workspace), public_id=parse_uuid(invitation))
        invitations.cancel_invitation(invitation=row, now=self.now)
        self.audit("team.invitation.cancel", row.email)
        return self.done(f"The invitation of {row.email} is withdrawn.", self.address("members"))
