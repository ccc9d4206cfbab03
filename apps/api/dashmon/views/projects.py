"""Projects (contract Dashmon 5). `/api/stores` is the older name of the same thing."""

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.pagination import Keyset, newest_first, wanted
from apps.api.dashmon.preconditions import ensure_unmodified
from apps.api.dashmon.schema import OK, PAGE, described, wrapped
from apps.api.dashmon.serializers.cards import device_cards, project_cards
from apps.api.dashmon.serializers.devices import DeviceAnswer
from apps.api.dashmon.serializers.projects import ProjectAnswer, ProjectBody, ProjectCardAnswer, ProjectChangeBody
from apps.api.dashmon.serializers.rows import spelled
from apps.api.dashmon.views.base import ApiView
from apps.api.dashmon.views.devices import NewDeviceView
from apps.devices.selectors import devices_of
from apps.operations.monitors import delete_project
from apps.projects.models import Project
from apps.projects.services import create_project, update_project

ProjectEnvelope = wrapped("ProjectEnvelope", project=ProjectAnswer())
NAME_AND_ID = "Project name and Project ID are required"


class ProjectsView(ApiView):
    """All projects with their devices, and new ones."""

    noun = "project"

    @described("Projects with their devices, newest first", answer=ProjectCardAnswer(many=True), query=PAGE)
    def get(self, request: Request) -> Response:
        rows = Project.objects.of(self.workspace).order_by("-created_at", "-id")
        if self.actor.projects is not None:
            rows = rows.filter(pk__in=self.actor.projects)
        projects, cursor = _page(rows, request)
        cards = project_cards(projects, workspace=self.workspace, now=self.now)
        headers = {"X-Next-Cursor": cursor.encode()} if cursor is not None else {}
        return Response(spelled(ProjectCardAnswer, cards), headers=headers)

    @described(
        "Create a project",
        body=ProjectBody,
        answer=ProjectEnvelope,
        also={400: f"`{NAME_AND_ID}`, `Project ID already exists`, or the plan's limit."},
    )
    def post(self, _: Request) -> Response:
        body = self.read(ProjectBody, missing=NAME_AND_ID)
        with transaction.atomic():
            project = create_project(
                workspace=self.workspace,
                key=body.get("id") or None,
                name=body["name"],
                location=body.get("location"),
                notes=body.get("notes"),
                now=self.now,
            )
            self.audit("project.create", project.key, {"name": project.name})
        return Response({self.noun: ProjectAnswer(project).data})


def _page(rows: QuerySet[Project], request: Request) -> tuple[list[Project], Keyset | None]:
    """All of them as the first clients expect, or one page when a limit or a cursor is asked for."""
    if not request.GET.get("limit") and not request.GET.get("cursor"):
        return list(rows), None
    return newest_first(rows, wanted(request.GET))


class ProjectView(ApiView):
    """One project."""

    noun = "project"

    @described("One project with its devices", answer=wrapped("ProjectCardEnvelope", project=ProjectCardAnswer()))
    def get(self, _: Request, project_id: str) -> Response:
        card = project_cards([self.project(project_id)], workspace=self.workspace, now=self.now)[0]
        return Response({self.noun: ProjectCardAnswer(card).data})

    @described(
        "Replace name, location and notes",
        body=ProjectChangeBody,
        answer=ProjectEnvelope,
        also={409: "`conflict`: changed since `If-Unmodified-Since`."},
    )
    def put(self, request: Request, project_id: str) -> Response:
        body = self.read(ProjectChangeBody, missing="Project name is required")
        with transaction.atomic():
            project = self.project(project_id)
            ensure_unmodified(request, Project.objects.of(self.workspace), project.pk)
            changes = {"name": [project.name, body["name"]]} if project.name != body["name"] else {}
            project = update_project(
                project=project,
                name=body["name"],
                location=body.get("location"),
                notes=body.get("notes"),
                now=self.now,
            )
            self.audit("project.update", project.key, changes)
        return Response({self.noun: ProjectAnswer(project).data})

    @described("Delete a project with its devices and their history", answer=OK)
    def delete(self, _: Request, project_id: str) -> Response:
        with transaction.atomic():
            project = self.project(project_id)
            self.audit("project.delete", project.key, {"name": project.name})
            delete_project(project=project, now=self.now)
        return Response({"ok": True})


class ProjectDevicesView(NewDeviceView):
    """The devices of one project; new ones are made here too."""

    @described("Devices of a project", answer=wrapped("DeviceList", devices=DeviceAnswer(many=True)))
    def get(self, _: Request, project_id: str) -> Response:
        project = self.project(project_id)
        rows = devices_of(self.workspace).filter(project=project).order_by("number")
        cards = device_cards(rows, workspace=self.workspace, now=self.now)
        return Response({"devices": spelled(DeviceAnswer, cards)})
