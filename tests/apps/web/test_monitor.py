import csv
import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from apps.audit.models import AuditEntry
from apps.checks.models import CheckRequest
from apps.common.values import Observation, SourceRef
from apps.devices.models import Device
from apps.devices.services import set_synthetic
from apps.metrics import services as metrics
from apps.projects.models import MaintenanceWindow
from apps.tokens.models import AgentKey
from apps.tokens.selectors import key_of
from tests import factories
from tests.apps.web.conftest import Scene, break_down, measure


def test_the_page_shows_facts_with_their_window_and_the_open_incident(scene: Scene) -> None:
    measure(scene.device, "up", "up", "up", "down", now=scene.now)
    break_down(scene.device, at=scene.now - timedelta(minutes=4))

    response = scene.client(scene.owner).get(scene.monitor())

    facts = {fact.label: f"{fact.value} {fact.unit}".strip() for fact in response.context["facts"]}
    text = response.content.decode()
    assert facts["p50, 24 h"] == "212 ms"
    assert facts["Uptime, 24 h"].endswith("%")
    assert facts["Uptime, 24 h"] != "100 %"
    assert "Connection refused" in text
    assert "not acknowledged yet" in text
    assert text.count('<use href="#shape-down"/></svg>Down') == 2  # in the heading and in the list of checks


def test_before_the_first_result_nothing_pretends_to_be_known(scene: Scene) -> None:
    text = scene.client(scene.owner).get(scene.monitor()).content.decode()

    assert "First check" in text
    assert "Not checked yet" in text
    assert "100 %" not in text


def test_old_results_are_marked_old(scene: Scene) -> None:
    measure(scene.device, "up", "up", now=scene.now - timedelta(minutes=10))

    assert "old: no result for over two intervals" in scene.client(scene.owner).get(scene.monitor()).content.decode()


def test_the_charts_numbers_are_those_that_were_measured(scene: Scene) -> None:
    measure(scene.device, "up", "up", "down", "up", now=scene.now)

    answer = scene.client(scene.owner).get(scene.monitor("/chart?range=1h")).json()

    assert {value for value in answer["lines"][0]["values"] if value is not None} == {212.0}
    assert [span["status"] for span in answer["spans"]] == ["down"]
    assert len(answer["times"]) == len(answer["lines"][0]["values"]) == len(answer["lines"][1]["values"])


def test_a_range_of_ones_own_is_in_the_address_and_in_the_readers_zone(scene: Scene) -> None:
    measure(scene.device, *["up"] * 30, now=scene.now)
    scene.owner.timezone = "Asia/Tokyo"
    scene.owner.save()
    start = scene.now.astimezone(ZoneInfo("Asia/Tokyo")) - timedelta(minutes=20)
    query = f"from={start:%Y-%m-%dT%H:%M}&to={start + timedelta(minutes=10):%Y-%m-%dT%H:%M}"
    client = scene.client(scene.owner)

    page = client.get(scene.monitor(f"?{query}"))
    answer = client.get(scene.monitor(f"/chart?{page.context['range'].query}")).json()

    first = start.replace(second=0, microsecond=0)
    assert answer["times"][0] <= first.timestamp() < answer["times"][0] + answer["step"]
    assert answer["times"][-1] < (first + timedelta(minutes=10)).timestamp()
    assert page.context["chart"].times[-1] != "now"
    assert not any(current for _, _, current in page.context["ranges"])


@pytest.mark.parametrize(
    "query", ["from=yesterday", "from=2026-03-02T10:00&to=2026-03-01T10:00", "from=0001-01-01T00:00", "to=2026-03-01"]
)
def test_a_range_that_means_nothing_is_said_and_the_usual_one_shown(scene: Scene, query: str) -> None:
    measure(scene.device, "up", "up", now=scene.now)

    page = scene.client(scene.owner).get(scene.monitor(f"?{query}"))

    assert page.status_code == 200
    assert page.context["range"].key == "24h"
    assert page.context["range"].fault in page.content.decode()


def test_the_limit_of_a_monitor_is_on_its_chart(scene: Scene) -> None:
    measure(scene.device, "up", "up", now=scene.now)
    set_synthetic(device=scene.device, document={"degradedMs": 300}, now=scene.now)

    page = scene.client(scene.owner).get(scene.monitor()).content.decode()

    assert page.count("Degraded above 300 ms") == 2  # in the legend and at the line
    assert '<line class="limit"' in page


@pytest.mark.parametrize("tail", ["", "/checks", "/checks.csv", "/edit", "/chart"])
def test_a_monitor_of_another_workspace_is_not_there(scene: Scene, tail: str) -> None:
    slug = scene.stranger.memberships.get().workspace.slug
    client = scene.client(scene.stranger)

    assert client.get(f"/app/w/{slug}/monitors/{scene.device.public_id}{tail}").status_code == 404
    assert client.get(f"/app/w/{slug}/monitors/no-such-thing{tail}").status_code == 404


def test_the_log_goes_back_in_pages(scene: Scene) -> None:
    measure(scene.device, *["up"] * 130, now=scene.now)
    client = scene.client(scene.owner)
    first = client.get(scene.monitor("/checks"))
    second = client.get(scene.monitor(f"/checks?before={first.context['older']}"))

    instants = [check.at for check in [*first.context["checks"], *second.context["checks"]]]
    assert len(instants) == len(set(instants)) == 130
    assert instants == sorted(instants, reverse=True)


