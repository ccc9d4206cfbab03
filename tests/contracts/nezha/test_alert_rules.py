"""Rules in Nezha's words: what it may say, what it gets back, and what it is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.built_in import BUILT_IN, FIRST_RULES
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft, checked
from apps.alerts.windows import Share, Streak
from apps.api.dash import alert_rules as dash
from apps.api.nezha.alert_rules import (
    OVER_A_CYCLE,
    PERCENT,
    PLAIN,
    RefusedError,
    condition_of,
    document_of,
    read_form,
    rule_of,
    speakable,
)
from apps.api.nezha.readings import columns_of
from apps.common.values import Cover
from apps.notifications.routing.ladder import said_again_at
from apps.notifications.styles import nezha

NOW = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)
CPU = {"type": "cpu", "max": 90, "duration": 10, "cover": 0}


@st.composite
def rules(draw) -> dict:
    kind = draw(st.sampled_from([*PERCENT, *PLAIN, *OVER_A_CYCLE, "offline", "moon_phase"]))
    cover = {"cover": draw(st.sampled_from([0, 1]))}
    ignore = draw(st.frozensets(st.integers(1, 99), max_size=4))
    if ignore:
        cover["ignore"] = {str(number): True for number in sorted(ignore)}
    if kind == "offline":
        return {"type": kind, "duration": draw(st.integers(3, 999)), **cover}
    limit = st.integers(1, 100) | st.integers(1, 10**6).map(lambda thousandths: thousandths / 1000)
    bounds = draw(st.fixed_dictionaries({}, optional={"min": limit, "max": limit}))
    said = {"type": kind, **{name: int(bound) if bound == int(bound) else bound for name, bound in bounds.items()}}
    if kind in OVER_A_CYCLE:
        unit = draw(st.sampled_from(["hour", "day", "week", "month", "year"]))
        anchor = draw(st.sampled_from(["2026-01-01T00:00:00+08:00", "2026-01-31T12:30:00Z"]))
        return {**said, "cycle_start": anchor, "cycle_interval": draw(st.integers(1, 99)), "cycle_unit": unit, **cover}
    return {**said, "duration": draw(st.integers(3, 999)), **cover}


@given(st.lists(rules(), min_size=1, max_size=10), st.sampled_from([0, 1]), st.booleans())
def test_whatever_nezha_may_say_it_gets_back_and_it_is_a_rule_of_ours(said: list[dict], mode: int, on: bool) -> None:
    form = {"name": "set", "enable": on, "rules": said, "trigger_mode": mode}

    rule = read_form(form, now=NOW, groups=()).rule

    assert speakable(rule)
    assert document_of(rule, extra={}) == form
    assert checked(rule) == rule


def test_what_hangs_on_a_form_is_handed_on() -> None:
    form = read_form(
        {"name": "x", "rules": [CPU], "fail_trigger_tasks": [4], "notification_group_id": 2}, now=NOW, groups={2}
    )

    assert (form.fail_tasks, form.recover_tasks, form.notification_group) == ((4,), (), 2)
    assert (form.rule.repeat, form.rule.stale, form.rule.enabled) == ("tick", "hold", False)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"type": "cpu", "cover": 0}, "duration need to be at least 3"),
        ({**CPU, "duration": 10**9}, "duration need to be at most 28800"),
        ({**CPU, "cover": 7}, "permission denied"),
        ({**CPU, "ignore": {"5": True}}, "permission denied"),
        ({"type": "transfer_in_cycle", "cycle_interval": 10**9}, "cycle_interval need to be at most 10000"),
        ({"type": "transfer_in_cycle", "cycle_interval": 1, "cycle_start": "soon"}, "cycle_start is not set"),
        ({**CPU, "type": "x" * 99}, "type is too long"),
    ],
)
def test_what_is_refused_is_said_in_its_words(rule: dict, text: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        read_form({"rules": [rule]}, now=NOW, groups=(), may_name=lambda number: number != 5)

    assert refusal.value.message == text


@pytest.mark.parametrize(
    "form",
    [
        {"rules": "all"},
        {"rules": [7]},
        {"rules": [{**CPU, "max": "90"}]},
        {"rules": [{**CPU, "max": float("nan")}]},
        {"rules": [{**CPU, "duration": 3.5}]},
        {"rules": [{**CPU, "duration": True}]},
        {"rules": [{**CPU, "ignore": [5]}]},
        {"rules": [{**CPU, "ignore": {"five": True}}]},
        {"rules": [CPU], "fail_trigger_tasks": "4"},
        {"rules": [CPU], "recover_trigger_tasks": ["x"]},
        {"rules": [CPU], "notification_group_id": "1"},
        {"rules": [CPU], "trigger_mode": []},
        {"rules": [CPU], "name": 5},
    ],
)
def test_a_form_of_other_types_is_refused_and_never_breaks(form: dict) -> None:
    with pytest.raises(RefusedError) as refusal:
        read_form(form, now=NOW, groups={1})

    assert refusal.value.message == "invalid form"


def test_a_server_that_is_named_and_not_ignored_needs_no_permission() -> None:
    rule = {**CPU, "ignore": {"5": False, "6": True}}

    form = read_form({"rules": [rule]}, now=NOW, groups=(), may_name=lambda number: number != 5)

    assert form.rule.conditions[0].cover == Cover(True, frozenset({6}))


def test_more_rules_than_a_rule_has_conditions_are_refused() -> None:
    with pytest.raises(RefusedError):
        read_form({"rules": [CPU] * 11}, now=NOW, groups=())


SAID = read_form({"name": "x", "rules": [CPU]}, now=NOW, groups=()).rule
ONE = SAID.conditions[0]
CYCLE = Condition("net.rx_bytes", "outside", high=1, window=Cycle(NOW, 1, "month", "Europe/Berlin"), missing="zero")


@pytest.mark.parametrize(
    "rule",
    [
        replace(SAID, subject_kind="device"),
        replace(SAID, cooldown_s=1),
        replace(SAID, repeat="ladder"),
        replace(SAID, conditions=(ONE, replace(ONE, window=Streak(60)))),
        replace(SAID, conditions=(replace(ONE, missing="hold"),)),
        replace(SAID, conditions=(replace(ONE, window=Share(10, every=True)),)),
        replace(SAID, conditions=(Condition("cpu.ratio", "gt", 0.9, window=Share(10), missing="zero"),)),
        replace(SAID, conditions=(replace(ONE, metric="swap.used_bytes"),)),
        replace(SAID, conditions=(replace(ONE, offset=1),)),
        replace(SAID, conditions=(CYCLE,)),
    ],
)
def test_what_nezha_cannot_say_it_does_not_list(rule: RuleDraft) -> None:
    assert not speakable(rule)


@given(rules())
def test_what_nezha_says_dash_cannot_and_the_other_way_round(said: dict) -> None:
    spoken = read_form({"name": "x", "rules": [said]}, now=NOW, groups=()).rule

    assert not dash.speakable(spoken)
    assert not any(speakable(rule) for rule in FIRST_RULES)


def test_a_fresh_list_is_empty() -> None:
    built_in = [RuleDraft(spec.name, spec.subject_kind, spec.conditions) for spec in BUILT_IN if spec.conditions]

    assert not any(speakable(rule) for rule in [*FIRST_RULES, *built_in])


def test_a_unit_that_is_not_known_counts_as_hours_and_any_case_is_fine() -> None:
    cycle = {"type": "transfer_in_cycle", "cycle_interval": 2, "cycle_start": "2026-01-01T00:00:00Z"}

    assert condition_of({**cycle, "cycle_unit": "fortnight"}).window.unit == "hour"
    assert condition_of({**cycle, "cycle_unit": "MONTH"}).window.unit == "month"
    assert rule_of(condition_of(cycle))["cycle_unit"] == "hour"


def test_what_a_report_leaves_out_is_nothing_except_where_nothing_can_be_said() -> None:
    values = columns_of({}, {})

    assert values["temp.max_c"] is None
    assert values["gpu.max_ratio"] is None
    assert {value for name, value in values.items() if name not in {"temp.max_c", "gpu.max_ratio"}} == {0}


@pytest.mark.parametrize(
    ("addresses", "shown"),
    [
        ("203.0.113.7", "203.****.7"),
        ("2001:db8::7", "2001:db8:****::7"),
        ("203.0.113.7/2001:db8:1:2::7", "203.****.7/2001:db8:****::7"),
        ("", ""),
        ("unknown", "unknown"),
    ],
)
def test_addresses_show_their_ends(addresses: str, shown: str) -> None:
    assert nezha.masked(addresses) == shown


def test_a_message_names_server_address_and_rule() -> None:
    said = {"server": "alpha", "addresses": "203.0.113.7", "rule": "CPU high"}

    assert nezha.message("incident", **said) == "[Incident] alpha(203.****.7) CPU high"
    assert nezha.message("resolved", plain=True, **said) == "[Resolved] alpha(203.0.113.7) CPU high"


def test_a_lasting_event_is_said_ever_more_seldom() -> None:
    said = [0]
    for minute in range(1, 60 * 24 * 5):
        if NOW + timedelta(minutes=minute) >= said_again_at(NOW, NOW + timedelta(minutes=said[-1])):
            said.append(minute)

    # Strictly more than the gap has to pass, so a minute later on a clock of minutes.
    gaps = [later - earlier - 1 for earlier, later in pairwise(said)]
    assert gaps[:9] == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
