"""Where a team makes its pages: create, pick and order, access, domain, logo, posts, subscribers."""

import io
import re

import pytest
from PIL import Image

from apps.audit.models import AuditEntry
from apps.statuspages import services
from apps.statuspages.models import StatusComponent, StatusLogo, StatusPage, StatusUpdate, Subscriber
from apps.workspaces.models import Domain
from tests import factories
from tests.apps.web.conftest import Scene, break_down
from tests.apps.web.test_projects import filled


@pytest.fixture
def page(scene: Scene) -> StatusPage:
    made, _ = services.create_page(
        workspace=scene.workspace,
        values={"name": "Acme status", "slug": "acme"},
        projects=[scene.project],
        now=scene.now,
    )
    return made


def at(scene: Scene, page: StatusPage, tail: str = "") -> str:
    return scene.path(f"status-pages/{page.wire_id}{tail}")


def test_a_page_is_made_listed_and_found(scene: Scene) -> None:
    client = scene.client(scene.owner)
    assert "Tell people how things are" in client.get(scene.path("status-pages/")).content.decode()

    made = client.post(
        scene.path("status-pages/new"), {"name": "Acme", "visibility": "public", "projects": ["berlin"]}, follow=True
    )

    page = StatusPage.objects.get()
    assert made.status_code == 200
    assert "Acme is online." in made.content.decode()
    assert [row.project for row in page.components.all()] == [scene.project]
    assert "/status/acme" in client.get(scene.path("status-pages/")).content.decode()
    assert client.get("/status/acme").status_code == 200
    assert AuditEntry.objects.of(scene.workspace).filter(verb="statusPage.create").count() == 1


def test_a_private_pages_token_is_shown_once(scene: Scene) -> None:
    client = scene.client(scene.owner)
    made = client.post(scene.path("status-pages/new"), {"name": "Acme", "visibility": "private_token"})

    (token,) = re.findall(r"spt_[\w-]+", made.content.decode())
    page = StatusPage.objects.get()
    assert token not in client.get(at(scene, page)).content.decode()
    renewed = client.post(at(scene, page, "/token"))
    assert token not in renewed.content.decode()
    assert "spt_" in renewed.content.decode()


def test_bad_input_is_said_beside_the_field_and_changes_nothing(scene: Scene, page: StatusPage) -> None:
    client = scene.client(scene.owner)
    fields = filled(client.get(at(scene, page)).context["form"])

    refused = client.post(at(scene, page), {**fields, "accent": "#ffee00"})
    taken = client.post(scene.path("status-pages/new"), {"name": "x", "slug": "acme", "visibility": "public"})

    assert refused.status_code == taken.status_code == 400
    assert "The nearest that passes is #" in refused.content.decode()
    assert "is taken" in taken.content.decode()
    assert (StatusPage.objects.count(), StatusPage.objects.get().accent) == (1, "")
    assert client.post(at(scene, page), {**fields, "accent": "#2563eb", "days": 30}).status_code == 302
    assert StatusPage.objects.get().days == 30


def test_components_are_added_named_moved_and_removed_without_script(scene: Scene, page: StatusPage) -> None:
    client, path = scene.client(scene.owner), at(scene, page, "/components")
    factories.make_device(scene.project, "Kiosk", now=scene.now, tags=["eu"])

    for added in (f"device:{scene.device.number}", "tag:eu"):
        assert client.post(path, {"act": "add", "add": added}).status_code == 302

    def shown() -> list[str]:
        rows = StatusComponent.objects.of(scene.workspace).select_related("project", "tag", "device")
        return [row.shown_name for row in rows.order_by("position")]

    assert shown() == ["Berlin branch", "Till 1", "eu"]
    last = StatusComponent.objects.order_by("-position").first()
    client.post(path, {"act": f"up:{last.pk}", f"name-{last.pk}": "Europe", f"group-{last.pk}": "Regions"})
    assert shown() == ["Berlin branch", "Europe", "Till 1"]
    first = StatusComponent.objects.order_by("position").first()
    client.post(path, {"act": f"up:{first.pk}"})
    assert shown() == ["Berlin branch", "Europe", "Till 1"]
    first = StatusComponent.objects.order_by("position").first()
    client.post(path, {"act": "save", f"remove-{first.pk}": "1"})
    assert shown() == ["Europe", "Till 1"]


