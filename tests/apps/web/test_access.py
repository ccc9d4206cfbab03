import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.devices.models import Device
from apps.projects.services import set_scope
from apps.workspaces.models import Membership
from tests import factories
from tests.apps.web.conftest import Scene, break_down

PAGES = (
    "",
    "monitors/",
    "monitors/new",
    "nodes/",
    "nodes/new",
    "nodes/groups",
    "incidents/",
    "alerts/",
    "alerts/rules/",
    "alerts/rules/new",
    "alerts/workspace/",
    "alerts/routing/berlin",
    "alerts/on-call/",
    "alerts/channels/",
    "alerts/deliveries/",
    "projects/",
    "new-project",
    "projects/berlin",
    "members/",
    "tokens/",
    "settings/",
    "profile/",
    "audit/",
)
WRITES = (
    "New monitor",
    "/acknowledge",
    "Send a test",
    "New project",
    "Test now",
    "Set maintenance",
    "Save routing",
    "Turn off",
    "Add stand-in",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_a_workspace_opens_for_its_owner(scene: Scene, page: str) -> None:
    response = scene.client(scene.owner).get(scene.path(page))

    assert response.status_code == 200
    assert "<h1>" in response.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_workspace_is_not_there(scene: Scene, page: str) -> None:
    foreign = scene.client(scene.stranger).get(scene.path(page))
    nobody = scene.client(scene.stranger).get(f"/app/w/no-such-team/{page}")

    assert foreign.status_code == nobody.status_code == 404
    assert "Shop" not in foreign.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_a_person_who_is_not_signed_in_is_asked_to_sign_in_and_comes_back(scene: Scene, page: str) -> None:
    response = Client().get(scene.path(page))

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("page", ["monitors/new", "alerts/rules/new", "new-project", "tokens/", "audit/"])
def test_a_viewer_may_not_open_pages_that_only_write(scene: Scene, page: str) -> None:
    response = scene.client(scene.viewer).get(scene.path(page))

    assert response.status_code == 403
    assert "Your role does not allow this." in response.content.decode()


def test_a_viewer_sees_no_write_controls(scene: Scene) -> None:
    break_down(scene.device, at=scene.now)
    client = scene.client(scene.viewer)

    for page in (
        "",
        "monitors/",
        "incidents/",
        "alerts/",
        "alerts/rules/",
        "alerts/workspace/",
        "alerts/routing/berlin",
        "alerts/channels/",
        "alerts/deliveries/",
        "projects/",
        "members/",
        f"monitors/{scene.device.public_id}",
    ):
        text = client.get(scene.path(page)).content.decode()
        for word in (
            "New monitor",
            "/acknowledge",
            "Send a test",
            "New project",
            "New rule",
            "Test now",
            "Set maintenance",
            "Save routing",
        ):
            assert word not in text, (page, word)


@pytest.mark.parametrize("act", ["pause", "delete", "test", "renew", "maintenance"])
def test_what_a_viewer_sends_is_refused_and_changes_nothing(scene: Scene, act: str) -> None:
    response = scene.client(scene.viewer).post(scene.monitor(f"/{act}"))

    assert response.status_code == 403
    assert Device.objects.get(pk=scene.device.pk).paused is False
    assert not AuditEntry.objects.of(scene.workspace).filter(verb__startswith="device").exists()


def test_a_seat_limited_to_other_projects_does_not_find_the_monitor(scene: Scene) -> None:
    other = factories.make_project(scene.workspace, "paris")
    seat = Membership.objects.of(scene.workspace).get(user=scene.viewer)
    set_scope(seat=seat, project_keys=[other.key])
    client = scene.client(scene.viewer)

    assert client.get(scene.monitor()).status_code == 404
    assert client.get(scene.path("projects/berlin")).status_code == 404
    assert "Till 1" not in client.get(scene.path("monitors/")).content.decode()


def test_a_form_without_its_token_is_refused(scene: Scene) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(scene.owner)

    response = client.post(scene.monitor("/pause"))

    assert response.status_code == 403
    assert "The form was too old." in response.content.decode()
    assert Device.objects.get(pk=scene.device.pk).paused is False


def test_a_wrong_password_is_said_beside_the_form_and_too_many_tries_have_a_page(scene: Scene) -> None:
    client = Client()
    wrong = {"login": scene.owner.email, "password": "not-the-one"}
    first = client.post("/accounts/login/", wrong)
    assert first.status_code == 200
    assert "field__error" in first.content.decode()

    answers = [client.post("/accounts/login/", wrong) for _ in range(40)]

    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()


def test_signing_in_leads_to_the_page_that_was_asked_for(scene: Scene) -> None:
    client = Client()
    asked = client.get(scene.path("incidents/"))["Location"]
    done = client.post(
        asked, {"login": scene.owner.email, "password": factories.PASSWORD, "next": scene.path("incidents/")}
    )

    assert done["Location"] == scene.path("incidents/")
    assert client.get(scene.path("incidents/")).status_code == 200


def test_the_way_in_leads_to_the_workspace_that_was_open_last(scene: Scene) -> None:
    second = factories.make_workspace(owner=factories.make_user(), name="Second")
    factories.make_seat(second, "viewer", user=scene.owner)
    client = scene.client(scene.owner)

    assert client.get("/app/")["Location"] == scene.path()
    client.get(f"/app/w/{second.slug}/")
    assert client.get("/app/")["Location"] == f"/app/w/{second.slug}/"


def test_times_are_shown_in_the_zone_of_the_person(scene: Scene) -> None:
    incident = break_down(scene.device, at=scene.now.replace(hour=12, minute=0, second=5))
    scene.owner.timezone = "Asia/Tokyo"
    scene.owner.save()

    page = scene.client(scene.owner).get(scene.path(f"incidents/{incident.wire_id}")).content.decode()

    assert "21:00:05" in page


def test_a_workspace_over_its_plan_says_so_and_writes_nothing(scene: Scene, settings: object) -> None:
    settings.PROFILE = "saas"  # type: ignore[attr-defined]  # pytest-django's wrapper
    scene.workspace.limit_overrides = {"devicesPerProject": 0}
    scene.workspace.save()
    client = scene.client(scene.owner)

    assert "Read only" in client.get(scene.path()).content.decode()
    assert client.post(scene.monitor("/pause")).status_code == 403
    assert Device.objects.get(pk=scene.device.pk).paused is False
