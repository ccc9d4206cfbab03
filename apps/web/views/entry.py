"""Pages outside a workspace: landing, first run, invitation, and the way into the app."""

from typing import Any

from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views import View
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.common.errors import DomainError
from apps.operations import sign_up
from apps.operations.seats import join, take_seat
from apps.web import errors
from apps.web.access import CHOSEN
from apps.web.forms.entry import FirstRunForm, InvitedForm, WorkspaceForm
from apps.web.forms.faults import blame
from apps.workspaces.models import Invitation, Membership
from apps.workspaces.selectors import pending_invitation, seats_of

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """The public page; whoever is signed in goes on to the app."""
    if request.user.is_authenticated:
        return redirect("web:home")
    return render(request, "web/landing.html")


class Home(View):
    """To the workspace that was open last, else the person's own, else the offer to make one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect(f"{reverse('account_login')}?next={reverse('web:home')}")
        slugs = [seat.workspace.slug for seat in seats_of(request.user)]
        if not slugs:
            return render(request, "web/no_workspace.html", {"form": WorkspaceForm()})
        chosen = request.session.get(CHOSEN)
        return redirect("web:overview", chosen if chosen in slugs else slugs[0])

    def post(self, request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, User):
            return redirect("account_login")
        form = WorkspaceForm(request.POST)
        if not form.is_valid() or seats_of(request.user):
            return self.get(request)
        workspace = sign_up.open_workspace(owner=request.user, name=form.cleaned_data["name"], now=timezone.now())
        return redirect("web:monitor-new", workspace.slug)


class FirstRun(View):
    """The first account of an installation, by a link that works once."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        if not sign_up.first_run_pending(token, now=timezone.now()):
            raise Http404("This link has been used.")
        return self._page(request, FirstRunForm())

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = FirstRunForm(request.POST)
        if form.is_valid() and _fit_password(form, email=form.cleaned_data["email"]):
            try:
                user = sign_up.complete_first_run(
                    token=token,
                    email=form.cleaned_data["email"],
                    password=form.cleaned_data["password"],
                    workspace_name=form.cleaned_data["workspace"],
                    now=timezone.now(),
                )
            except DomainError as error:
                blame(form, error)
            else:
                login(request, user, backend=BACKEND)
                return redirect("web:monitor-new", seats_of(user)[0].workspace.slug)
        return self._page(request, form, status=400)

    def _page(self, request: HttpRequest, form: FirstRunForm, *, status: int = 200) -> HttpResponse:
        return render(request, "web/first_run.html", {"form": form}, status=status)


class AcceptInvitation(View):
    """Take an offered seat, making an account on the way where there is none."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        invitation = pending_invitation(kwargs["token"], now=timezone.now())
        if invitation is None:
            raise Http404("This invitation has been used, cancelled or has expired.")
        self.invitation: Invitation = invitation
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, token: str) -> HttpResponse:  # noqa: ARG002  # read in dispatch
        return self._page(request, InvitedForm())

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = InvitedForm(request.POST)
        try:
            seat = self._seat(request, form, token)
        except DomainError as error:
            return errors.refusal(request, error)
        if seat is None:
            return self._page(request, form, status=400)
        if not request.user.is_authenticated:
            login(request, seat.user, backend=BACKEND)
        return redirect("web:overview", seat.workspace.slug)

    def _seat(self, request: HttpRequest, form: InvitedForm, token: str) -> Membership | None:
        if isinstance(request.user, User):
            return take_seat(token=token, user=request.user, now=timezone.now())
        if not form.is_valid() or not _fit_password(form, email=self.invitation.email):
            return None
        password, name = form.cleaned_data["password"], form.cleaned_data["name"]
        return join(token=token, password=password, name=name, now=timezone.now())

    def _page(self, request: HttpRequest, form: InvitedForm, *, status: int = 200) -> HttpResponse:
        signed_in = request.user if isinstance(request.user, User) else None
        context = {
            "form": form,
            "invitation": self.invitation,
            "has_account": User.objects.filter(email=self.invitation.email).exists(),
            "other_account": signed_in is not None and signed_in.email != self.invitation.email,
        }
        return render(request, "web/invitation.html", context, status=status)


def _fit_password(form: FirstRunForm | InvitedForm, *, email: str) -> bool:
    """Judge the password as sign-up does; what is wrong stands beside the field."""
    try:
        validate_password(form.cleaned_data["password"], User(email=email))
    except ValidationError as error:
        form.add_error("password", error)
    return form.is_valid()
