from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.device_state import judge
from apps.devices.types import Change
from apps.incidents.transitions import key_of, step_for, title_of
from tests.apps.incidents.scene import T0

STATES = ("unknown", "up", "warning", "down")


def verdict(before: str, after: str, *, in_maintenance: bool = False, seconds: int = 0):  # type: ignore[no-untyped-def]  # frozen value
    told = Change(
        workspace_id=1,
        device_id=7,
        at=T0 + timedelta(seconds=seconds),
        before=before,  # type: ignore[arg-type]  # parametrised text
        after=after,  # type: ignore[arg-type]  # parametrised text
        cause="",
        cause_text="",
        severity="",
        in_maintenance=in_maintenance,
    )
    return judge(told, rule_id=3, name="Till 1", project_id=None, own_severity="")


@pytest.mark.parametrize(
    ("open_state", "before", "after", "in_maintenance", "step"),
    [
        (None, "up", "down", False, "opened"),
        (None, "up", "warning", False, "opened"),
        (None, "unknown", "down", False, "opened"),
        (None, "up", "down", True, "changed"),
        (None, "down", "down", False, "opened"),  # a window ended, and the device is still down
        (None, "down", "down", True, None),
        (None, "down", "up", False, "changed"),
        (None, "unknown", "up", False, "changed"),
        (None, "up", "unknown", False, "changed"),
        (None, "up", "up", False, None),
        ("warning", "warning", "down", False, "worsened"),
        ("warning", "warning", "down", True, "worsened"),
        ("down", "down", "warning", False, "eased"),
        ("down", "down", "down", False, None),
        ("down", "unknown", "down", False, "changed"),
        ("down", "down", "unknown", False, "changed"),
        ("down", "down", "up", False, "closed"),
        ("down", "unknown", "up", False, "closed"),
        ("down", "down", "up", True, "closed"),
        ("warning", "warning", "up", False, "closed"),
    ],
)
def test_a_verdict_moves_its_incident_by_one_step(
    open_state: str | None, before: str, after: str, in_maintenance: bool, step: str | None
) -> None:
    assert step_for(verdict(before, after, in_maintenance=in_maintenance), open_state=open_state) == step


@given(st.sampled_from((None, "warning", "down")), st.sampled_from(STATES), st.sampled_from(STATES), st.booleans())
def test_every_real_change_leaves_an_event(
    open_state: str | None, before: str, after: str, in_maintenance: bool
) -> None:
    step = step_for(verdict(before, after, in_maintenance=in_maintenance), open_state=open_state)

    assert step is not None or before == after


def test_the_same_fact_has_the_same_key_and_another_instant_another() -> None:
    assert key_of(verdict("up", "down")) == key_of(verdict("up", "down"))
    assert key_of(verdict("up", "down")) != key_of(verdict("up", "down", seconds=1))
    assert key_of(verdict("up", "down")) != key_of(verdict("up", "warning"))


def test_a_title_says_the_state_in_words() -> None:
    assert title_of(verdict("up", "down")) == "Till 1 is down"
    assert title_of(verdict("up", "warning")) == "Till 1 is degraded"
