"""The text that Prometheus reads: always well formed, whatever names there are."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from apps.checks.selectors import ScheduleFigures
from apps.operations.backlog import Queue
from apps.operations.models import ProcessReport
from apps.operations.storage import Size, Storage
from apps.web.exposition import exposition
from apps.web.installation import Installation
from tests.factories import NOW

SCHEDULE = ScheduleFigures(
    lag_ms=250,
    oldest_slot_ms_ago=4000,
    batches_waiting=3,
    batches_leased=2,
    leases_expired=1,
    retaken=0,
    requests_waiting=0,
    requests_leased=0,
    due_per_second=12.5,
)
QUEUES = (
    Queue("checks", 3, timedelta(seconds=4), 2, 1),
    Queue("events", 0),
    Queue("deliveries", 7, timedelta(minutes=2), 1),
    Queue("planned", 9),
)


def installation(**changes: object) -> Installation:
    plain: dict[str, object] = {
        "at": NOW,
        "version": "1.0",
        "schedule": SCHEDULE,
        "queues": QUEUES,
        "processes": [process("worker")],
        "counters": {
            "checks_due": 40,
            "checks_executed/up": 30,
            "checks_executed/down": 8,
            "checks_not_measured/late": 2,
            "ingest_accepted/metrics": 70,
            "ingest_refused/unauthorized": 6,
            "ingest_commits": 9,
            "ingest_commit_seconds": 0.5,
        },
        "step_ages": {"seal": timedelta(seconds=9)},
        "storage": Storage(NOW - timedelta(hours=1), [Size("ts_block", None, 10, 4096), Size("ts_block", 0, 8, None)]),
        "database": "SQLite 3.40.1",
        "database_size": 1_000_000,
        "workspaces": 2,
    }
    return Installation(**{**plain, **changes})


def process(kind: str, host: str = "one") -> ProcessReport:
    return ProcessReport(
        kind=kind,
        host=host,
        pid=7,
        version="1.0",
        started_at=NOW - timedelta(minutes=1),
        seen_at=NOW,
        slots=256,
        slots_used=5,
        rss_bytes=50,
        cpu_s=2.5,
        counters={"ingest_waiting": 4},
    )


def read(seen: Installation) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(exposition(seen).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("check_lag_seconds", {}, 4),
        ("schedule_lag_seconds", {}, 0.25),
        ("checks_due_total", {}, 40),
        ("checks_executed_total", {"state": "down"}, 8),
        ("checks_not_measured_total", {"reason": "late"}, 2),
        ("ingest_accepted_total", {"kind": "metrics"}, 70),
        ("ingest_refused_total", {"reason": "unauthorized"}, 6),
        ("ingest_commits_total", {}, 9),
        ("ingest_commit_seconds_total", {}, 0.5),
        ("ingest_waiting", {}, 4),
        ("engine_slots", {}, 256),
        ("engine_slots_used", {}, 5),
        ("queue_depth", {"queue": "deliveries"}, 7),
        ("queue_lag_seconds", {"queue": "deliveries"}, 120),
        ("queue_lag_seconds", {"queue": "events"}, 0),
        ("leases", {"queue": "checks", "state": "held"}, 2),
        ("leases", {"queue": "checks", "state": "expired"}, 1),
        ("step_age_seconds", {"step": "seal"}, 9),
        ("process_uptime_seconds", {"kind": "worker", "host": "one", "pid": "7"}, 60),
        ("process_cpu_seconds_total", {"kind": "worker", "host": "one", "pid": "7"}, 2.5),
        ("storage_measured_age_seconds", {}, 3600),
        ("storage_rows", {"table": "ts_block"}, 10),
        ("storage_tier_blocks", {"tier": "0"}, 8),
        ("database_size_bytes", {}, 1_000_000),
        ("workspaces", {}, 2),
    ],
)
def test_every_figure_has_its_name(name: str, labels: dict[str, str], value: float) -> None:
    assert read(installation())[f"dashmon_{name}", tuple(sorted(labels.items()))] == value


def test_what_is_not_known_is_left_out() -> None:
    found = {name for name, _ in read(installation(storage=Storage(None, []), database_size=None))}

    assert not {name for name in found if "storage" in name or "database_size" in name}
    assert ("dashmon_storage_tier_bytes", (("tier", "0"),)) not in read(installation())
    # What is planned for tomorrow is not late.
    assert ("dashmon_queue_lag_seconds", (("queue", "planned"),)) not in read(installation())


def test_ended_processes_are_counted_and_not_listed() -> None:
    found = read(installation(processes=[process("ended"), process("server")]))

    assert {dict(labels)["kind"] for name, labels in found if name.startswith("dashmon_process_")} == {"server"}
    assert found["dashmon_engine_slots", ()] == 256


def test_every_family_says_what_it_is() -> None:
    lines = exposition(installation()).decode().splitlines()
    named = {line.split(" ")[0].partition("{")[0] for line in lines if not line.startswith("#")}
    typed = {line.split(" ")[2]: line.split(" ")[3] for line in lines if line.startswith("# TYPE ")}
    helped = {line.split(" ")[2] for line in lines if line.startswith("# HELP ") and len(line.split(" ")) > 3}

    assert named <= set(typed)
    assert set(typed) == helped
    assert {name: kind for name, kind in typed.items() if (kind == "counter") != name.endswith("_total")} == {}


@given(
    host=st.text(max_size=40), step=st.text(min_size=1, max_size=20), state=st.text(max_size=20), lag=st.floats(0, 1e9)
)
def test_any_name_comes_out_as_it_went_in(host: str, step: str, state: str, lag: float) -> None:
    # Surrogates cannot be stored, and so never come here; the reader of this test splits lines where Python does.
    names = [text.encode("utf-8", "replace").decode() for text in (host, step, state)]
    host, step, state = ("".join(each for each in text if each == "\n" or each.isprintable()) for text in names)
    seen = installation(
        processes=[process("worker", host)],
        step_ages={step: timedelta(seconds=lag)},
        counters={f"checks_executed/{state}": 3},
    )

    found = read(seen)

    assert ("dashmon_process_resident_memory_bytes", (("host", host), ("kind", "worker"), ("pid", "7"))) in found
    assert found["dashmon_step_age_seconds", (("step", step),)] == timedelta(seconds=lag).total_seconds()
    assert found["dashmon_checks_executed_total", (("state", state),)] == 3
