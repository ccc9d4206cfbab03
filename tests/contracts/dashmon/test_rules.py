"""The pure parts of the surface: gates, limits, cursors, faults, figures."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ErrorDetail

from apps.api.dashmon import errors, pagination
from apps.api.dashmon.gates import ANONYMOUS, GATES, Caller, decide, gate_of
from apps.api.dashmon.serializers.faults import refuse
from apps.api.dashmon.serializers.history import milliseconds
from apps.common.errors import InvalidInputError
from apps.workspaces.permissions import PERMISSIONS, Actor

EVERYTHING = Caller("session", frozenset(PERMISSIONS))


def test_every_gate_asks_for_a_permission_that_exists() -> None:
    assert {gate.permission for gate in GATES.values()} - {None} <= set(PERMISSIONS)
    assert len(GATES) > 75


def test_the_names_of_variables_do_not_matter() -> None:
    assert gate_of("PUT", "/api/devices/:x") == gate_of("PUT", "/api/devices/:deviceId")
    assert gate_of("HEAD", "/api/me") == gate_of("GET", "/api/me")
    assert gate_of("PATCH", "/api/devices/:deviceId") is None


def test_nothing_but_public_routes_lets_anybody_in() -> None:
    for gate in GATES.values():
        refusal = decide(gate, ANONYMOUS, plan="premium")
        assert (refusal is None) == gate.public, gate


def test_a_locked_workspace_never_refuses_reads_and_deletes() -> None:
    for gate in GATES.values():
        if gate.method in {"GET", "DELETE"}:
            assert decide(gate, EVERYTHING, plan="premium", locked=True) is None, gate


def test_the_first_refusal_wins() -> None:
    gate = gate_of("POST", "/api/user/api-tokens")
    nobody = Caller("bearer", frozenset(), read_only=True)

    codes = [
        decide(gate, nobody, plan="free", locked=True, in_scope=False).code,
        decide(gate, nobody, plan="premium", locked=True, in_scope=False).code,
        decide(gate, Caller("session"), plan="free", locked=True, in_scope=False).code,
        decide(gate, EVERYTHING, plan="free", locked=True, in_scope=False).code,
        decide(gate, EVERYTHING, plan="premium", locked=True, in_scope=False).code,
        decide(gate, EVERYTHING, plan="premium", in_scope=False).code,
    ]

    expected = ["premium_required", "session_required", "forbidden", "premium_required", "write_locked", "not_found"]
    assert codes == expected


def test_a_scope_takes_workspace_wide_writes_away() -> None:
    scoped = Caller.of("session", Actor(1, "editor", "bo", projects=frozenset({1})))

    assert decide(gate_of("POST", "/api/projects"), scoped, plan="premium").code == "forbidden"
    assert decide(gate_of("PUT", "/api/projects/:id"), scoped, plan="premium") is None


# --- Cursors -----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**63 - 1), st.none() | st.datetimes(timezones=st.just(UTC)))
def test_a_cursor_reads_what_it_wrote(key: int, at: datetime | None) -> None:
    keyset = pagination.Keyset(key, at)

    assert pagination.Keyset.decode(keyset.encode()) == keyset


@given(st.text(max_size=60))
def test_any_other_text_is_refused_or_harmless(text: str) -> None:
    try:
        keyset = pagination.Keyset.decode(text)
    except InvalidInputError:
        return
    assert 0 <= keyset.id < 2**63


@pytest.mark.parametrize(
    "content",
    ["[18446744073709551616, null]", '["1", null]', "[-1, null]", "[true, null]", '[1, "0001-01-01T00:00:00+14:00"]'],
)
def test_a_key_that_is_no_key_is_refused(content: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        pagination.Keyset.decode(base64.urlsafe_b64encode(content.encode()).decode())

    assert refused.value.fields == {"cursor": "cursor is not valid"}


# --- Spelling ----------------------------------------------------------------------------------------------


def test_faults_are_named_by_path() -> None:
    found = {
        "name": [ErrorDetail("Required.")],
        "tags": {1: [ErrorDetail("A text.")]},
        "steps": [{}, {"after": [ErrorDetail("A whole number.")]}],
    }

    with pytest.raises(InvalidInputError) as refused:
        refuse(found, missing="Everything is required")

    assert refused.value.message == "Everything is required"
    assert refused.value.fields == {"name": "Required.", "tags[1]": "A text.", "steps[1].after": "A whole number."}


@pytest.mark.parametrize(("us", "ms"), [(None, None), (41_000, 41), (60_500, 60.5), (1, 0.001), (1_234.5678, 1.235)])
def test_microseconds_become_milliseconds(us, ms) -> None:
    assert milliseconds(us) == ms
    assert type(milliseconds(41_000)) is int


def test_every_code_has_a_status() -> None:
    assert set(errors.STATUS) >= errors.SENTENCES
    assert all(400 <= status < 600 for status in errors.STATUS.values())
