from typing import Any

import pytest
from django.utils import timezone

from apps.checks.models import CheckRequest
from apps.devices.models import Device
from apps.devices.services import set_synthetic
from apps.projects.models import Project
from tests.apps.web.conftest import Scene

COMMON = {"name": "New one", "project": "berlin", "tags": "tier-1, Shop", "severity": "", "notes": ""}
RHYTHM = {"interval_s": "60", "retries": "2", "retry_interval_s": "30"}
KINDS: dict[str, dict[str, Any]] = {
    "http": {"url": "https://shop.example/health", "method": "GET", "expected": "200-299, 304", "timeout_s": "10",
             "certificate": "on", "follow": "on", "text": "ok"},
    "tcp": {"host": "shop.example", "port": "443", "timeout_s": "8"},
    "ping": {"host": "shop.example"},
    "dns": {"hostname": "shop.example", "record_type": "MX", "match": "exact", "expected": "10 mail.shop.example",
            "resolvers": "system"},
    "heartbeat": {"mode": "cron", "schedule": "30 2 * * *", "timezone": "Europe/Berlin", "grace_min": "10"},
    "tls": {"host": "shop.example", "port": "443", "warn_days": "20", "critical_days": "5"},
    "domain": {"host": "shop.example", "warn_days": "20", "critical_days": "5"},
}  # fmt: skip


def form_of(kind: str, **changed: Any) -> dict[str, Any]:
    return {**COMMON, **({} if kind == "heartbeat" else RHYTHM), **KINDS[kind], **changed}


@pytest.mark.parametrize("kind", KINDS)
def test_a_monitor_of_every_kind_is_made_shown_again_and_saved_unchanged(scene: Scene, kind: str) -> None:
    client = scene.client(scene.owner)
    response = client.post(scene.path(f"monitors/new?kind={kind}"), form_of(kind))
    device = Device.objects.of(scene.workspace).get(name="New one")
    assert response.status_code == 302
    assert device.kind == kind
    assert sorted(device.tags.values_list("text", flat=True)) == ["shop", "tier-1"]
    assert CheckRequest.objects.filter(device=device).exists() is (kind != "heartbeat")
    before = (device.synthetic, device.dns, device.heartbeat, device.url, device.host, device.port, device.interval_s)

    page = client.get(scene.path(f"monitors/{device.public_id}/edit"))
    again = {name: page.context["form"][name].value() for name in page.context["form"].fields}
    sent = {name: value for name, value in again.items() if value not in (None, False)}
    saved = client.post(scene.path(f"monitors/{device.public_id}/edit"), sent)

    device = Device.objects.get(pk=device.pk)
    assert saved.status_code == 302
    after = (device.synthetic, device.dns, device.heartbeat, device.url, device.host, device.port, device.interval_s)
    assert after == before


def test_what_an_http_form_says_becomes_the_document_of_the_check(scene: Scene) -> None:
    scene.client(scene.owner).post(
        scene.path("monitors/new?kind=http"),
        form_of("http", json_path="$.db", json_op="eq", json_value="5", headers="Accept: application/json"),
    )

    document = Device.objects.of(scene.workspace).get(name="New one").synthetic
    assert document is not None
    assert document["request"]["timeoutMs"] == 10_000
    assert document["request"]["headers"] == {"Accept": "application/json"}
    assert [rule["source"] for rule in document["assertions"]] == ["status_code", "body", "json"]
    assert document["assertions"][0]["value"] == ["200-299", 304]
    assert document["assertions"][2]["value"] == 5
    assert document["tls"]["enabled"] is True
    assert document["domain"]["enabled"] is False


def test_assertions_made_over_the_api_survive_the_form(scene: Scene) -> None:
    rule = {"id": "mine", "source": "header", "name": "x-node", "op": "exists"}
    set_synthetic(device=scene.device, document={"assertions": [rule]}, now=timezone.now())
    scene.client(scene.owner).post(scene.monitor("/edit"), form_of("http", name="Till 1"))

    document = Device.objects.get(pk=scene.device.pk).synthetic
    assert document is not None
    assert "mine" in [each["id"] for each in document["assertions"]]


