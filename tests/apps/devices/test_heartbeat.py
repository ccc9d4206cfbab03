"""The heartbeat machine beyond the vector file: order, storage, due instants, and the receiver's input."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.devices.heartbeat import (
    BODY_LIMIT,
    Flip,
    HeartbeatConfig,
    HeartbeatState,
    Signal,
    apply_signal,
    device_state,
    display,
    machine,
    next_look,
    pause,
    read_json,
    read_signal,
    reconfigure,
    resume,
    sweep,
)

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOURLY = HeartbeatConfig()  # every hour, five minutes of grace
FIRST = "6a1f0c3e-3b0e-4d1c-9a44-0a6c4f6d1e01"
SECOND = "6a1f0c3e-3b0e-4d1c-9a44-0a6c4f6d1e02"


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def signal(minutes: float, kind: Any = "success", **more: Any) -> Signal:
    return Signal(after(minutes), kind, **more)


def told(*signals: Signal, config: HeartbeatConfig = HOURLY) -> tuple[HeartbeatState, list[Flip]]:
    state, flips = HeartbeatState(), list[Flip]()
    for each in signals:
        state, new, _ = apply_signal(state, config, each)
        flips += new
    return state, flips


def test_late_and_down_are_two_flips_dated_to_their_own_instants() -> None:
    state, _ = told(signal(0))

    state, flips = sweep(state, HOURLY, after(600))

    assert flips == [
        Flip(after(60), "up", "late", "late"),
        Flip(after(65), "late", "down", "timeout"),
    ]
    assert device_state(state) == "down"
    assert sweep(state, HOURLY, after(900)) == (state, [])


def test_a_late_job_that_reports_is_up_again_by_a_flip_of_its_own() -> None:
    state, _ = told(signal(0))
    state, _ = sweep(state, HOURLY, after(61))

    assert device_state(state) == "warning"
    state, flips, recorded = apply_signal(state, HOURLY, signal(62))

    assert flips == [Flip(after(62), "late", "up", "signal")]
    assert recorded.effect == "success"


def test_a_sweep_that_comes_before_the_signal_of_the_same_time_changes_nothing_about_it() -> None:
    punctual = signal(65)  # exactly at the deadline
    state, _ = told(signal(0))

    _, flips, _ = apply_signal(state, HOURLY, punctual)

    assert [flip.after for flip in flips] == ["late", "up"]


def test_a_signal_that_arrives_with_an_old_stamp_counts_as_of_what_is_settled() -> None:
    state, _ = told(signal(0))
    state, flips = sweep(state, HOURLY, after(70))

    state, more, recorded = apply_signal(state, HOURLY, signal(64))

    assert recorded.at == after(65)
    assert [flip.at for flip in flips + more] == [after(60), after(65), after(65)]
    assert state.last_signal_at == after(65)


def test_the_next_look_is_lateness_then_the_deadline_then_nothing() -> None:
    state = HeartbeatState()
    assert next_look(state, HOURLY) is None

    state, _ = told(signal(0))
    assert next_look(state, HOURLY) == after(60)
    state, _ = sweep(state, HOURLY, after(60))
    assert next_look(state, HOURLY) == after(65)
    state, _ = sweep(state, HOURLY, after(65))
    assert next_look(state, HOURLY) is None


def test_the_next_look_of_a_run_in_progress_is_its_own_deadline_even_while_down() -> None:
    state, _ = told(signal(0), signal(1, "start"))
    assert next_look(state, HOURLY) == after(6)

    state, _ = told(signal(0, "fail"), signal(1, "start"))
    assert next_look(state, HOURLY) == after(6)
    state, flips = sweep(state, HOURLY, after(6))
    assert (flips, state.started_at, next_look(state, HOURLY)) == ([], None, None)


def test_a_run_that_starts_at_the_expected_instant_is_to_blame_for_the_deadline() -> None:
    state, _ = told(signal(0), signal(60, "start"))

    _, flips = sweep(state, HOURLY, after(65))

    assert flips[-1] == Flip(after(65), "late", "down", "overrun")


def test_the_display_does_not_wait_for_a_sweep() -> None:
    state, _ = told(signal(0))

    shown = display(state, HOURLY, after(60))
    assert (shown.state, shown.next_expected_at, shown.down_at) == ("late", after(60), after(65))
    shown = display(state, HOURLY, after(65))
    assert (shown.state, shown.next_expected_at, shown.down_at) == ("down", None, None)


def test_a_paused_heartbeat_expects_nothing_and_forgets_its_run() -> None:
    state, _ = told(signal(0), signal(1, "start"))

    state, flips = pause(state, HOURLY, after(2))

    assert (flips, state.phase, state.started_at, next_look(state, HOURLY)) == ([], "paused", None, None)
    assert sweep(state, HOURLY, after(10_000)) == (state, [])


def test_what_was_due_before_a_pause_still_happened() -> None:
    state, _ = told(signal(0))

    state, flips = pause(state, HOURLY, after(100))

    assert [(flip.at, flip.after) for flip in flips] == [(after(60), "late"), (after(65), "down")]
    assert state.phase == "paused"


def test_a_resumed_heartbeat_waits_for_its_first_signal_and_remembers_the_last() -> None:
    state, _ = told(signal(0))
    state, _ = pause(state, HOURLY, after(1))

    state = resume(state, after(2))

    assert (state.phase, state.last_signal_at, next_look(state, HOURLY)) == ("new", START, None)
    assert device_state(state) == "unknown"


def test_resuming_what_is_not_paused_changes_nothing() -> None:
    state, _ = told(signal(0))

    assert resume(state, after(5)) == state


def test_a_longer_interval_takes_back_lateness_and_a_shorter_one_brings_it() -> None:
    state, _ = told(signal(0))
    state, _ = sweep(state, HOURLY, after(61))

    state, flips = reconfigure(state, replace(HOURLY, interval=timedelta(hours=2)), after(62))
    assert flips == [Flip(after(62), "late", "up", "settings")]

    _, flips = reconfigure(state, replace(HOURLY, interval=timedelta(minutes=10)), after(63))
    assert [flip.after for flip in flips] == ["late", "down"]
    # The new settings were not in force before they were made.
    assert all(flip.at >= after(62) for flip in flips)


def test_the_measured_duration_of_a_run_goes_to_the_state_and_the_stated_one_to_the_log() -> None:
    state, _ = told(signal(0, "start", rid=FIRST))

    state, _, recorded = apply_signal(state, HOURLY, signal(2, rid=FIRST, duration_ms=1234))

    assert (state.last_duration_ms, recorded.duration_ms) == (120_000, 1234)


def test_a_stated_duration_stands_where_nothing_was_measured() -> None:
    state, _, recorded = apply_signal(HeartbeatState(), HOURLY, signal(0, duration_ms=4100))

    assert (state.last_duration_ms, recorded.duration_ms) == (4100, 4100)


def test_a_success_of_another_run_leaves_the_run_in_progress_alone() -> None:
    state, _ = told(signal(0, "start", rid=FIRST), signal(1, rid=SECOND))

    assert state.started_at == START
    assert sweep(state, HOURLY, after(5))[1] == [Flip(after(5), "up", "down", "overrun")]


def test_logs_and_ignored_signals_change_nothing_but_are_told_apart() -> None:
    state, _ = told(signal(0))

    for quiet, config, effect in (
        (signal(1, "log"), HOURLY, "log"),
        (signal(1, method="GET"), replace(HOURLY, post_only=True), "ignored"),
    ):
        moved, flips, recorded = apply_signal(state, config, quiet)
        assert (moved, flips, recorded.effect) == (state, [], effect)


def test_filters_are_read_from_comma_separated_words() -> None:
    config = HeartbeatConfig.parse({"filters": {"failure": " ERROR , fatal,,", "success": "done"}})

    effects = [
        apply_signal(HeartbeatState(), config, signal(0, body=body))[2].effect
        for body in (b"all fatal", b"done", b"neither", b"")
    ]

    assert effects == ["fail", "success", "ignored", "ignored"]


def test_filters_do_not_touch_explicit_signals() -> None:
    config = HeartbeatConfig.parse({"filters": {"failure": "ERROR"}})

    assert apply_signal(HeartbeatState(), config, signal(0, "exit", exit_code=0, body=b"ERROR"))[2].effect == "success"


def test_a_stored_document_without_keys_is_hourly_with_five_minutes_of_grace() -> None:
    assert HeartbeatConfig.parse({}) == HOURLY


def test_a_cron_heartbeat_is_late_at_its_fire_time() -> None:
    config = HeartbeatConfig.parse({"mode": "cron", "schedule": "30 3 * * *", "timezone": "Europe/Berlin"})
    state, _ = told(signal(0), config=config)

    assert next_look(state, config) == datetime(2026, 3, 3, 2, 30, tzinfo=UTC)


moments = st.integers(0, 7200)
kinds = st.sampled_from(["success", "start", "fail", "log", "exit"])
signals = st.builds(
    lambda at, kind, rid, code, method: Signal(START + timedelta(seconds=at), kind, rid, code, None, method),
    moments,
    kinds,
    st.sampled_from([None, FIRST, SECOND]),
    st.sampled_from([0, 1, 255]),
    st.sampled_from(["POST", "GET"]),
)
steps = st.lists(st.one_of(signals, moments, st.sampled_from(["pause", "resume"])), max_size=25)
configs = st.builds(
    HeartbeatConfig,
    mode=st.just("interval"),
    interval=st.sampled_from([timedelta(seconds=s) for s in (10, 60, 600, 3600)]),
    grace=st.sampled_from([timedelta(seconds=s) for s in (10, 300, 1200)]),
    post_only=st.booleans(),
    manual_resume=st.booleans(),
)


def run(config: HeartbeatConfig, script: list[Any]) -> tuple[HeartbeatState, list[Flip]]:
    """Steps in the order of their arrival, whatever their stamps; the state is stored in between."""
    state, flips, now = HeartbeatState(), list[Flip](), START
    for step in script:
        new: list[Flip] = []
        if isinstance(step, Signal):
            now = max(now, step.at)
            state, new, _ = apply_signal(state, config, step)
        elif step == "pause":
            state, new = pause(state, config, now)
        elif step == "resume":
            state = resume(state, now)
        else:
            now = max(now, START + timedelta(seconds=step))
            state, new = sweep(state, config, now)
        assert HeartbeatState.from_dict(state.to_dict()) == state
        flips += new
    return state, flips


@given(config=configs, script=steps)
@settings(max_examples=300, deadline=None)
def test_flips_never_run_backwards_and_each_leaves_what_the_one_before_entered(
    config: HeartbeatConfig, script: list[Any]
) -> None:
    _, flips = run(config, script)

    assert [flip.at for flip in flips] == sorted(flip.at for flip in flips)
    assert all(flip.before != flip.after for flip in flips)
    if not {"pause", "resume"} & {step for step in script if isinstance(step, str)}:
        shown = ["new", *(flip.after for flip in flips)]
        assert [flip.before for flip in flips] == shown[:-1]


@given(config=configs, script=steps)
@settings(max_examples=300, deadline=None)
def test_the_short_way_of_routine_signals_ends_as_the_long_one(config: HeartbeatConfig, script: list[Any]) -> None:
    short = run(config, script)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(machine, "_routine", lambda *_: None)
        assert run(config, script) == short


def test_what_a_routine_signal_says_is_recorded_as_by_the_long_way(monkeypatch) -> None:
    state, _ = told(signal(0))
    said = [signal(1), signal(2, duration_ms=70), signal(3, rid=FIRST), signal(3, method="GET", body=b"x")]
    short = [apply_signal(state, HOURLY, each) for each in said]

    monkeypatch.setattr(machine, "_routine", lambda *_: None)

    assert [apply_signal(state, HOURLY, each) for each in said] == short
    assert [state.last_duration_ms for state, _, _ in short] == [None, 70, None, None]


@given(config=configs, script=steps, moment=moments)
@settings(max_examples=300, deadline=None)
def test_a_sweep_is_finished_and_the_next_look_lies_ahead(
    config: HeartbeatConfig, script: list[Any], moment: int
) -> None:
    state, _ = run(config, script)
    now = max([START, *([state.settled_at] if state.settled_at else [])]) + timedelta(seconds=moment)

    state, _ = sweep(state, config, now)

    assert sweep(state, config, now) == (state, [])
    look = next_look(state, config)
    assert look is None or look > now
    if look is not None:
        assert sweep(state, config, look - timedelta(milliseconds=1)) == (state, [])
        assert sweep(state, config, look)[0] != state


@given(config=configs, script=st.lists(signals, max_size=12), extra=st.lists(moments, max_size=12))
@settings(max_examples=300, deadline=None)
def test_how_often_one_sweeps_makes_no_difference(
    config: HeartbeatConfig, script: list[Signal], extra: list[int]
) -> None:
    ordered = sorted(script, key=lambda each: each.at)
    end = 20_000
    # A signal comes before a sweep of its own instant.
    events: list[tuple[datetime, int, int, Any]] = [(each.at, 0, index, each) for index, each in enumerate(ordered)]
    events += [(START + timedelta(seconds=at), 1, at, at) for at in extra]
    often = [event[3] for event in sorted(events, key=lambda event: event[:3])]

    assert run(config, [*often, end]) == run(config, [*ordered, end])


def read(
    *path: str,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
    method: str = "POST",
    raw: bytes = b"",
) -> Signal:
    return read_signal(at=START, path_parts=path, json_body=body, query=query or {}, method=method, body=raw)


def test_a_bare_request_is_a_success() -> None:
    assert read(method="get") == Signal(START, "success", method="GET")


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        (("start",), "start", None),
        (("fail",), "fail", None),
        (("log",), "log", None),
        (("0",), "exit", 0),
        (("255",), "exit", 255),
        (("", ""), "success", None),
    ],
)
def test_the_path_says_what_happened(path: tuple[str, ...], kind: str, code: int | None) -> None:
    found = read(*path)

    assert (found.kind, found.exit_code) == (kind, code)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("up", "success"),
        ("ok", "success"),
        ("success", "success"),
        ("start", "start"),
        ("running", "start"),
        ("down", "fail"),
        ("fail", "fail"),
        ("error", "fail"),
        ("log", "log"),
        ("DOWN", "fail"),
    ],
)
def test_a_status_word_says_it_in_json_and_in_the_query(word: str, kind: str) -> None:
    assert read(body={"status": word}).kind == kind
    assert read(query={"status": word}).kind == kind


def test_path_beats_json_beats_query() -> None:
    query = {"status": "down", "rid": SECOND, "durationMs": "5"}
    body = {"status": "start", "rid": FIRST, "durationMs": 7}

    assert read("log", body=body, query=query).kind == "log"
    assert read(body=body, query=query) == Signal(START, "start", FIRST, None, 7)
    assert read(body={}, query=query) == Signal(START, "fail", SECOND, None, 5)


def test_an_exit_status_speaks_when_no_word_does() -> None:
    assert read(body={"exitCode": 3}) == Signal(START, "exit", exit_code=3)
    assert read(query={"exitCode": "0"}) == Signal(START, "exit", exit_code=0)
    assert read(body={"status": "ok", "exitCode": 3}) == Signal(START, "success", exit_code=3)


def test_push_addresses_with_empty_values_are_bare() -> None:
    assert read(query={"status": "up", "msg": "", "ping": ""}, method="GET") == Signal(START, method="GET")


def test_a_ping_is_a_duration_and_a_message_stands_for_the_body() -> None:
    found = read(query={"status": "up", "msg": "fine", "ping": "12.6"})

    assert (found.duration_ms, found.body) == (13, b"fine")
    assert read(query={"msg": "fine"}, raw=b"output").body == b"output"


@pytest.mark.parametrize(
    ("path", "body", "query", "field"),
    [
        (("256",), None, {}, "exitCode"),
        (("99999999999999",), None, {}, "exitCode"),
        (("begin",), None, {}, "signal"),
        (("start", "now"), None, {}, "signal"),
        (("²",), None, {}, "signal"),
        ((), {"exitCode": 256}, {}, "exitCode"),
        ((), {"exitCode": -1}, {}, "exitCode"),
        ((), {"exitCode": True}, {}, "exitCode"),
        ((), {"exitCode": 1.5}, {}, "exitCode"),
        ((), {"status": "sideways"}, {}, "status"),
        ((), {"status": 1}, {}, "status"),
        ((), {"rid": "run-1"}, {}, "rid"),
        ((), {"rid": 5}, {}, "rid"),
        (("start",), None, {"rid": "x"}, "rid"),
        ((), {"durationMs": -1}, {}, "durationMs"),
        ((), {"durationMs": "soon"}, {}, "durationMs"),
        ((), {"durationMs": True}, {}, "durationMs"),
        ((), {"durationMs": [1]}, {}, "durationMs"),
        ((), None, {"ping": "nan"}, "durationMs"),
        ((), None, {"ping": "inf"}, "durationMs"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    path: tuple[str, ...], body: dict[str, Any] | None, query: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(*path, body=body, query=query)

    assert list(refused.value.fields) == [field]


def test_a_long_body_is_cut() -> None:
    assert len(read(raw=b"x" * (BODY_LIMIT + 1)).body) == BODY_LIMIT


@pytest.mark.parametrize(
    ("body", "content_type", "document"),
    [
        (b'{"status": "down"}', "application/json; charset=utf-8", {"status": "down"}),
        (b'{"status": "down"}', "application/vnd.job+json", {"status": "down"}),
        (b'{"status": "down"}', "text/plain", None),
        (b'{"status": ', "application/json", None),
        (b"[1]", "application/json", None),
        (b"", "application/json", None),
        (b"\xff", "application/json", None),
        (b"[" * 100_000, "application/json", None),
    ],
)
def test_a_body_is_json_only_when_it_says_so_and_is(
    body: bytes, content_type: str, document: dict[str, Any] | None
) -> None:
    assert read_json(body, content_type) == document