@pytest.mark.parametrize("added", ["project:nowhere", "tag:x", "device:99", "device:" + "9" * 30, "device:x", "x"])
def test_what_is_not_there_cannot_be_shown(scene: Scene, page: StatusPage, added: str) -> None:
    foreign = factories.make_project(factories.make_workspace(), "foreign")

    for what in (added, f"project:{foreign.key}"):
        response = scene.client(scene.owner).post(at(scene, page, "/components"), {"act": "add", "add": what})
        assert response.status_code in {400, 409}
    assert StatusComponent.objects.count() == 1


def test_a_post_is_composed_continued_and_resolved(scene: Scene, page: StatusPage) -> None:
    client, path = scene.client(scene.owner), at(scene, page, "/updates")
    client.post(path, {"status": "investigating", "title": "Slow", "body": "Soon.", "projects": ["berlin"]})
    first = StatusUpdate.objects.get()

    form = client.get(f"{path}?thread={first.thread}&status=resolved").context["form"]
    assert client.post(path, filled(form)).status_code == 302

    second = StatusUpdate.objects.exclude(pk=first.pk).get()
    assert (second.status, second.title, second.thread) == ("resolved", "Slow", first.thread)
    assert client.post(path, {"status": "info", "title": ""}).status_code == 400
    client.post(at(scene, page, f"/updates/{second.wire_id}/delete"))
    assert StatusUpdate.objects.get() == first


def test_a_planned_maintenance_is_continued_with_its_times(scene: Scene, page: StatusPage) -> None:
    client, path = scene.client(scene.owner), at(scene, page, "/updates")
    client.post(
        path,
        {"status": "maintenance", "title": "Upgrade", "starts_at": "2030-01-02T10:00", "ends_at": "2030-01-02T11:00"},
    )
    first = StatusUpdate.objects.get()

    body = client.get(f"{path}?thread={first.thread}").content.decode()

    assert 'value="2030-01-02T10:00"' in body
    assert 'value="2030-01-02T11:00"' in body
    assert (
        client.post(
            path, {"status": "info", "title": "x", "starts_at": "2030-01-02T10:00", "ends_at": "2029-01-01T00:00"}
        ).status_code
        == 400
    )


def test_an_incident_is_told_in_words_for_visitors(scene: Scene, page: StatusPage) -> None:
    incident = break_down(scene.device, at=scene.now, text="connect 10.0.0.7 refused")
    client = scene.client(scene.owner)
    assert "Publish to a status page" in client.get(scene.path(f"incidents/{incident.wire_id}")).content.decode()
    listed = client.get(scene.path(f"status-pages/?incident={incident.wire_id}")).content.decode()
    assert f"/updates?incident={incident.wire_id}" in listed

    form = client.get(at(scene, page, f"/updates?incident={incident.wire_id}")).context["form"]

    assert form.initial["thread"] == incident.wire_id
    assert form.initial["title"] == "Berlin branch is affected"
    assert "10.0.0.7" not in str(form.initial)
    client.post(at(scene, page, "/updates"), filled(form))
    assert StatusUpdate.objects.get().thread == incident.wire_id


def test_a_logo_is_uploaded_served_and_removed(scene: Scene, page: StatusPage) -> None:
    client, out = scene.client(scene.owner), io.BytesIO()
    Image.new("RGB", (300, 100), (1, 2, 3)).save(out, "PNG")
    out.name = "logo.png"
    out.seek(0)

    assert client.post(at(scene, page, "/logo"), {"logo": out}).status_code == 302
    shown = client.get("/status/acme").content.decode()
    logo = client.get("/status/acme/logo.png")
    assert "/status/acme/logo.png?v=" in shown
    assert (logo["Content-Type"], logo.content[:4]) == ("image/png", b"\x89PNG")
    bad = io.BytesIO(b"<svg onload=alert(1)>")
    bad.name = "logo.svg"
    assert client.post(at(scene, page, "/logo"), {"logo": bad}).status_code == 400
    client.post(at(scene, page, "/logo"), {"remove": "1"})
    assert StatusLogo.objects.count() == 0