def test_test_now_asks_for_a_check_once(scene: Scene) -> None:
    response = scene.client(scene.owner).post(scene.monitor("/test"), follow=True)

    assert CheckRequest.objects.of(scene.workspace).get().device == scene.device
    assert "is being checked now" in response.content.decode()


def test_pausing_and_resuming_say_so_and_are_written_down(scene: Scene) -> None:
    client = scene.client(scene.owner)

    assert "Paused" in client.post(scene.monitor("/pause"), follow=True).content.decode()
    assert Device.objects.get(pk=scene.device.pk).paused is True
    client.post(scene.monitor("/resume"))
    assert Device.objects.get(pk=scene.device.pk).paused is False
    verbs = AuditEntry.objects.of(scene.workspace).order_by("id").values_list("verb", flat=True)
    assert [verb for verb in verbs if verb.startswith("device")] == ["device.pause", "device.resume"]


def test_deleting_names_the_thing_and_takes_it_away(scene: Scene) -> None:
    client = scene.client(scene.owner)
    assert "Delete Till 1" in client.get(scene.monitor()).content.decode()

    response = client.post(scene.monitor("/delete"), follow=True)

    assert "Till 1 is deleted." in response.content.decode()
    assert not Device.objects.filter(pk=scene.device.pk).exists()


def test_maintenance_is_set_replaced_and_ended(scene: Scene) -> None:
    client = scene.client(scene.owner)
    client.post(scene.monitor("/maintenance"), {"starts_at": "", "ends_at": "2099-01-01T10:00", "reason": "Upgrade"})
    window = MaintenanceWindow.objects.of(scene.workspace).get()
    assert window.reason == "Upgrade"
    assert "In maintenance" in client.get(scene.monitor()).content.decode()

    client.post(scene.monitor("/maintenance"), {"clear": "1"})

    assert not MaintenanceWindow.objects.of(scene.workspace).filter(manual=True).exists()
    assert "In maintenance" not in client.get(scene.monitor()).content.decode()


def test_a_silence_for_a_while_ends_by_itself_and_an_exact_end_counts_before_it(scene: Scene) -> None:
    client = scene.client(scene.owner)
    client.post(scene.monitor("/maintenance"), {"lasts": "120", "reason": ""})
    window = MaintenanceWindow.objects.of(scene.workspace).get(manual=True)
    assert window.ends_at is not None
    assert window.ends_at - window.starts_at == timedelta(hours=2)

    client.post(scene.monitor("/maintenance"), {"lasts": "120", "ends_at": "2099-01-01T10:00"})
    assert MaintenanceWindow.objects.of(scene.workspace).get(manual=True).ends_at.year == 2099
    client.post(scene.monitor("/maintenance"), {"lasts": "7"})
    assert MaintenanceWindow.objects.of(scene.workspace).get(manual=True).ends_at.year == 2099


def test_a_window_that_ends_before_it_begins_is_refused(scene: Scene) -> None:
    times = {"starts_at": "2099-01-02T10:00", "ends_at": "2099-01-01T10:00"}
    response = scene.client(scene.owner).post(scene.monitor("/maintenance"), times, follow=True)

    assert "Maintenance was not set" in response.content.decode()
    assert not MaintenanceWindow.objects.of(scene.workspace).exists()


def test_a_heartbeat_shows_its_own_address_to_those_who_may_read_secrets(scene: Scene) -> None:
    heartbeat = factories.make_device(scene.project, "Backup", kind="heartbeat", now=scene.now)
    key = key_of(workspace=scene.workspace, subject=AgentKey.Subject.DEVICE, subject_id=heartbeat.pk)
    assert key is not None
    path = scene.path(f"monitors/{heartbeat.public_id}")

    assert f"/ping/{key.secret}" in scene.client(scene.owner).get(path).content.decode()
    assert key.secret not in scene.client(scene.viewer).get(path).content.decode()

    scene.client(scene.owner).post(f"{path}/renew")
    fresh = key_of(workspace=scene.workspace, subject=AgentKey.Subject.DEVICE, subject_id=heartbeat.pk)
    assert fresh is not None
    assert fresh.secret != key.secret


def test_the_log_is_exported_with_what_was_measured_and_no_formula(scene: Scene) -> None:
    measure(scene.device, "up", "up", "down", now=scene.now)
    row = Observation(
        workspace_id=scene.workspace.pk,
        source=SourceRef(scene.device.ref),
        at=scene.now,
        values={"state": 3, "interval_ms": 60_000},
        detail={"message": "=HYPERLINK(1)"},
    )
    with transaction.atomic():
        metrics.append(rows=[row], now=scene.now)

    response = scene.client(scene.viewer).get(scene.monitor("/checks.csv"))
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))

    assert response["Content-Disposition"] == 'attachment; filename="till-1-checks.csv"'
    assert [row["state"] for row in rows] == ["down", "down", "up", "up"]
    assert rows[0]["message"] == "'=HYPERLINK(1)"
    assert (rows[1]["status_code"], rows[1]["latency_ms"], rows[1]["message"]) == ("503", "", "Connection refused")
    assert (rows[2]["latency_ms"], rows[2]["dns_ms"], rows[2]["ttfb_ms"]) == ("212", "4", "106")
    assert rows[2]["time"] < rows[1]["time"] < rows[0]["time"]
