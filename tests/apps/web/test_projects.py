from datetime import timedelta

import pytest
from django.forms import Form

from apps.audit.models import AuditEntry
from apps.devices.models import Device
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.web.conftest import Scene


def filled(form: Form) -> dict[str, object]:
    """What a browser sends back for a form nobody has touched."""
    values = {bound.html_name: bound.value() for bound in form}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def move(scene: Scene, key: str) -> int:
    """Save the monitor's own form with another project."""
    client = scene.client(scene.owner)
    fields = filled(client.get(scene.monitor("/edit")).context["form"])
    return client.post(scene.monitor("/edit"), {**fields, "project": key}).status_code


def test_a_monitor_moves_when_its_form_names_another_project(scene: Scene) -> None:
    hamburg = factories.make_project(scene.workspace, "hamburg", now=scene.now)

    assert move(scene, "hamburg") == 302

    assert Device.objects.get(pk=scene.device.pk).project == hamburg
    entry = AuditEntry.objects.of(scene.workspace).filter(verb="device.update").get()
    assert entry.changes == {"project": "hamburg"}


def test_saving_without_another_project_moves_nothing(scene: Scene) -> None:
    assert move(scene, "berlin") == 302

    assert Device.objects.get(pk=scene.device.pk).project == scene.project
    assert AuditEntry.objects.of(scene.workspace).filter(verb="device.update").get().changes == {}


def test_a_project_out_of_reach_takes_no_monitor(scene: Scene) -> None:
    factories.make_project(scene.workspace, "hamburg", now=scene.now)
    editor = factories.make_user("ed@example.com")
    factories.make_seat(scene.workspace, "editor", user=editor, projects=[scene.project])
    client = scene.client(editor)
    fields = filled(client.get(scene.monitor("/edit")).context["form"])

    assert client.post(scene.monitor("/edit"), {**fields, "project": "hamburg"}).status_code == 400
    assert Device.objects.get(pk=scene.device.pk).project == scene.project


def test_a_project_goes_with_its_monitors_once_its_name_is_typed(scene: Scene) -> None:
    client = scene.client(scene.owner)
    assert "Also deletes 1 monitor " in client.get(scene.path("projects/berlin")).content.decode()

    refused = client.post(scene.path("projects/berlin/delete"), {"name": "berlin"}, follow=True)
    assert "Nothing was deleted" in refused.content.decode()
    assert Device.objects.filter(pk=scene.device.pk).exists()

    done = client.post(scene.path("projects/berlin/delete"), {"name": " Berlin  branch "}, follow=True)
    assert "Project Berlin branch is deleted." in done.content.decode()
    assert not Project.objects.of(scene.workspace).exists()
    assert not Device.objects.filter(pk=scene.device.pk).exists()
    assert AuditEntry.objects.of(scene.workspace).filter(verb="project.delete").exists()


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_who_may_not_delete_projects_neither_sees_nor_does_it(scene: Scene, role: str) -> None:
    person = factories.make_user()
    factories.make_seat(scene.workspace, role, user=person)
    client = scene.client(person)

    assert "Delete project" not in client.get(scene.path("projects/berlin")).content.decode()
    assert client.post(scene.path("projects/berlin/delete"), {"name": "Berlin branch"}).status_code == 403
    assert Project.objects.of(scene.workspace).exists()


def test_a_workspace_over_its_plan_is_let_out_by_deleting(scene: Scene) -> None:
    for number in range(20):
        factories.make_device(scene.project, f"Monitor {number}", now=scene.now - timedelta(days=1))
    other = factories.make_project(scene.workspace, "hamburg", now=scene.now)
    Workspace.objects.filter(pk=scene.workspace.pk).update(plan="free")
    client = scene.client(scene.owner)
    last = Device.objects.of(scene.workspace).order_by("-id").first()
    assert last is not None

    assert client.post(scene.monitor("/pause")).status_code == 403
    assert client.post(scene.monitor("/delete")).status_code == 302
    client.post(scene.path("monitors/"), {"act": "delete", "pick": [str(last.public_id)]})
    client.post(scene.path(f"projects/{other.key}/delete"), {"name": other.name})

    assert Device.objects.of(scene.workspace).count() == 19
    assert not Project.objects.filter(pk=other.pk).exists()
