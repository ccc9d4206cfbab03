"""Checks outside the schedule: asked for, re-checks, drafts."""

import threading
from datetime import timedelta

import pytest

from apps.checks import requests, services
from apps.checks.confirmation import follow_up
from apps.checks.models import CheckRequest
from apps.checks.types import CheckResult, Phases
from apps.common import bus
from apps.common.clock import epoch_ms
from apps.common.errors import RateLimitedError, UnsupportedError
from apps.devices.models import Device, DeviceState
from apps.pipeline.types import Submitted
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_device, make_project


def result(at, status="up", **facts) -> CheckResult:
    return CheckResult(status, at, latency_us=1200 if status == "up" else None, **facts)


def test_a_check_that_was_asked_for_leaves_exactly_one_row_dated_to_its_start(device, now) -> None:
    asked = services.request_check(device=device, now=now)
    (leased,) = requests.take(owner="a", limit=10, now=now)
    started = now + timedelta(milliseconds=150, microseconds=77)

    assert requests.complete(request=leased, result=result(started), run_ms=4, now=started)
    assert not requests.complete(request=leased, result=result(started), run_ms=4, now=started)

    (row,) = rows_of(device)
    assert (row.ts, row.state, row.interval_ms) == (epoch_ms(now) + 150, "up", 60_000)
    asked.refresh_from_db()
    assert (asked.done_at, asked.result["status"]) == (started, "up")
    assert requests.take(owner="a", limit=10, now=started + timedelta(days=1)) == []


def test_asking_while_a_new_device_is_first_checked_leaves_the_row_of_the_asker_only(device, now) -> None:
    services.request_check(device=device, now=now, delay=timedelta(seconds=3))
    asked_at = now + timedelta(seconds=4)
    (first,) = requests.take(owner="a", limit=10, now=asked_at)

    asked = services.request_check(device=device, now=asked_at)
    (leased,) = requests.take(owner="a", limit=10, now=asked_at)

    assert leased.row.pk == asked.pk
    assert not requests.complete(request=first, result=result(asked_at, "down"), run_ms=4, now=asked_at)
    assert requests.complete(request=leased, result=result(asked_at), run_ms=4, now=asked_at)
    assert [row.state for row in rows_of(device)] == ["up"]


def test_asking_twice_leaves_two_rows_also_when_the_first_was_pulled_forward(device, now) -> None:
    services.request_check(device=device, now=now, delay=timedelta(seconds=3))
    services.request_check(device=device, now=now + timedelta(seconds=1))
    (first,) = requests.take(owner="a", limit=10, now=now + timedelta(seconds=1))
    services.request_check(device=device, now=now + timedelta(seconds=2))
    (second,) = requests.take(owner="a", limit=10, now=now + timedelta(seconds=2))

    for leased, seconds in ((first, 3), (second, 4)):
        at = now + timedelta(seconds=seconds)
        assert requests.complete(request=leased, result=result(at), run_ms=4, now=at)

    assert len(rows_of(device)) == 2


def test_asking_nudges_the_pump_once_the_request_is_committed(device, now, django_capture_on_commit_callbacks) -> None:
    nudges = []
    here = threading.current_thread()

    def nudged() -> None:
        # Where there is a Redis, every nudge comes back once more, in the thread that listens to it.
        if threading.current_thread() is here:
            nudges.append(CheckRequest.objects.count())

    stop = bus.subscribe(bus.CHECKS, nudged)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            services.request_check(device=device, now=now)
            assert nudges == []
    finally:
        stop()

    assert nudges == [1]


def test_what_reports_by_itself_cannot_be_checked(heartbeat, now) -> None:
    with pytest.raises(UnsupportedError):
        services.request_check(device=heartbeat, now=now)

    assert CheckRequest.objects.count() == 0


def test_a_draft_answers_its_asker_and_nobody_else(project, now) -> None:
    asked = services.request_draft(workspace=project.workspace, config={"kind": "http"}, now=now)
    (leased,) = requests.take(owner="a", limit=10, now=now)
    finding = result(now, "down", message="Connection refused", detail={"reason": "refused"}, phases=Phases(dns_us=9))

    assert requests.complete(request=leased, result=finding, run_ms=4, now=now)

    asked.refresh_from_db()
    assert asked.result == {
        "status": "down",
        "latency_us": None,
        "status_code": None,
        "message": "Connection refused",
        "detail": {"reason": "refused"},
        "phases": {"dns_us": 9, "connect_us": None, "tls_us": None, "ttfb_us": None, "total_us": None},
    }
    assert DeviceState.objects.count() == 0


def test_refreshing_asks_for_every_device_that_is_not_paused(project, heartbeat, now) -> None:
    active = [make_device(project, now=now) for _ in range(3)]
    make_device(project, now=now, enabled=False, paused=True)
    foreign = make_device(make_project(now=now, name="other"), now=now)

    assert services.refresh_all(workspace=project.workspace, now=now) == 3

    asked = set(CheckRequest.objects.values_list("device_id", flat=True))
    assert asked == {device.pk for device in active}
    assert foreign.pk not in asked