def test_a_domain_is_claimed_with_its_instructions_and_given_up(scene: Scene, page: StatusPage, settings) -> None:
    settings.PROFILE = "saas"
    client = scene.client(scene.owner)
    client.post(at(scene, page, "/domain"), {"hostname": "status.example.com"})

    body = client.get(at(scene, page)).content.decode()
    assert "_dashmon.status.example.com" in body
    assert Domain.objects.get().proof in body
    assert client.post(at(scene, page, "/domain"), {"hostname": "localhost"}).status_code == 400
    client.post(at(scene, page, "/domain"), {"hostname": ""})
    assert Domain.objects.count() == 0


def test_subscribers_are_seen_and_removed(scene: Scene, page: StatusPage) -> None:
    services.subscribe(page=page, kind=Subscriber.Kind.EMAIL, address="ana@x.example", language="en", now=scene.now)
    Subscriber.objects.update(confirmed_at=scene.now)
    client, row = scene.client(scene.owner), Subscriber.objects.get()

    assert "ana@x.example" in client.get(at(scene, page, "/subscribers")).content.decode()
    assert client.post(at(scene, page, "/subscribers"), {"subscriber": "nobody"}).status_code == 404
    client.post(at(scene, page, "/subscribers"), {"subscriber": str(row.public_id)})
    assert Subscriber.objects.count() == 0


def test_viewers_look_and_strangers_do_not_even_that(scene: Scene, page: StatusPage) -> None:
    viewer, stranger = scene.client(scene.viewer), scene.client(scene.stranger)
    services.subscribe(page=page, kind=Subscriber.Kind.EMAIL, address="ana@x.example", language="en", now=scene.now)

    for tail in ("", "/components", "/updates"):
        assert viewer.get(at(scene, page, tail)).status_code == 200
        assert viewer.post(at(scene, page, tail), {"title": "x"}).status_code == 403
        assert stranger.get(at(scene, page, tail)).status_code == 404
    assert viewer.get(at(scene, page, "/subscribers")).status_code == 403
    for act in ("token", "logo", "domain", "verify", "delete"):
        assert viewer.post(at(scene, page, f"/{act}")).status_code == 403
    elsewhere = scene.stranger.memberships.get().workspace.slug
    assert stranger.get(f"/app/w/{elsewhere}/status-pages/{page.wire_id}").status_code == 404
    assert StatusPage.objects.count() == 1


def test_a_scoped_editor_posts_inside_the_scope_only(scene: Scene, page: StatusPage) -> None:
    other = factories.make_project(scene.workspace, "lisbon", now=scene.now)
    wide, _ = services.create_page(
        workspace=scene.workspace, values={"name": "Both"}, projects=[scene.project, other], now=scene.now
    )
    editor = factories.make_user("ed@example.com")
    factories.make_seat(scene.workspace, "editor", user=editor, projects=[scene.project])
    client, post = scene.client(editor), {"status": "info", "title": "Hello", "projects": ["berlin"]}

    assert client.post(at(scene, page, "/updates"), post).status_code == 302
    assert client.post(at(scene, page, "/updates"), {**post, "projects": ["lisbon"]}).status_code == 400
    assert client.post(at(scene, wide, "/updates"), post).status_code == 404
    assert client.get(scene.path("status-pages/new")).status_code == 403
    assert StatusUpdate.objects.count() == 1


def test_a_free_workspace_has_no_status_pages(scene: Scene, settings) -> None:
    settings.PROFILE = "saas"
    scene.workspace.plan = "free"
    scene.workspace.save()

    response = scene.client(scene.owner).get(scene.path("status-pages/"))

    assert response.status_code == 403
    assert "Premium" in response.content.decode()


def test_a_page_is_deleted(scene: Scene, page: StatusPage) -> None:
    scene.client(scene.owner).post(at(scene, page, "/delete"))

    assert StatusPage.objects.count() == 0
