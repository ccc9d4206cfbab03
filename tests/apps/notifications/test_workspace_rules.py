"""Workspace rules one change at a time; the sequences are in the vector file."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.notifications.workspace_rules import EmailRule, Memory, Notice, SmsOverride, SmsRule, notices

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
MAIL = EmailRule(enabled=True, cooldown_min=30, to=("ops@example.com",))
TEXT = SmsRule(enabled=True, cooldown_min=30, to="+491511234567")


def told(rule: Any = MAIL, memory: Memory | None = None, **change: Any) -> tuple[tuple[Notice, ...], Memory]:
    given: dict[str, Any] = {
        "before": "up",
        "after": "down",
        "at": NOW,
        "in_maintenance": False,
        "project_id": "berlin-01",
        "owner_email": "owner@example.com",
    }
    return notices(rule, memory or Memory(), **(given | change))


def test_a_notice_is_remembered_by_its_event() -> None:
    sent, memory = told()

    assert sent == (Notice(NOW, "email", "down", "ops@example.com"),)
    assert memory == Memory(down_at=NOW, last="down")


@pytest.mark.parametrize(
    "quiet",
    [
        {"in_maintenance": True},
        {"before": "down"},
        {"after": "warning"},
        {"after": "unknown"},
        {"before": "unknown", "after": "up"},
        {"rule": EmailRule(enabled=False, cooldown_min=30)},
        {"rule": EmailRule(enabled=True, cooldown_min=30), "owner_email": ""},
        {"rule": SmsRule(enabled=True, cooldown_min=30, to="0151 123")},
        {"rule": SmsRule(enabled=True, cooldown_min=30, to="+0151123456")},
    ],
)
def test_what_is_not_told_leaves_no_trace(quiet: dict[str, Any]) -> None:
    memory = Memory(up_at=NOW - timedelta(days=1), last="up")

    assert told(memory=memory, **quiet) == ((), memory)


def test_the_recovery_of_the_last_notice_waits_for_no_cooldown() -> None:
    memory = Memory(down_at=NOW, up_at=NOW, last="down")

    sent, memory = told(memory=memory, before="down", after="up", at=NOW + timedelta(seconds=1))

    assert [notice.event for notice in sent] == ["up"]
    assert memory.last == "up"


def test_a_recovery_of_what_was_never_told_waits_like_everything_else() -> None:
    memory = Memory(down_at=NOW - timedelta(minutes=20), up_at=NOW - timedelta(minutes=10), last="up")

    assert told(memory=memory, before="down", after="up") == ((), memory)


def test_recipients_come_once_each_in_order() -> None:
    rule = EmailRule(enabled=True, cooldown_min=30, to=("b@example.com", "a@example.com", "b@example.com"))

    assert [notice.to for notice in told(rule)[0]] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("override", "number"),
    [
        (SmsOverride(enabled=True, to="+61400111222"), "+61400111222"),
        (SmsOverride(enabled=False, to="+61400111222"), "+491511234567"),
        (SmsOverride(enabled=True, to=""), "+491511234567"),
    ],
)
def test_a_project_number_counts_when_enabled_and_given(override: SmsOverride, number: str) -> None:
    rule = SmsRule(enabled=True, cooldown_min=30, to="+491511234567", overrides={"berlin-01": override})

    assert [notice.to for notice in told(rule)[0]] == [number]
    assert [notice.to for notice in told(rule, project_id="lisbon-02")[0]] == ["+491511234567"]
