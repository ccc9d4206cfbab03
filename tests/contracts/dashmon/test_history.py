"""History (contract Dashmon 6), with results that came through the pipeline."""

from datetime import datetime, timedelta

import pytest

from apps.devices.models import Device
from apps.devices.state import Outcome
from apps.metrics import services as metrics
from apps.metrics.models import Source
from apps.pipeline.services import submit
from apps.pipeline.types import DeviceFact
from apps.projects.windows import Target, set_window
from tests.contracts.dashmon.conftest import refused


def store(device: Device, at: datetime, status: str = "up", latency_us: int | None = 41_000, **values: int) -> None:
    """One finished check."""
    cause = "" if status != "down" else "timeout"
    fact = DeviceFact(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        at=at,
        outcome=Outcome(at=at, status=status, cause=cause),
        values={"latency_us": latency_us, "interval_ms": 900_000, **values},
        detail={} if status == "up" else {"reason": cause, "error": cause},
    )
    submit(observations=[fact], now=at)


@pytest.fixture
def quarters(device, clock) -> list[datetime]:
    """Four results, a quarter of an hour apart, ending now."""
    instants = [clock.now - timedelta(minutes=15 * back) for back in (3, 2, 1, 0)]
    store(device, instants[0], total_us=42_000, dns_us=1_500, **{"http.status": 200})
    store(device, instants[1], latency_us=60_500)
    store(device, instants[2], "down", latency_us=None)
    store(device, instants[3])
    return instants


def test_rows_are_oldest_first(api, device, quarters) -> None:
    rows = api("GET", f"/api/devices/{device.public_id}/history").json()["history"]

    assert [row["ts"] for row in rows] == [
        "2026-03-02T09:15:00.000Z",
        "2026-03-02T09:30:00.000Z",
        "2026-03-02T09:45:00.000Z",
        "2026-03-02T10:00:00.000Z",
    ]
    assert [row["status"] for row in rows] == ["up", "up", "down", "up"]
    assert [row["latency_ms"] for row in rows] == [41, 60.5, None, 41]
    assert rows[0]["status_code"] == 200
    assert rows[0]["detail"]["phases"] == {"dns": 1.5, "connect": None, "tls": None, "ttfb": None, "total": 42}
    assert rows[2]["detail"] == {"reason": "timeout", "error": "timeout"}


@pytest.mark.parametrize("sealed", [False, True])
def test_phases_are_told_to_a_tenth_of_a_millisecond_and_the_whole_exactly(api, device, clock, sealed) -> None:
    phases = {"dns_us": 1_249, "connect_us": 12_050, "tls_us": 49, "ttfb_us": 49_951}
    store(device, clock.now, latency_us=63_417, total_us=63_417, **phases)
    if sealed:
        Source.objects.update(due_ms=0)
        assert metrics.seal_due(now=clock.now + timedelta(hours=1)).rows == 1

    (row,) = api("GET", f"/api/devices/{device.public_id}/history").json()["history"]

    assert row["latency_ms"] == 63.417
    assert row["detail"]["phases"] == {"dns": 1.2, "connect": 12.1, "tls": 0, "ttfb": 50, "total": 63.417}


@pytest.mark.parametrize(
    ("query", "count"),
    [("limit=2", 2), ("limit=1.9", 1), ("limit=9999", 4), ("range=24h", 4), ("limit=3&range=7d", 3), ("limit=", 4)],
)
def test_the_newest_rows_are_taken(api, device, quarters, query, count) -> None:
    rows = api("GET", f"/api/devices/{device.public_id}/history?{query}").json()["history"]

    assert len(rows) == count
    assert rows[-1]["ts"] == "2026-03-02T10:00:00.000Z"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("limit=0", "limit must be a positive number"),
        ("limit=-1", "limit must be a positive number"),
        ("limit=many", "limit must be a positive number"),
        ("limit=NaN", "limit must be a positive number"),
        ("range=90d", "range must be one of 24h,7d,30d"),
        ("resolution=5m", "resolution must be one of raw,1m,1h,1d"),
        ("from=yesterday", "from must be an ISO datetime"),
        ("to=2026-03-02T10:00:00", "to must be an ISO datetime"),
        ("from=2026-03-02T10:00:00Z&to=2026-03-02T09:00:00Z", "from must be before to"),
    ],
)
def test_a_bad_question_is_400(api, device, query, error) -> None:
    refused(api("GET", f"/api/devices/{device.public_id}/history?{query}"), 400, "validation_error", error)