def test_refreshing_again_within_a_minute_is_refused_and_asks_for_nothing(project, device, now) -> None:
    services.refresh_all(workspace=project.workspace, now=now)

    with pytest.raises(RateLimitedError) as refusal:
        services.refresh_all(workspace=project.workspace, now=now + timedelta(seconds=18.2))

    assert refusal.value.retry_after_s == 42
    assert refusal.value.message == "Refresh is limited to once per minute for Premium users."
    assert CheckRequest.objects.count() == 1
    assert services.refresh_all(workspace=project.workspace, now=now + timedelta(seconds=60)) == 1


def test_a_failure_in_doubt_is_checked_again_and_a_second_one_does_not_double_that(device, now) -> None:
    Device.objects.update(retries=2, retry_interval_s=20)
    device.refresh_from_db()
    doubt = Submitted(1, (), frozenset({device.pk}), frozenset())

    follow_up(submitted=doubt, devices={device.pk: device}, now=now)
    follow_up(submitted=doubt, devices={device.pk: device}, now=now + timedelta(seconds=5))

    retry = CheckRequest.objects.get()
    assert (retry.reason, retry.due_at) == ("retry", now + timedelta(seconds=20))
    assert requests.take(owner="a", limit=10, now=now + timedelta(seconds=19)) == []


def test_retries_follow_each_other_until_the_device_is_down(device, now) -> None:
    Device.objects.update(retries=2, retry_interval_s=20)
    services.request_check(device=device, now=now)
    instant, states = now, []

    for _ in range(6):
        for leased in requests.take(owner="a", limit=10, now=instant):
            failed = result(instant, "down", message="Connection refused", detail={"reason": "refused"})
            assert requests.complete(request=leased, result=failed, run_ms=1, now=instant)
        states.append(DeviceState.objects.get().state)
        instant += timedelta(seconds=10)

    assert states == ["warning", "warning", "warning", "warning", "down", "down"]
    rows = rows_of(device)
    assert [row.state for row in rows] == ["warning", "warning", "down"]
    assert [row.detail.get("confirming", False) for row in rows] == [True, True, False]
    assert CheckRequest.objects.filter(reason="retry").count() == 0


def test_a_success_in_between_takes_the_re_check_back(device, now) -> None:
    Device.objects.update(retries=1, retry_interval_s=60)
    services.request_check(device=device, now=now)
    (leased,) = requests.take(owner="a", limit=10, now=now)
    requests.complete(request=leased, result=result(now, "down"), run_ms=1, now=now)
    assert CheckRequest.objects.filter(reason="retry").count() == 1

    services.request_check(device=device, now=now)
    (leased,) = requests.take(owner="a", limit=10, now=now)
    later = now + timedelta(seconds=1)
    requests.complete(request=leased, result=result(later), run_ms=1, now=later)

    assert CheckRequest.objects.filter(reason="retry").count() == 0
    assert DeviceState.objects.get().state == "up"


def test_a_request_that_nobody_finished_is_taken_again_and_given_up_in_the_end(device, now) -> None:
    asked = services.request_check(device=device, now=now)
    instant = now
    for _ in range(requests.MOST_ATTEMPTS):
        assert len(requests.take(owner="a", limit=1, now=instant)) == 1
        assert requests.take(owner="b", limit=1, now=instant) == []
        instant += requests.LEASE

    assert requests.take(owner="a", limit=1, now=instant) == []

    asked.refresh_from_db()
    assert (asked.done_at, asked.result["detail"]) == (instant, {"reason": "not_measured"})
    assert rows_of(device) == []


def test_a_worker_that_stops_gives_its_requests_back_at_once(device, now) -> None:
    services.request_check(device=device, now=now)
    (frozen,) = requests.take(owner="a", limit=1, now=now)

    assert requests.give_back(owner="a") == 1

    (taken,) = requests.take(owner="b", limit=1, now=now)
    assert not requests.complete(request=frozen, result=result(now), run_ms=1, now=now)
    assert requests.complete(request=taken, result=result(now), run_ms=1, now=now)
    assert len(rows_of(device)) == 1


def test_old_answers_go_and_fresh_ones_stay(project, device, now) -> None:
    services.request_check(device=device, now=now)
    (leased,) = requests.take(owner="a", limit=1, now=now)
    requests.complete(request=leased, result=result(now), run_ms=1, now=now)
    services.request_draft(workspace=project.workspace, config={}, now=now)

    assert requests.prune(now=now + timedelta(minutes=59)) == 0
    assert requests.prune(now=now + timedelta(minutes=61)) == 1
    assert requests.prune(now=now + timedelta(hours=25)) == 1
