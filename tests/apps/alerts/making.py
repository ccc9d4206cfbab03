"""Subjects, samples and rules for tests: made of what a test says, and of what hardly ever matters."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.alerts.conditions import Condition
from apps.alerts.states import Rule
from apps.alerts.types import Sample, Subject
from apps.common.values import Ref

START = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def subject(number: int = 7, *, workspace_id: int = 1, kind: str = "node", **facts: Any) -> Subject:
    return Subject(workspace_id, Ref(kind, number), number, facts.pop("name", f"{kind}-{number}"), **facts)


def sample(seconds: float, values: Mapping[str, float | None], **facts: Any) -> Sample:
    about = facts.pop("subject", None) or subject()
    return Sample(about, at(seconds), values, **facts)


def rule(*conditions: Condition, **facts: Any) -> Rule:
    fields: dict[str, Any] = {
        "pk": 1,
        "workspace_id": 1,
        "number": 1,
        "name": "CPU high",
        "generation": 1,
        "changed_at": START,
        "severity": "warning",
    }
    return Rule(**(fields | facts), conditions=conditions)
