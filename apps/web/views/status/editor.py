"""Where a team makes its status pages: list, settings, address, access, logo."""

from typing import Any

from django.db import transaction
from django.http import HttpResponse

from apps.common.errors import DomainError, PremiumRequiredError
from apps.common.ids import decode_uuid
from apps.projects.services import projects_by_key
from apps.statuspages import selectors, services
from apps.statuspages.links import public_url, url_of
from apps.statuspages.logos import MOST_BYTES
from apps.statuspages.models import StatusPage
from apps.statuspages.services.domains import RECORD, domain_of
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.status import FIELDS, DomainForm, LogoForm, NewPageForm, PageForm
from apps.web.views.projects import visible_projects
from apps.workspaces.usage import plan_of


class StatusSection(WorkspacePage):
    """What every page of the section begins with: the plan has status pages."""

    section = "status-pages"
    permission = "statusPages.read"
    write_permission = "statusPages.write"

    def _ensure_allowed(self, request: Any) -> None:
        super()._ensure_allowed(request)
        if plan_of(self.workspace, now=self.now) != "premium":
            raise PremiumRequiredError("Status pages need the Premium plan.")

    def page(self, name: str) -> StatusPage:
        """A page of the workspace within reach, else 404."""
        return selectors.page_by_public_id(self.workspace, decode_uuid("sp", name), projects=self.actor.projects)

    def framed(self, template: str, page: StatusPage, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """A page about one status page, with what its head shows."""
        head = {"page": page, "name": page.wire_id, "public_url": public_url(page), "app_url": url_of(page)}
        return self.render(template, head | context, status=status)


class StatusPages(StatusSection):
    """Every page within reach."""

    def get(self, *_: Any) -> HttpResponse:
        pages = list(selectors.pages_of(self.workspace, projects=self.actor.projects).prefetch_related("components"))
        domains = selectors.domains_of(self.workspace, [page.pk for page in pages])
        rows = [(page, domains.get(page.pk), url_of(page)) for page in pages]
        return self.render("web/status_pages.html", {"rows": rows, "incident": self.request.GET.get("incident", "")})


class NewStatusPage(StatusSection):
    """A new page."""

    permission = "statusPages.write"

    def get(self, *_: Any) -> HttpResponse:
        return self._page(NewPageForm(projects=visible_projects(self)))

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = NewPageForm(self.request.POST, projects=visible_projects(self))
        if not form.is_valid():
            return self._page(form, status=400)
        try:
            projects = projects_by_key(workspace=self.workspace, keys=form.cleaned_data["projects"])
            page, token = services.create_page(
                workspace=self.workspace, values=form.values(), projects=projects, now=self.now
            )
        except DomainError as error:
            blame(form, error)
            return self._page(form, status=400)
        self.audit("statusPage.create", page.slug, {"name": page.name, "visibility": page.visibility})
        if token is not None:
            return EditStatusPage.shown(self, page, token=token)
        return self.done(f"{page.name} is online.", self.address("status-components", page.wire_id))

    def _page(self, form: NewPageForm, *, status: int = 200) -> HttpResponse:
        return self.render("web/status_page_new.html", {"form": form}, status=status)


class EditStatusPage(StatusSection):
    """Settings of one page."""

    def get(self, _: Any, page: str) -> HttpResponse:
        return self.shown(self, self.page(page))

    @transaction.atomic
    def post(self, _: Any, page: str) -> HttpResponse:
        row, form = self.page(page), PageForm(self.request.POST)
        if not form.is_valid():
            return self.shown(self, row, form=form, status=400)
        try:
            row, token = services.update_page(page=row, values=form.values(), now=self.now)
        except DomainError as error:
            blame(form, error, FIELDS)
            return self.shown(self, row, form=form, status=400)
        self.audit("statusPage.update", row.slug, {"changed": sorted(form.changed_data)})
        if token is not None:
            return self.shown(self, row, token=token)
        return self.done(f"{row.name} saved.", self.address("status-page", row.wire_id))

    @staticmethod
    def shown(
        view: StatusSection,
        page: StatusPage,
        *,
        form: PageForm | None = None,
        token: str | None = None,
        domain: DomainForm | None = None,
        logo: LogoForm | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """The settings with whatever form was refused; `token` is shown this once."""
        claim = domain_of(page)
        context = {
            "form": form or PageForm(initial={field: getattr(page, field) for field in PageForm.base_fields}),
            "domain_form": domain or DomainForm(initial={"hostname": claim.hostname if claim else ""}),
            "logo_form": logo or LogoForm(),
            "logo": getattr(page, "logo", None),
            "domain": claim,
            "record": f"{RECORD}.{claim.hostname}" if claim else "",
            "token": token,
        }
        return view.framed("web/status_page.html", page, context, status=status)


class StatusPageAct(StatusSection):
    """Another token, another logo, another name, or the end of a page."""

    act = ""

    def waits(self) -> bool:
        # What makes the workspace smaller never waits.
        return self.act != "delete"

    @transaction.atomic
    def post(self, _: Any, page: str) -> HttpResponse:
        answer: HttpResponse = getattr(self, f"_{self.act}")(self.page(page))
        return answer

    def _token(self, page: StatusPage) -> HttpResponse:
        token = services.rotate_token(page=page, now=self.now)
        self.audit("statusPage.token", page.slug)
        return EditStatusPage.shown(self, page, token=token)

    def _delete(self, page: StatusPage) -> HttpResponse:
        self.audit("statusPage.delete", page.slug, {"name": page.name})
        services.delete_page(page=page)
        return self.done(f"{page.name} is gone.", self.address("status-pages"))

    def _logo(self, page: StatusPage) -> HttpResponse:
        if self.request.POST.get("remove"):
            services.drop_logo(page=page, now=self.now)
            return self._saved(page, "The logo is gone.")
        form = LogoForm(self.request.POST, self.request.FILES)
        if not form.is_valid():
            return EditStatusPage.shown(self, page, logo=form, status=400)
        picture: Any = form.cleaned_data["logo"]
        try:
            services.set_logo(page=page, raw=picture.read(MOST_BYTES + 1), now=self.now)
        except DomainError as error:
            blame(form, error)
            return EditStatusPage.shown(self, page, logo=form, status=400)
        return self._saved(page, "The logo is saved.")

    def _domain(self, page: StatusPage) -> HttpResponse:
        form = DomainForm(self.request.POST)
        if not form.is_valid():
            return EditStatusPage.shown(self, page, domain=form, status=400)
        hostname = form.cleaned_data["hostname"].strip()
        if not hostname:
            services.drop_domain(page=page)
            return self._saved(page, "The page has no name of its own.")
        try:
            services.set_domain(page=page, hostname=hostname, now=self.now)
        except DomainError as error:
            blame(form, error, {"customDomain": "hostname"})
            return EditStatusPage.shown(self, page, domain=form, status=400)
        return self._saved(page, f"{hostname} is noted.")

    def _verify(self, page: StatusPage) -> HttpResponse:
        domain = services.verify_domain(page=page, now=self.now)
        proved = domain is not None and domain.verified_at is not None
        sentence = "The name is proved; the page answers there." if proved else "The record was not found yet."
        return self._saved(page, sentence)

    def _saved(self, page: StatusPage, sentence: str) -> HttpResponse:
        self.audit("statusPage.update", page.slug, {"changed": [self.act]})
        return self.done(sentence, self.address("status-page", page.wire_id))
