"""Who may read /metrics and the operator's page, and what the page says."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from apps.checks.models import ShardCursor
from apps.common import storage
from apps.common.clock import epoch_ms, iso_ms
from apps.notifications.models import Channel, Delivery
from apps.operations.models import ProcessReport
from apps.operations.storage import measure_storage
from apps.web import installation
from apps.web.presenters import operator as presenter
from apps.web.presenters.operator import operator_view
from tests import factories
from tests.apps.web.conftest import Scene
from tests.apps.web.test_exposition import NOW, QUEUES, process
from tests.apps.web.test_exposition import installation as seen_as

LOCAL = {"Host": "127.0.0.1:8000"}
TOKEN = "a-long-token-of-the-operator"


def ask(client: Client, *, peer: str = "127.0.0.1", **headers: str) -> Any:
    return client.get("/metrics", headers=LOCAL | headers, REMOTE_ADDR=peer)


# --- /metrics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_this_machine_reads_metrics_without_a_token(db, client: Client, peer: str, host: str) -> None:
    response = ask(client, peer=peer, Host=host)

    assert (response.status_code, response["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"\ndashmon_check_lag_seconds 0.0\n" in response.content
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=203.0.113.7"},
        {"X-Real-IP": "203.0.113.7"},
        {"Via": "1.1 proxy"},
        {"Host": "watch.example"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
    ],
)
def test_a_proxied_request_is_not_this_machines_and_a_wrong_token_counts_nowhere(
    db, client: Client, settings: Any, headers: dict[str, str]
) -> None:
    settings.BASE_URL, settings.OPERATOR_TOKEN = "https://watch.example", TOKEN

    response = ask(client, **headers)

    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="operator"')
    assert b"dashmon_" not in response.content


def test_a_trusted_proxy_on_this_machine_does_not_open_metrics(db, client: Client, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    # Even when it says that the caller is this machine: whoever can make it say so would be let in.
    assert ask(client, **{"X-Forwarded-For": "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize(
    ("profile", "peer"), [("self_hosted", "203.0.113.7"), ("self_hosted", "10.0.0.1"), ("saas", "::1")]
)
def test_from_elsewhere_and_in_saas_only_the_token_counts(
    db, client: Client, settings: Any, profile: str, peer: str
) -> None:
    settings.PROFILE, settings.OPERATOR_TOKEN = profile, TOKEN

    assert ask(client, peer=peer).status_code == 401
    assert ask(client, peer=peer, Authorization=f"Bearer {TOKEN}x").status_code == 401
    assert ask(client, peer=peer, Authorization=f"Bearer {TOKEN}").status_code == 200


def test_without_a_token_set_no_token_is_right(db, client: Client, settings: Any) -> None:
    settings.OPERATOR_TOKEN = ""

    for shown in ("Bearer ", "Bearer", "Bearer x"):
        assert ask(client, peer="203.0.113.7", Authorization=shown).status_code == 401


def test_only_the_app_host_has_them(db, client: Client) -> None:
    factories.make_workspace(name="acme")

    for path in ("/metrics", "/operator/"):
        assert client.get(path, headers={"Host": "acme.localhost"}).status_code == 404


def test_metrics_say_503_when_the_database_is_gone(db, client: Client, monkeypatch) -> None:
    def gone(*_: Any) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(installation, "schedule_figures", gone)
        response = ask(client)

    assert (response.status_code, response.content) == (503, b"The database is not available.\n")


def test_a_scrape_costs_few_statements_and_the_next_ones_none(
    db, client: Client, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(24):
        ask(client)
    with django_assert_max_num_queries(1):
        ask(client)


# --- The page -----------------------------------------------------------------------------------------


def operator_of(scene: Scene) -> Client:
    scene.owner.is_staff = True
    scene.owner.save()
    return scene.client(scene.owner)


def test_the_page_is_the_operators_alone(scene: Scene) -> None:
    assert Client().get("/operator/")["Location"] == "/accounts/login/?next=/operator/"
    # An owner of a workspace is not the operator.
    assert scene.client(scene.owner).get("/operator/").status_code == 404
    assert scene.client(scene.viewer).get("/operator/").status_code == 404
    assert operator_of(scene).get("/operator/").status_code == 200


def test_the_way_to_the_page_is_shown_to_the_operator_only(scene: Scene) -> None:
    assert 'href="/operator/"' not in scene.client(scene.owner).get(scene.path()).content.decode()
    assert 'href="/operator/"' in operator_of(scene).get(scene.path()).content.decode()


def test_a_fresh_installation_says_so(scene: Scene) -> None:
    page = operator_of(scene).get("/operator/").content.decode()

    for words in (
        "Nothing runs",
        "No process has reported yet",
        "No step has run yet",
        "Not measured yet",
        "No event is stuck",
    ):
        assert words in page


def test_the_page_names_processes_tables_and_faults_without_recipients(scene: Scene) -> None:
    now = timezone.now()
    ProcessReport.objects.create(
        id=uuid4(),
        kind="worker",
        host="one.example",
        pid=4711,
        version="9.9",
        started_at=now,
        seen_at=now,
        slots=256,
        counters={"step_runs/seal": 3, "step_failures/seal": 1},
        marks={"seal": epoch_ms(now)},
    )
    measure_storage(now=now)
    Delivery.objects.create(
        workspace=scene.workspace,
        kind="email",
        event_name="incident.opened",
        recipient="secret@example.com",
        recipient_key="a",
        dedupe_key="a",
        created_at=now,
        status="failed",
        result="550 No such user",
    )
    Channel.objects.create(
        workspace=scene.workspace,
        number=1,
        key="ch_hook",
        kind="webhook",
        created_at=now,
        failing_since=now,
        last_error="Answered 500.",
    )

    page = operator_of(scene).get("/operator/").content.decode()

    for words in (
        "Worker 4711 on one.example",
        "0 of 256",
        "Everything keeps up",
        "incidents_incident",
        "550 No such user",
        "Channel fails",
        "Answered 500.",
        scene.workspace.slug,
    ):
        assert words in page
    assert "secret@example.com" not in page


def test_a_stalled_schedule_is_said_with_what_to_do(scene: Scene) -> None:
    ShardCursor.objects.create(shard=0, cursor_ms=epoch_ms(timezone.now() - timedelta(minutes=5)))

    page = operator_of(scene).get("/operator/").content.decode()

    assert "Checks run late." in page
    assert "Everything keeps up" not in page


def test_what_is_behind_comes_first_with_its_cure() -> None:
    view = operator_view(seen_as(), [])

    assert view.queues[0].name == "Messages to send"
    assert [name for name, _ in view.cures] == ["Messages to send"]
    assert {row.name: row.leases for row in view.queues}["Due checks"] == "2, 1 expired"


def test_a_silent_process_is_not_one_that_runs() -> None:
    gone = process("worker")
    gone.seen_at = NOW - timedelta(minutes=1)

    view = operator_view(seen_as(processes=[gone]), [])

    assert [(row.state, row.word) for row in view.processes] == [("down", "Silent")]
    assert view.cures[0][0] == "Nothing runs"


def test_every_queue_there_is_has_words(db, now) -> None:
    names = {queue.name for queue in installation.installation.get(now).queues}

    assert names == set(presenter.QUEUES)
    assert {queue.name for queue in QUEUES} <= names


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "—"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (96_400_000, "96 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_in_words(count: int | None, text: str) -> None:
    assert presenter.size(count) == text


def test_a_disk_that_is_full_is_the_first_thing_said(scene: Scene, client: Client) -> None:
    now = timezone.now()
    storage.note(OperationalError("database or disk is full"), now=now)
    assert client.get("/api/health").json() | {"time": ""} == {
        "ok": True,
        "service": "dashmon",
        "time": "",
        "version": settings.VERSION,
        "status": "degraded",
        "checks": {
            "db": "ok",
            **{name: {"lagMs": 0} for name in ("scheduler", "events", "escalations", "deliveries")},
            "storage": {"writable": False, "since": iso_ms(now)},
        },
    }

    view = operator_view(seen_as(processes=[]), [], storage.trouble(now))
    assert view.cures[0][0] == "Nothing can be written"
    assert "database or disk is full" in view.cures[0][1]
    storage.forget()
    assert client.get("/api/health").json()["checks"]["storage"] == {"writable": True}
