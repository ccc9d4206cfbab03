import pytest

from apps.common.errors import ForbiddenError, NotFoundError
from apps.workspaces.permissions import (
    PERMISSIONS,
    ROLE,
    TOKEN_READ_ONLY,
    TOKEN_READ_WRITE,
    Actor,
    RoleName,
    ensure,
    ensure_in_scope,
    may,
)

READING = set(PERMISSIONS[:8])
# The table of contract Dashmon section 3, as everything beyond reading that a role may do.
EDITING = {
    "projects.create",
    "projects.update",
    "devices.write",
    "devices.refreshAll",
    "maintenance.write",
    "incidents.write",
    "alertSettings.write",
    "statusPages.write",
    "statusPages.publish",
    "secrets.read",
    "posture.read",
}
BEYOND: dict[RoleName, set[str]] = {
    "owner": EDITING
    | {"projects.delete", "alerts.write", "tokens.manage", "team.manage", "preferences.self", "billing"}
    | {"workspace.delete"},
    "admin": EDITING | {"projects.delete", "alerts.write", "tokens.manage", "team.manage", "preferences.self"},
    "editor": EDITING | {"preferences.self"},
    "viewer": {"preferences.self"},
}


def actor(role: RoleName, projects: frozenset[int] | None = None) -> Actor:
    return Actor(workspace_id=1, role=role, label=role, projects=projects)


@pytest.mark.parametrize("role", ROLE)
def test_a_role_may_do_what_the_contracts_table_says_and_nothing_else(role: RoleName) -> None:
    assert set(actor(role).permissions) == READING | BEYOND[role]


def test_a_scoped_editor_loses_what_reaches_the_whole_workspace() -> None:
    lost = {"projects.create", "devices.refreshAll", "statusPages.write"}

    assert set(actor("editor", frozenset({1})).permissions) == READING | BEYOND["editor"] - lost


def test_a_scoped_admin_cannot_widen_the_own_reach() -> None:
    scoped = actor("admin", frozenset({1}))

    assert not {"tokens.manage", "team.manage", "alerts.write"} & scoped.permissions
    assert "projects.delete" in scoped.permissions


def test_tokens_read_or_edit_and_never_do_what_needs_a_session() -> None:
    assert set(TOKEN_READ_ONLY) == READING | {"posture.read"}
    assert set(TOKEN_READ_WRITE) == READING | EDITING | {"projects.delete", "alerts.write"}


def test_grants_stand_in_for_the_role() -> None:
    token = Actor(workspace_id=1, role="viewer", label="token", grants=TOKEN_READ_ONLY)

    assert may(token, "posture.read")
    assert not may(token, "preferences.self")


def test_every_row_must_be_within_reach() -> None:
    scoped = actor("editor", frozenset({1, 2}))

    assert may(scoped, "devices.write", projects=[1, 2])
    assert not may(scoped, "devices.write", projects=[1, 3])
    assert not may(scoped, "devices.write", projects=[None])
    assert may(actor("editor"), "devices.write", projects=[None, 3])
    assert not may(actor("viewer"), "devices.write", projects=[1])


def test_a_lacking_permission_is_named_with_the_role() -> None:
    ensure(actor("editor"), "devices.write")

    with pytest.raises(ForbiddenError) as refusal:
        ensure(actor("viewer"), "devices.write")

    assert refusal.value.details == {"required": "devices.write", "role": "viewer"}


def test_what_is_outside_the_scope_is_not_there() -> None:
    ensure_in_scope(actor("viewer", frozenset({1})), 1)

    with pytest.raises(NotFoundError, match="Device not found"):
        ensure_in_scope(actor("viewer", frozenset({1})), 2, noun="Device")