@pytest.mark.parametrize(
    ("kind", "changed", "field", "word"),
    [
        ("http", {"url": "ftp://shop.example"}, "url", "http://"),
        ("http", {"url": "http://169.254.169.254/latest"}, "url", ""),
        ("http", {"expected": "200-29"}, "expected", ""),
        ("http", {"name": ""}, "name", "required"),
        ("tcp", {"port": "99999"}, "port", ""),
        ("dns", {"hostname": "not a name"}, "hostname", ""),
        ("heartbeat", {"schedule": "99 * * * *"}, "schedule", ""),
        ("tls", {"critical_days": "40"}, "critical_days", ""),
        ("ping", {"tags": "bad|tag"}, "tags", ""),
    ],
)
def test_a_bad_value_is_said_beside_its_field_and_nothing_is_made(
    scene: Scene, kind: str, changed: dict[str, str], field: str, word: str
) -> None:
    response = scene.client(scene.owner).post(scene.path(f"monitors/new?kind={kind}"), form_of(kind, **changed))

    assert response.status_code == 400
    assert field in response.context["form"].errors
    assert word in str(response.context["form"].errors[field])
    assert f'id="id_{field}_error"' in response.content.decode()
    assert Device.objects.of(scene.workspace).count() == 1


def test_trying_out_saves_nothing_and_shows_the_answer_when_it_comes(scene: Scene) -> None:
    client = scene.client(scene.owner)
    page = client.post(scene.path("monitors/new?kind=http"), form_of("http", act="test"))
    request = CheckRequest.objects.of(scene.workspace).get(reason="draft")
    assert request.draft["url"] == "https://shop.example/health"
    assert "Testing" in page.content.decode()
    assert Device.objects.of(scene.workspace).count() == 1

    request.result = {
        "status": "down",
        "status_code": 503,
        "message": "Expected 200-299, got 503",
        "latency_us": None,
        "detail": {},
        "phases": {"dns_us": 4000, "connect_us": 11000, "tls_us": None, "ttfb_us": 53000, "total_us": 70000},
    }
    request.done_at = timezone.now()
    request.save()
    fragment = client.get(scene.path(f"monitors/trials/{request.public_id}")).content.decode()
    again = client.post(
        scene.path("monitors/new?kind=http"), form_of("http", act="result", trial=str(request.public_id))
    )

    for text in (fragment, again.content.decode()):
        assert "Would be down" in text
        assert "Expected 200-299, got 503" in text
        assert 'hx-trigger="load' not in text
    assert 'value="https://shop.example/health"' in again.content.decode()


def test_a_try_out_of_another_workspace_is_not_there(scene: Scene) -> None:
    client = scene.client(scene.owner)
    client.post(scene.path("monitors/new?kind=http"), form_of("http", act="test"))
    request = CheckRequest.objects.of(scene.workspace).get(reason="draft")
    slug = scene.stranger.memberships.get().workspace.slug

    assert scene.client(scene.stranger).get(f"/app/w/{slug}/monitors/trials/{request.public_id}").status_code == 404


def test_the_first_monitor_brings_its_project_along(scene: Scene) -> None:
    slug = scene.stranger.memberships.get().workspace.slug
    client = scene.client(scene.stranger)
    page = client.get(f"/app/w/{slug}/monitors/new").content.decode()
    assert "A first project, made along with this" in page
    assert not Project.objects.of(scene.stranger.memberships.get().workspace_id).exists()

    client.post(f"/app/w/{slug}/monitors/new?kind=ping", form_of("ping", project=""))

    project = Project.objects.of(scene.stranger.memberships.get().workspace_id).get()
    assert Device.objects.get(project=project).name == "New one"


def test_a_kind_that_needs_premium_says_so_and_is_not_made(scene: Scene, settings: Any) -> None:
    settings.PROFILE = "saas"
    scene.workspace.plan = "free"
    scene.workspace.limit_overrides = {"devicesPerProject": 5, "members": 5}
    scene.workspace.save()

    response = scene.client(scene.owner).post(scene.path("monitors/new?kind=dns"), form_of("dns", interval_s="7200"))

    assert response.status_code == 400
    assert "Premium" in response.content.decode()
    assert Device.objects.of(scene.workspace).count() == 1
