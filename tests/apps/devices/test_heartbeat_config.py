"""Heartbeat configurations: defaults, every refusal by its path, what GET shows and PUT ignores."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.devices import heartbeat_config

DEFAULTS: dict[str, Any] = {
    "mode": "interval",
    "intervalSeconds": 3600,
    "graceSeconds": 300,
    "schedule": None,
    "timezone": "UTC",
    "methods": "any",
    "manualResume": False,
    "filters": {"start": "", "success": "", "failure": "", "unmatchedIsFailure": False},
}


def fields(document: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as refused:
        heartbeat_config.normalise(document)
    return sorted(refused.value.fields)


def test_nothing_said_is_hourly_with_five_minutes_of_grace() -> None:
    assert heartbeat_config.normalise({}) == DEFAULTS


def test_a_schedule_in_a_zone_is_kept() -> None:
    cron = {"mode": "cron", "schedule": "30 2 * * MON-FRI", "timezone": "Europe/Berlin"}

    assert heartbeat_config.normalise(cron) == DEFAULTS | cron
    assert heartbeat_config.normalise(cron | {"intervalSeconds": None}) == DEFAULTS | cron


def test_what_get_shows_can_be_sent_back_and_holds_no_token() -> None:
    shown = {
        "config": DEFAULTS
        | {"token": "hb_x", "webhookUrl": "https://x.example/", "tokenCreatedAt": None, "graceSeconds": 60},
        "state": {"state": "up"},
    }

    assert heartbeat_config.normalise(shown) == DEFAULTS | {"graceSeconds": 60}


def test_what_a_request_says_wins_over_what_is_stored_beside_it() -> None:
    assert heartbeat_config.normalise({**DEFAULTS, "config": {"graceSeconds": 60}})["graceSeconds"] == 60


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ({"regenerateToken": True}, True),
        ({"config": {"regenerateToken": True}}, True),
        ({"config": {}, "regenerateToken": True}, True),
        ({"regenerateToken": False}, False),
        ({"regenerateToken": "true"}, False),
        ({}, False),
    ],
)
def test_only_a_literal_true_asks_for_a_new_token(document: dict[str, Any], wanted: bool) -> None:
    assert heartbeat_config.wants_new_token(document) is wanted


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"mode": "daily"}, "mode"),
        ({"mode": None}, "mode"),
        ({"intervalSeconds": 9}, "intervalSeconds"),
        ({"intervalSeconds": 31_536_001}, "intervalSeconds"),
        ({"intervalSeconds": "60"}, "intervalSeconds"),
        ({"intervalSeconds": None}, "intervalSeconds"),
        ({"graceSeconds": 9}, "graceSeconds"),
        ({"graceSeconds": True}, "graceSeconds"),
        ({"mode": "cron"}, "schedule"),
        ({"mode": "cron", "schedule": "* * * *"}, "schedule"),
        ({"schedule": "0 0 30 2 *"}, "schedule"),
        ({"schedule": 5}, "schedule"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": None}, "timezone"),
        ({"methods": "POST"}, "methods"),
        ({"manualResume": 1}, "manualResume"),
        ({"filters": {"start": ["x"]}}, "filters.start"),
        ({"filters": {"success": "x" * 201}}, "filters.success"),
        ({"filters": {"failure": "\x00"}}, "filters.failure"),
        ({"filters": {"unmatchedIsFailure": "no"}}, "filters.unmatchedIsFailure"),
        ({"filters": {"finish": "x"}}, "filters.finish"),
        ({"filters": "x"}, "filters"),
        ({"regenerateToken": "yes"}, "regenerateToken"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_bad_field_is_named(document: dict[str, Any], path: str) -> None:
    assert fields(document) == [path]


@pytest.mark.parametrize("seconds", [10, 31_536_000])
def test_the_edges_are_allowed(seconds: int) -> None:
    result = heartbeat_config.normalise({"intervalSeconds": seconds, "graceSeconds": seconds})

    assert (result["intervalSeconds"], result["graceSeconds"]) == (seconds, seconds)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(changes=st.dictionaries(st.sampled_from(sorted(DEFAULTS)), anything, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_document_is_refused_by_name_or_normalised_for_good(changes: dict[str, Any]) -> None:
    named: dict[str, str] = {}
    try:
        result = heartbeat_config.normalise(DEFAULTS | changes)
    except InvalidInputError as refused:
        named = refused.fields

    assert named or heartbeat_config.normalise(result) == result