def test_from_and_to_bound_the_rows(api, device, quarters) -> None:
    query = "from=2026-03-02T09:30:00Z&to=2026-03-02T10:45:00%2B01:00"

    rows = api("GET", f"/api/devices/{device.public_id}/history?{query}").json()["history"]

    assert [row["ts"][11:16] for row in rows] == ["09:30", "09:45"]


def test_the_last_check_shows_in_the_device(api, project, device, quarters) -> None:
    shown = api("GET", "/api/projects").json()[0]["devices"][0]
    assert (shown["last_check"], shown["packet_loss"], shown["status"]) == ("2026-03-02T10:00:00.000Z", 0, "up")

    store(device, quarters[-1] + timedelta(minutes=15), "down", latency_us=None)

    shown = api("GET", "/api/projects").json()[0]["devices"][0]
    assert (shown["packet_loss"], shown["status"]) == (100, "down")


def test_the_details_count_uptime(api, device, quarters, clock) -> None:
    clock.forward(minutes=15)

    uptime = api("GET", f"/api/projects/berlin-01/devices/{device.public_id}").json()["device"]["uptime"]

    assert uptime == {"24h": 75.0, "7d": 75.0, "30d": 75.0}


def test_results_inside_a_window_say_maintenance_and_what_was_measured(api, device, quarters, clock) -> None:
    set_window(
        target=Target(workspace_id=device.workspace_id, ref=device.ref),
        starts_at=quarters[2],
        ends_at=quarters[2] + timedelta(minutes=5),
        now=clock.now,
    )

    row = api("GET", f"/api/devices/{device.public_id}/history").json()["history"][2]

    assert (row["status"], row["detail"]["real"]) == ("maintenance", "down")


def test_free_sees_seven_days(api, workspace, device, clock) -> None:
    store(device, clock.now - timedelta(days=8))
    store(device, clock.now - timedelta(days=6))
    path = f"/api/devices/{device.public_id}/history"
    assert len(api("GET", path).json()["history"]) == 2
    workspace.plan = "free"
    workspace.save()

    assert len(api("GET", path).json()["history"]) == 1
    assert len(api("GET", f"{path}?from=2026-01-01T00:00:00Z").json()["history"]) == 1


def test_rolled_up_rows(api, device, quarters) -> None:
    path = f"/api/devices/{device.public_id}/history?resolution=1h&limit=2&to=2026-03-02T11:00:00Z"

    first, second = api("GET", path).json()["history"]

    assert (first["ts"], second["ts"]) == ("2026-03-02T09:00:00.000Z", "2026-03-02T10:00:00.000Z")
    assert (first["status"], first["samples"], first["up_samples"]) == ("down", 3, 2)
    assert (first["latency_ms"], first["min_ms"], first["max_ms"], first["p95_ms"]) == (50.75, 41, 60.5, 59.525)
    assert (second["samples"], second["up_samples"], second["p95_ms"]) == (1, 1, 41)
    day = api("GET", f"/api/devices/{device.public_id}/history?resolution=1d&limit=1").json()["history"][0]
    assert (day["ts"], day["samples"], day["max_ms"]) == ("2026-03-02T00:00:00.000Z", 4, 60.5)
    assert day["p95_ms"] > 41


@pytest.mark.parametrize("resolution", ["1m", "1h", "1d"])
def test_buckets_end_now_however_far_the_window_goes(api, device, clock, quarters, resolution) -> None:
    clock.forward(minutes=1)
    path = f"/api/devices/{device.public_id}/history"
    far = f"from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&resolution={resolution}"

    rows = api("GET", f"{path}?{far}").json()["history"]

    assert rows == api("GET", f"{path}?resolution={resolution}").json()["history"]
    assert rows[-1]["ts"] <= "2026-03-02T10:01:00.000Z"


@pytest.mark.parametrize("years", [(2031, 2032), (2000, 2001)])
@pytest.mark.parametrize("resolution", ["raw", "1m", "1h", "1d"])
def test_a_window_beyond_what_is_kept_is_empty(api, device, quarters, years, resolution) -> None:
    window = "from={}-01-01T00:00:00Z&to={}-01-01T00:00:00Z".format(*years)

    response = api("GET", f"/api/devices/{device.public_id}/history?{window}&resolution={resolution}")

    assert (response.status_code, response.json()) == (200, {"history": []})


@pytest.mark.parametrize("limit", ["%D9%A3", "1_0"])
def test_a_limit_is_written_in_plain_digits(api, device, limit) -> None:
    response = api("GET", f"/api/devices/{device.public_id}/history?limit={limit}")

    refused(response, 400, "validation_error", "limit must be a positive number")
