"""Rules in Dash's words: what it may say, what it gets back, and what stays that it cannot say."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.built_in import FIRST_RULES
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft, checked
from apps.alerts.windows import Now, Share, Streak
from apps.api.dash import readings
from apps.api.dash.alert_rules import (
    CORE_METRICS,
    DURATIONS,
    METRICS,
    OPERATORS,
    InvalidFieldsError,
    NoFieldsError,
    document_of,
    draft_of,
    patched,
    speakable,
)
from apps.common.values import Cover
from apps.notifications.styles import dash

MINIMAL = {"name": "mem high", "metric": "mem.used_ratio", "operator": ">=", "threshold": 0.9}


@st.composite
def documents(draw) -> dict:
    metric = draw(st.sampled_from(sorted(METRICS)))
    mode = draw(st.sampled_from(["static", "core_plus"] if metric in CORE_METRICS else ["static"]))
    return {
        "name": draw(st.text("abc ", min_size=1).filter(str.strip).map(str.strip)),
        "enabled": draw(st.booleans()),
        "metric": metric,
        "operator": draw(st.sampled_from(sorted(OPERATORS))),
        "threshold": draw(st.integers(-1000, 1000) | st.floats(-1e9, 1e9)),
        "duration_sec": draw(st.sampled_from(DURATIONS)),
        "cooldown_min": draw(st.integers(0, 525_600)),
        "threshold_mode": mode,
        "threshold_offset": draw(st.integers(-9, 9)) if mode == "core_plus" else 0,
    }


@given(documents())
def test_whatever_dash_may_say_it_gets_back_and_it_is_a_rule_of_ours(document: dict) -> None:
    rule = draft_of(document)

    assert speakable(rule)
    assert document_of(rule) == document
    assert draft_of(document_of(rule)) == rule
    assert checked(rule).conditions == rule.conditions


def test_what_is_left_out_has_the_defaults_of_the_contract() -> None:
    assert document_of(draft_of(MINIMAL)) == {
        **MINIMAL,
        "enabled": True,
        "duration_sec": 60,
        "cooldown_min": 0,
        "threshold_mode": "static",
        "threshold_offset": 0,
    }
    assert draft_of(MINIMAL).conditions[0].cover == Cover(default_on=False)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"metric": "node.offline"}, "metric"),
        ({"metric": ["cpu.load1"]}, "metric"),
        ({"operator": "=>"}, "operator"),
        ({"operator": {}}, "operator"),
        ({"threshold": None}, "threshold"),
        ({"threshold": "0.9"}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 1e400}, "threshold"),
        ({"enabled": "yes"}, "enabled"),
        ({"duration_sec": 30}, "duration_sec"),
        ({"duration_sec": 60.5}, "duration_sec"),
        ({"cooldown_min": -1}, "cooldown_min"),
        ({"cooldown_min": 525_601}, "cooldown_min"),
        ({"threshold_mode": "dynamic"}, "threshold_mode"),
        ({"threshold_mode": "core_plus"}, "threshold_mode"),
        ({"threshold_offset": 1}, "threshold_offset"),
    ],
)
def test_what_is_not_possible_is_refused_by_name(patch: dict, field: str) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        draft_of({**MINIMAL, **patch})

    assert (list(refusal.value.fields), refusal.value.code) == ([field], "invalid_fields")


def test_a_change_keeps_what_dash_cannot_say() -> None:
    condition = replace(draft_of(MINIMAL).conditions[0], cover=Cover(False, frozenset({7})))
    rule = replace(draft_of(MINIMAL), conditions=(condition,), severity="critical", repeat="ladder", stale="hold")

    after = patched(rule, {"threshold": 0.8, "id": 9})

    assert after.conditions == (replace(condition, bound=0.8),)
    assert (after.severity, after.repeat, after.stale, after.name) == ("critical", "ladder", "hold", "mem high")


@pytest.mark.parametrize(
    ("patch", "code"), [({}, "no_fields"), ({"id": 1}, "no_fields"), ({"name": ""}, "invalid_fields")]
)
def test_a_change_of_nothing_and_one_that_is_not_possible_have_their_own_words(patch: dict, code: str) -> None:
    with pytest.raises((NoFieldsError, InvalidFieldsError)) as refusal:
        patched(draft_of(MINIMAL), patch)

    assert refusal.value.code == code


SAID = draft_of(MINIMAL)
ONE = SAID.conditions[0]


@pytest.mark.parametrize(
    "rule",
    [
        replace(SAID, subject_kind="device"),
        replace(SAID, conditions=(ONE, ONE)),
        replace(SAID, cooldown_s=90),
        replace(SAID, conditions=(replace(ONE, window=Streak(61)),)),
        replace(SAID, conditions=(replace(ONE, window=Share(20)),)),
        replace(SAID, conditions=(replace(ONE, window=Now()),)),
        replace(SAID, conditions=(replace(ONE, missing="hold"),)),
        replace(SAID, conditions=(replace(ONE, offset=1),)),
        replace(SAID, conditions=(replace(ONE, plus="cores"),)),
        replace(SAID, conditions=(Condition("swap.ratio", "ge", 1, window=Streak(60), missing="clear"),)),
        replace(SAID, conditions=(Condition("mem.ratio", "outside", high=1, window=Streak(60), missing="clear"),)),
    ],
)
def test_what_dash_cannot_say_it_does_not_list(rule: RuleDraft) -> None:
    assert not speakable(rule)


def test_the_first_four_rules_are_dashs_own() -> None:
    assert [document_of(rule) for rule in FIRST_RULES if speakable(rule)] == [
        {
            "name": name,
            "enabled": True,
            "metric": metric,
            "operator": ">=",
            "threshold": threshold,
            "duration_sec": 60,
            "cooldown_min": 0,
            "threshold_mode": mode,
            "threshold_offset": offset,
        }
        for name, metric, threshold, mode, offset in (
            ("cpu_usage_ratio_high", "cpu.usage_ratio", 0.9, "static", 0),
            ("cpu_load1_high", "cpu.load1", 0, "core_plus", 1),
            ("cpu_load5_high", "cpu.load5", 0, "core_plus", 0),
            ("mem_used_ratio_high", "mem.used_ratio", 0.9, "static", 0),
        )
    ]


@pytest.mark.parametrize(
    ("silence", "limit", "shown"), [(15.0, 14.0, (1, 1)), (14.0, 14.0, (0, 1)), (None, None, (None, 1))]
)
def test_silence_is_one_or_nothing_in_dashs_words(silence, limit, shown) -> None:
    assert dash.value_and_threshold("node.silence_s", silence, limit) == shown


@pytest.mark.parametrize(
    ("raid", "failed"),
    [
        (None, None),
        ({"available": False, "arrays": [{"failed": 2, "health": "degraded"}]}, None),
        ({"available": True, "arrays": []}, 0),
        ({"available": True, "arrays": [{"failed": 2, "health": "degraded"}, {"failed": 0, "health": "healthy"}]}, 2),
        ({"available": True, "arrays": [{"failed": 0, "health": "degraded"}, {"failed": 1, "health": ""}]}, 2),
        ({"available": True, "arrays": [{"failed": 0, "health": " "}]}, 0),
    ],
)
def test_an_ill_array_counts_its_failed_members_or_one(raid, failed) -> None:
    assert readings.columns_of({"raid": raid})["raid.failed"] == failed


@pytest.mark.parametrize(
    ("smart", "failed", "critical", "failing", "hottest"),
    [
        (None, None, None, None, None),
        ({"devices": []}, 0, None, None, None),
        ({"devices": [{"health": "FAILED", "temp_c": 40}, {"health": "passed", "temp_c": 51}]}, 1, None, None, 51),
        ({"devices": [{"critical_warning": 0}, {"critical_warning": 4}, {}]}, 0, 1, None, None),
        (
            {"devices": [{"failing_attrs": [{"when_failed": "FAILING_NOW"}, {"when_failed": "In_the_past"}]}]},
            0,
            None,
            1,
            None,
        ),
    ],
)
def test_disks_say_what_fails_and_nothing_where_it_is_not_reported(smart, failed, critical, failing, hottest) -> None:
    values = readings.columns_of({"disk": {"smart": smart}})

    assert [values[name] for name in ("smart.failed", "smart.critical", "smart.failing", "smart.max_temp_c")] == [
        failed,
        critical,
        failing,
        hottest,
    ]


@pytest.mark.parametrize(
    ("cpu", "cores"),
    [
        ({"cores_logical": 8, "cores_physical": 4}, 8),
        ({"cores_physical": 4}, 4),
        ({"cores_logical": 0}, None),
        ({}, None),
    ],
)
def test_logical_cores_count_before_physical_ones(cpu, cores) -> None:
    assert readings.cores_of({"cpu": cpu}) == cores


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("cpu.usage_ratio", 0.92, "92.00%"),
        ("mem.used", 1073741824.4, "1073741824B"),
        ("net.recv_bps", 12.345, "12.35B/s"),
        ("conn.tcp", 148, "148"),
        ("thermal.max_temp_c", 71.46, "71.5C"),
        ("cpu.load1", 5.1, "5.1"),
        ("cpu.load1", 12345.6, "1.235e+04"),
        ("raid.failed", 2, "2"),
        ("cpu.load1", None, "-"),
    ],
)
def test_values_are_written_as_the_contract_has_them(metric: str, value: float | None, text: str) -> None:
    assert dash.spelled(metric, value) == text


def test_messages_speak_chinese_in_the_zone_of_the_application() -> None:
    at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    event = dash.Event("web-1", "CPU", "cpu.load1", 5.0, at, threshold=4.0, duration_s=60)
    offline = replace(event, metric="node.offline")

    text = dash.opened(event, zone="Asia/Shanghai", language="zh")

    assert text.title == "告警触发: CPU @ web-1"
    assert text.body.splitlines()[-1] == "触发时间: 2026-05-01 20:00:00 CST"
    assert text.body.splitlines()[4:6] == ["当前值: 5", "阈值: 4"]
    assert dash.closed(event, language="zh").title == "告警恢复: CPU @ web-1"
    assert dash.opened(offline, language="zh").title == "离线告警：web-1"  # noqa: RUF001  # the wire has this colon
    assert dash.opened(offline).body == "Triggered at: 2026-05-01 12:00:00 UTC"
    assert dash.closed(offline) == dash.Text("Online restored: web-1", "Recovered at: 2026-05-01 12:00:00 UTC")
