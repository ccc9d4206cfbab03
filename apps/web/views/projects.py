"""Projects: list, new, edit, maintenance, delete."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from apps.common.errors import DomainError
from apps.devices.selectors import devices_of, standings
from apps.operations.monitors import delete_project
from apps.projects.models import Project
from apps.projects.services import create_project, update_project
from apps.projects.windows import Target, manual_windows
from apps.web import maintenance
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.manage import MaintenanceForm, ProjectForm
from apps.web.presenters import projects as presenter


class Projects(WorkspacePage):
    """Every project within reach, worst first."""

    section = "projects"
    permission = "projects.read"

    def get(self, *_: Any) -> HttpResponse:
        projects = visible_projects(self)
        devices = list(devices_of(self.workspace, projects=self.actor.projects))
        shown = standings(devices, workspace_id=self.workspace.pk, now=self.now)
        return self.render("web/projects.html", {"rows": presenter.rows(projects, devices, shown)})


def visible_projects(page: WorkspacePage) -> list[Project]:
    """The projects an actor reaches, by name."""
    rows = Project.objects.of(page.workspace)
    if page.actor.projects is not None:
        rows = rows.filter(pk__in=page.actor.projects)
    return list(rows.order_by("name", "id"))


class NewProject(WorkspacePage):
    """A new project."""

    section = "projects"
    permission = "projects.create"

    def get(self, *_: Any) -> HttpResponse:
        return self._page(ProjectForm())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = ProjectForm(self.request.POST)
        if not form.is_valid():
            return self._page(form, status=400)
        data = form.cleaned_data
        try:
            project = create_project(
                workspace=self.workspace,
                name=data["name"],
                location=data["location"] or None,
                notes=data["notes"] or None,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error)
            return self._page(form, status=400)
        self.audit("project.create", project.name)
        return self.done(f"Project {project.name} created.", self.address("projects"))

    def _page(self, form: ProjectForm, *, status: int = 200) -> HttpResponse:
        return self.render("web/project_form.html", {"form": form, "project": None}, status=status)


class ProjectPage(WorkspacePage):
    """What every page about one project begins with."""

    section = "projects"
    permission = "projects.read"
    write_permission = "projects.update"

    def project(self, key: str) -> Project:
        project: Project = get_object_or_404(Project.objects.of(self.workspace), key=key)
        if not self.actor.reaches(project.pk):
            return get_object_or_404(Project.objects.none(), key=key)
        return project

    def page(
        self, project: Project, form: ProjectForm, *, silence: MaintenanceForm | None = None, status: int = 200
    ) -> HttpResponse:
        _, windows = manual_windows(workspace_id=self.workspace.pk, kind="device", subjects=[], projects=[project.pk])
        context = {
            "form": form,
            "project": project,
            "window": windows.get(project.pk),
            "silence": silence or MaintenanceForm(),
            "silence_action": self.address("project-maintenance", project.key),
            "devices": devices_of(self.workspace).filter(project=project).count(),
        }
        return self.render("web/project_form.html", context, status=status)


class EditProject(ProjectPage):
    """Name, place, notes and the maintenance of a project."""

    def get(self, _: Any, key: str) -> HttpResponse:
        project = self.project(key)
        initial = {"name": project.name, "location": project.location, "notes": project.notes}
        return self.page(project, ProjectForm(initial=initial))

    @transaction.atomic
    def post(self, _: Any, key: str) -> HttpResponse:
        project, form = self.project(key), ProjectForm(self.request.POST)
        if not form.is_valid():
            return self.page(project, form, status=400)
        data = form.cleaned_data
        try:
            update_project(
                project=project,
                name=data["name"],
                location=data["location"] or None,
                notes=data["notes"] or None,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error)
            return self.page(project, form, status=400)
        self.audit("project.update", project.name)
        return self.done(f"Project {project.name} saved.", self.address("project", project.key))


class DeleteProject(ProjectPage):
    """The end of a project, its monitors and their history; whoever does it types its name first."""

    permission = "projects.delete"
    write_permission = "projects.delete"
    # Fewer monitors is a way out of a full plan.
    obeys_lock = False

    @transaction.atomic
    def post(self, _: Any, key: str) -> HttpResponse:
        project = self.project(key)
        if " ".join(self.request.POST.get("name", "").split()) != " ".join(project.name.split()):
            messages.error(self.request, f"Nothing was deleted: what you typed is not “{project.name}”.")
            return redirect(f"{self.address('project', key)}#delete")
        self.audit("project.delete", project.name)
        delete_project(project=project, now=self.now)
        return self.done(f"Project {project.name} is deleted.", self.address("projects"))


class ProjectMaintenance(ProjectPage):
    """Silence a whole project, or end that."""

    write_permission = "maintenance.write"

    @transaction.atomic
    def post(self, _: Any, key: str) -> HttpResponse:
        project = self.project(key)
        target = Target(self.workspace.pk, project=project)
        form = MaintenanceForm(self.request.POST)
        sentence = maintenance.change(self, target=target, subject=project.name, form=form)
        if sentence is None:
            initial = {"name": project.name, "location": project.location, "notes": project.notes}
            return self.page(project, ProjectForm(initial=initial), silence=form, status=400)
        return self.done(sentence, self.address("project", project.key))
