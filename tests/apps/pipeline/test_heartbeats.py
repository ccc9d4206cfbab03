"""Heartbeats through the door: log, machine, history, incidents and the due column move together."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.devices.heartbeat import HeartbeatState, Signal
from apps.devices.models import Device, DeviceState
from apps.incidents.models import Incident
from apps.metrics.models import HeartbeatPing
from apps.pipeline import heartbeats
from apps.pipeline.heartbeats import SentSignal, rearm_heartbeat, submit_heartbeats, sweep_heartbeats
from apps.pipeline.lifecycle import set_paused
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_heartbeat

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def beat(device: Device, at, kind="success", **facts):
    return submit_heartbeats(sent=[SentSignal(device.pk, Signal(at=at, kind=kind, **facts))], now=at)[0]


def state_of(device: Device) -> DeviceState:
    return DeviceState.objects.get(pk=device.pk)


def told(device: Device) -> list[tuple[int, str]]:
    """History as seconds since the first row and state."""
    rows = rows_of(device)
    return [((row.ts - rows[0].ts) // 1000, row.state) for row in rows]


def test_a_first_signal_brings_it_up_and_sets_its_next_instant(heartbeat, now) -> None:
    heard = beat(heartbeat, now, body=b"done", method="GET")

    assert (heard.effect, heard.state) == ("success", "up")
    state = state_of(heartbeat)
    assert (state.state, state.due_at) == ("up", now + HOUR)
    assert told(heartbeat) == [(0, "up")]
    assert rows_of(heartbeat)[0].interval_ms == 0
    ping = HeartbeatPing.objects.get()
    assert (bytes(ping.body), ping.method) == (b"done", "GET")
    assert Incident.objects.count() == 0


def test_silence_makes_it_late_then_down_each_dated_to_its_own_instant(heartbeat, now) -> None:
    beat(heartbeat, now)

    assert sweep_heartbeats(now=now + HOUR - SECOND) == 0
    assert sweep_heartbeats(now=now + HOUR + 3 * SECOND) == 1
    assert (state_of(heartbeat).state, state_of(heartbeat).announced) == ("warning", "up")
    assert Incident.objects.count() == 0
    assert sweep_heartbeats(now=now + HOUR + 5 * MINUTE + 9 * SECOND) == 1

    state = state_of(heartbeat)
    assert (state.state, state.since, state.cause, state.due_at) == ("down", now + HOUR + 5 * MINUTE, "timeout", None)
    assert told(heartbeat) == [(0, "up"), (3600, "warning"), (3900, "down")]
    incident = Incident.objects.get()
    assert (incident.opened_at, incident.cause) == (now + HOUR + 5 * MINUTE, "timeout")


def test_a_sweep_without_anything_due_asks_once_and_locks_nothing(heartbeat, now, django_assert_num_queries) -> None:
    beat(heartbeat, now)

    with django_assert_num_queries(1) as asked:
        assert sweep_heartbeats(now=now + MINUTE) == 0

    assert "FOR UPDATE" not in asked[0]["sql"]


def test_a_sweep_that_comes_late_tells_the_same_story(heartbeat, now) -> None:
    beat(heartbeat, now)

    sweep_heartbeats(now=now + 9 * HOUR)

    assert told(heartbeat) == [(0, "up"), (3600, "warning"), (3900, "down")]
    assert Incident.objects.get().opened_at == now + HOUR + 5 * MINUTE


def test_a_signal_that_comes_before_any_sweep_tells_the_same_story_and_its_recovery(heartbeat, now) -> None:
    beat(heartbeat, now)

    beat(heartbeat, now + 2 * HOUR)

    assert told(heartbeat) == [(0, "up"), (3600, "warning"), (3900, "down"), (7200, "up")]
    incident = Incident.objects.get()
    assert (incident.opened_at, incident.closed_at) == (now + HOUR + 5 * MINUTE, now + 2 * HOUR)


def test_a_signal_within_the_grace_is_late_and_no_incident(heartbeat, now) -> None:
    beat(heartbeat, now)
    sweep_heartbeats(now=now + HOUR + MINUTE)

    beat(heartbeat, now + HOUR + 2 * MINUTE)

    assert told(heartbeat) == [(0, "up"), (3600, "warning"), (3720, "up")]
    assert (state_of(heartbeat).state, Incident.objects.count()) == ("up", 0)


def test_a_failure_opens_and_a_success_closes_whatever_the_retries_say(project, now) -> None:
    device = make_heartbeat(project, now=now)
    Device.objects.filter(pk=device.pk).update(retries=5)

    beat(device, now, kind="exit", exit_code=3)
    incident = Incident.objects.get()
    assert (incident.cause, incident.cause_text) == ("fail", "The job ended with exit status 3")
    beat(device, now + MINUTE)

    incident.refresh_from_db()
    assert incident.closed_at == now + MINUTE


def test_a_run_that_does_not_end_is_an_overrun(heartbeat, now) -> None:
    beat(heartbeat, now)
    rid = "8a5b2e5e-5a3e-4c57-9a51-2a3c9d1a0b11"
    beat(heartbeat, now + MINUTE, kind="start", rid=rid)

    sweep_heartbeats(now=now + 10 * MINUTE)

    assert state_of(heartbeat).cause == "overrun"
    assert told(heartbeat) == [(0, "up"), (360, "down")]


def test_the_time_of_a_run_is_kept_with_its_row(heartbeat, now) -> None:
    beat(heartbeat, now, kind="start")
    beat(heartbeat, now + timedelta(seconds=4, milliseconds=100))

    assert [row.run_ms for row in rows_of(heartbeat)] == [4100]
    assert HeartbeatPing.objects.order_by("pk").last().duration_ms == 4100


def test_signals_of_one_millisecond_are_all_told_in_their_order(heartbeat, now) -> None:
    for kind in ("success", "fail", "success"):
        beat(heartbeat, now, kind=kind)

    assert [(row.state) for row in rows_of(heartbeat)] == ["up", "down", "up"]
    assert HeartbeatPing.objects.count() == 3
    assert state_of(heartbeat).state == "up"


def test_a_sender_over_its_limit_moves_its_heartbeat_without_a_row_in_the_log(heartbeat, now) -> None:
    submit_heartbeats(sent=[SentSignal(heartbeat.pk, Signal(at=now), keep=False)], now=now)

    assert HeartbeatPing.objects.count() == 0
    assert (state_of(heartbeat).state, state_of(heartbeat).due_at) == ("up", now + HOUR)


def test_a_held_sweep_calls_nobody_down_and_the_next_one_does(heartbeat, now) -> None:
    beat(heartbeat, now)
    later = now + 3 * HOUR

    assert sweep_heartbeats(now=later, hold=True) == 0
    assert state_of(heartbeat).state == "up"
    assert sweep_heartbeats(now=later + SECOND) == 1

    assert state_of(heartbeat).since == now + HOUR + 5 * MINUTE


def test_a_paused_heartbeat_is_silent_and_a_signal_ends_its_pause(heartbeat, now) -> None:
    beat(heartbeat, now, kind="fail")
    set_paused(device=heartbeat, paused=True, now=now + MINUTE)
    assert sweep_heartbeats(now=now + 9 * HOUR) == 0
    incident = Incident.objects.get()
    assert (incident.closed_at, incident.close_reason) == (now + MINUTE, "paused")

    beat(heartbeat, now + 2 * MINUTE)

    heartbeat.refresh_from_db()
    assert heartbeat.paused is False
    assert state_of(heartbeat).state == "up"
    assert [row.state for row in rows_of(heartbeat)] == ["down", "unknown", "up"]


def test_a_pause_that_wants_to_be_ended_by_hand_ignores_signals(project, now) -> None:
    device = make_heartbeat(project, now=now, manualResume=True)
    beat(device, now)
    set_paused(device=device, paused=True, now=now + MINUTE)

    assert beat(device, now + 2 * MINUTE).effect == "ignored"
    device.refresh_from_db()
    assert device.paused is True

    set_paused(device=device, paused=False, now=now + 3 * MINUTE)
    assert beat(device, now + 4 * MINUTE).state == "up"


def test_a_heartbeat_whose_plan_paused_it_is_not_called_down(heartbeat, now) -> None:
    beat(heartbeat, now)
    Device.objects.update(paused=True, pause_reason="premium_required")

    sweep_heartbeats(now=now + 5 * HOUR)

    state = state_of(heartbeat)
    assert (state.state, state.due_at, Incident.objects.count()) == ("unknown", None, 0)
    assert [row.state for row in rows_of(heartbeat)] == ["up", "unknown"]
    assert HeartbeatState.from_dict(state.heartbeat).phase == "paused"


def test_a_changed_configuration_moves_the_deadline(heartbeat, now) -> None:
    beat(heartbeat, now)
    heartbeat.heartbeat = {"mode": "interval", "intervalSeconds": 600, "graceSeconds": 60}
    heartbeat.save()

    rearm_heartbeat(device=heartbeat, now=now + MINUTE)

    assert state_of(heartbeat).due_at == now + 10 * MINUTE


def test_a_job_that_signals_often_is_planned_anew_when_its_look_comes_near(heartbeat, now) -> None:
    beat(heartbeat, now)
    for minutes in (1, 5, 10, 20):
        beat(heartbeat, now + minutes * MINUTE)
        # By the newest signal it would be an hour later; a look that comes too early does no harm.
        assert state_of(heartbeat).due_at == now + HOUR

    beat(heartbeat, now + 31 * MINUTE)

    assert state_of(heartbeat).due_at == now + 91 * MINUTE


def test_a_look_that_comes_too_early_sees_nothing_and_plans_the_next(heartbeat, now) -> None:
    beat(heartbeat, now)
    beat(heartbeat, now + 20 * MINUTE)

    assert sweep_heartbeats(now=now + HOUR + SECOND) == 1

    assert (state_of(heartbeat).state, state_of(heartbeat).due_at) == ("up", now + 80 * MINUTE)
    sweep_heartbeats(now=now + 80 * MINUTE)
    assert told(heartbeat) == [(0, "up"), (1200, "up"), (4800, "warning")]


def test_a_run_that_could_be_over_before_the_planned_look_brings_it_forward(heartbeat, now) -> None:
    beat(heartbeat, now)

    beat(heartbeat, now + MINUTE, kind="start")

    assert state_of(heartbeat).due_at == now + 6 * MINUTE


@pytest.mark.parametrize("step", ["_ping", "lock_machines", "lock_states", "save_states", "announce"])
@pytest.mark.parametrize("kind", ["success", "fail"])
def test_a_signal_that_breaks_off_was_not_heard(heartbeat, now, monkeypatch, step, kind) -> None:
    beat(heartbeat, now)
    original = getattr(heartbeats, step)
    later = now + 2 * HOUR

    def breaks_after(*args, **kwargs):
        original(*args, **kwargs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(heartbeats, step, breaks_after)
        with pytest.raises(RuntimeError, match="killed"), transaction.atomic():
            beat(heartbeat, later, kind=kind)
    assert (len(rows_of(heartbeat)), HeartbeatPing.objects.count(), Incident.objects.count()) == (1, 1, 0)

    beat(heartbeat, later, kind=kind)
    assert told(heartbeat) == [
        (0, "up"),
        (3600, "warning"),
        (3900, "down"),
        (7200, "up" if kind == "success" else "down"),
    ]
    assert (HeartbeatPing.objects.count(), Incident.objects.count()) == (2, 1)


def test_a_sweep_with_nothing_due_takes_one_look(project, now, django_assert_max_num_queries) -> None:
    for _ in range(5):
        beat(make_heartbeat(project, now=now), now)

    with django_assert_max_num_queries(4):
        assert sweep_heartbeats(now=now + MINUTE) == 0


def test_a_rule_about_how_long_a_job_runs_is_judged_with_its_signals(heartbeat, now) -> None:
    draft = RuleDraft("Long", "device", (Condition("run_ms", "gt", 60_000),))
    alerts.create_rule(workspace=heartbeat.project.workspace, draft=draft, actor="ana", now=now)

    for start, lasts in ((now, 30), (now + HOUR, 90)):
        beat(heartbeat, start, kind="start")
        beat(heartbeat, start + lasts * SECOND)

    incident = Incident.objects.get()
    assert (incident.value, incident.opened_at) == (90_000, now + HOUR + 90 * SECOND)


def test_many_signals_at_once_are_told_one_after_the_other(project, now) -> None:
    first, second = make_heartbeat(project, now=now), make_heartbeat(project, now=now)
    signals = [
        SentSignal(first.pk, Signal(at=now, kind="start")),
        SentSignal(second.pk, Signal(at=now, kind="fail")),
        SentSignal(first.pk, Signal(at=now, kind="success")),
        SentSignal(10**9, Signal(at=now)),
        SentSignal(first.pk, Signal(at=now, kind="fail")),
    ]

    heard = submit_heartbeats(sent=signals, now=now)

    assert [each and (each.effect, each.state) for each in heard] == [
        ("start", "new"),
        ("fail", "down"),
        ("success", "up"),
        None,
        ("fail", "down"),
    ]
    assert [ping.device_id for ping in HeartbeatPing.objects.order_by("pk")].count(first.pk) == 3
    assert set(DeviceState.objects.values_list("state", flat=True)) == {"down"}


def test_calm_signals_cost_as_many_statements_as_one_does(project, now) -> None:
    jobs = [make_heartbeat(project, now=now) for _ in range(8)]
    for job in jobs:
        beat(job, now)

    def statements(count: int, at) -> int:
        sent = [SentSignal(job.pk, Signal(at=at, kind="success", duration_ms=20)) for job in jobs[:count]]
        with CaptureQueriesContext(connection) as seen:
            submit_heartbeats(sent=sent, now=at)
        return len(seen)

    assert statements(1, now + MINUTE) == statements(8, now + 2 * MINUTE)
