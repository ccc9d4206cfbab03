"""Identity, workspaces, invitations, preferences and tokens (contract Dashmon 4, 12, 13, 16)."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from apps.accounts.services import NO_ZONE
from apps.audit.models import AuditEntry
from apps.tokens.models import ApiToken
from apps.workspaces.models import Invitation, Membership
from apps.workspaces.permissions import PERMISSIONS
from tests import factories
from tests.contracts.dashmon.conftest import Caller, refused

INVITATIONS = "/api/user/team-invitations"
TOKENS = "/api/user/api-tokens"


def test_me(api, workspace, owner, project, device) -> None:
    body = api("GET", "/api/me").json()

    expected = {
        "id": str(owner.public_id),
        "email": "ana@example.com",
        "name": "Ana",
        "plan": "premium",
        "plan_status": "active",
        "timezone": None,
        "workspace": {
            "ownerUserId": str(owner.public_id),
            "name": "Ana's workspace",
            "plan": "premium",
            "isOwn": True,
        },
        "role": "owner",
        "projectScope": None,
        "authMode": "session",
        "writeLock": {"locked": False, "reason": None, "over": [], "since": None},
        "limits": {
            "projects": 10,
            "devicesPerProject": 15,
            "checkIntervalSeconds": 900,
            "historyDays": 90,
            "members": 10,
            "statusPages": 5,
            "apiTokens": 10,
        },
        "usage": {"projects": 1, "devicesMaxInProject": 1, "members": 1, "statusPages": 0, "apiTokens": 0},
    }
    assert {name: body[name] for name in expected} == expected


def test_me_by_token(workspace, owner, with_token) -> None:
    body = with_token("read_only")("GET", "/api/me").json()

    assert (body["id"], body["role"], body["authMode"]) == (str(owner.public_id), "viewer", "bearer")


def test_me_tells_since_when_the_workspace_is_locked(api, workspace, project, clock) -> None:
    workspace.limit_overrides = {"projects": 0}
    workspace.save()
    api("GET", "/api/me")
    clock.forward(hours=1)

    lock = api("GET", "/api/me").json()["writeLock"]

    assert lock == {
        "locked": True,
        "reason": "over_plan_limits",
        "over": [{"limit": "projects", "max": 0, "used": 1}],
        "since": "2026-03-02T10:00:00.000Z",
    }


# --- Workspaces --------------------------------------------------------------------------------------------


@pytest.fixture
def guest(workspace):
    """Bo, with a workspace of their own and an editor's seat in Ana's."""
    user = factories.make_user("bo@example.com", name="Bo")
    own = factories.make_workspace(owner=user, plan="free", name="Bo's place")
    factories.make_seat(workspace, "editor", user=user)
    return Caller(user=user), own


def test_the_foundation_lists_permissions_and_workspaces(guest, workspace) -> None:
    call, _ = guest

    body = call("GET", "/api/user/permission-foundation").json()

    assert list(body["permissions"]) == list(PERMISSIONS)
    assert body["permissions"]["billing"] is True
    assert body["capabilities"]["premium"] is False
    assert body["member"]["isOwner"] is True
    assert [(row["name"], row["role"], row["plan"], row["selected"]) for row in body["accessibleWorkspaces"]] == [
        ("Bo's place", "owner", "free", True),
        ("Ana's workspace", "editor", "premium", False),
    ]


def test_another_workspace_is_selected_and_left_again(guest, workspace) -> None:
    call, own = guest

    answer = call("POST", "/api/user/account-context", {"ownerUserId": str(workspace.public_id)}).json()

    context = {"ownerUserId": str(workspace.public_id), "role": "editor", "plan": "premium"}
    assert answer == {"ok": True, "context": context}
    me = call("GET", "/api/me").json()
    assert (me["plan"], me["role"], me["workspace"]["isOwn"]) == ("premium", "editor", False)
    foundation = call("GET", "/api/user/permission-foundation").json()
    assert (foundation["permissions"]["projects.delete"], foundation["capabilities"]["testNow"]) == (False, True)
    back = call("POST", "/api/user/account-context", {"ownerUserId": None}).json()
    assert back["context"]["ownerUserId"] == str(own.public_id)


def test_a_foreign_workspace_cannot_be_told_from_none(guest, stranger) -> None:
    call, _ = guest
    foreign = factories.make_workspace()

    for owner_id in (str(foreign.public_id), "00000000-0000-0000-0000-000000000000", "x"):
        body = {"ownerUserId": owner_id}
        refused(call("POST", "/api/user/account-context", body), 404, "not_found", "Workspace not found")
    refused(call("POST", "/api/user/account-context", {}), 400, "validation_error")
    refused(call("POST", "/api/user/account-context", {"ownerUserId": 5}), 400, "validation_error")


# --- Invitations -------------------------------------------------------------------------------------------


def accept(call: Caller, url: str):
    token = parse_qs(urlsplit(url).query)["token"][0]
    return call("POST", f"{INVITATIONS}/accept", {"token": token})


def test_a_seat_is_offered_and_taken(api, workspace, owner, project, clock) -> None:
    user = factories.make_user("bo@example.com")
    factories.make_workspace(owner=user)
    body = {"email": "Bo@Example.com", "role": "editor", "projectIds": ["berlin-01"]}

    offered = api("POST", INVITATIONS, body)

    assert offered.status_code == 201
    invitation = offered.json()["invitation"]
    assert (invitation["email"], invitation["role"], invitation["status"]) == ("bo@example.com", "editor", "pending")
    assert (invitation["projectScope"], invitation["invitedBy"]) == (["berlin-01"], str(owner.public_id))
    assert invitation["expiresAt"] == "2026-03-09T10:00:00.000Z"
    call = Caller(user=user)
    answer = accept(call, offered.json()["acceptUrl"]).json()
    assert (answer["ok"], answer["role"]) == (True, "editor")
    assert answer["workspace"]["ownerUserId"] == str(workspace.public_id)
    # The session stays where it was.
    assert call("GET", "/api/me").json()["workspace"]["isOwn"] is True
    scoped = Caller(user=user, workspace=workspace)
    assert scoped("GET", "/api/me").json()["projectScope"] == ["berlin-01"]
    assert [row["status"] for row in api("GET", INVITATIONS).json()["invitations"]] == ["accepted"]
    assert AuditEntry.objects.of(workspace).get(verb="invitation.accept").actor == "bo@example.com"


@pytest.mark.parametrize(
    ("body", "error", "field"),
    [
        ({"email": "x", "role": "editor"}, "Invalid email address: x", "email"),
        ({"role": "editor"}, "Required.", "email"),
        ({"email": "b@example.com", "role": "owner"}, "One of admin, editor, viewer.", "role"),
        ({"email": "b@example.com", "role": "viewer", "projectIds": ["none"]}, "Unknown project: none", "projectIds"),
        ({"email": "b@example.com", "role": "viewer", "projectIds": "all"}, "A list of texts.", "projectIds"),
    ],
)
def test_a_bad_invitation_leaves_nothing(api, body, error, field) -> None:
    response = api("POST", INVITATIONS, body)

    assert set(refused(response, 400, "validation_error", error)["details"]["fields"]) == {field}
    assert not Invitation.objects.exists()


def test_inviting_again_renews_and_the_old_link_dies(api, clock) -> None:
    user = factories.make_user("bo@example.com")
    factories.make_workspace(owner=user)
    body = {"email": "bo@example.com", "role": "viewer"}
    first = api("POST", INVITATIONS, body).json()
    clock.forward(days=6)

    second = api("POST", INVITATIONS, {**body, "role": "editor"}).json()

    assert second["invitation"]["id"] == first["invitation"]["id"]
    assert len(api("GET", INVITATIONS).json()["invitations"]) == 1
    refused(accept(Caller(user=user), first["acceptUrl"]), 410, "invitation_expired")
    assert accept(Caller(user=user), second["acceptUrl"]).json()["role"] == "editor"


def test_a_member_is_not_invited_twice(api, workspace) -> None:
    factories.make_seat(workspace, "viewer", user=factories.make_user("bo@example.com"))

    refused(api("POST", INVITATIONS, {"email": "bo@example.com", "role": "viewer"}), 409, "conflict", "conflict")


def test_pending_invitations_take_seats(api, workspace) -> None:
    workspace.limit_overrides = {"members": 2}
    workspace.save()
    api("POST", INVITATIONS, {"email": "a@example.com", "role": "viewer"})

    response = api("POST", INVITATIONS, {"email": "b@example.com", "role": "viewer"})

    assert refused(response, 400, "plan_limit_reached")["details"] == {"limit": "members", "max": 2, "used": 2}
    assert Invitation.objects.count() == 1


def test_a_dead_link_is_gone_and_a_foreign_one_forbidden(api, workspace, clock) -> None:
    offered = api("POST", INVITATIONS, {"email": "bo@example.com", "role": "viewer"}).json()
    other, bo = factories.make_user(), factories.make_user("bo@example.com")
    for user in (other, bo):
        factories.make_workspace(owner=user)

    refused(accept(Caller(user=other), offered["acceptUrl"]), 403, "forbidden")
    refused(Caller(user=bo)("POST", f"{INVITATIONS}/accept", {"token": "inv_unknown"}), 410, "invitation_expired")
    clock.forward(days=7)
    refused(accept(Caller(user=bo), offered["acceptUrl"]), 410, "invitation_expired")
    assert not Membership.objects.of(workspace).filter(user__in=[other, bo]).exists()


def test_cancelling_once(api) -> None:
    offered = api("POST", INVITATIONS, {"email": "bo@example.com", "role": "viewer"}).json()["invitation"]
    path = f"{INVITATIONS}/{offered['id']}/cancel"

    assert api("POST", path).json() == {"ok": True, "invitation": {**offered, "status": "cancelled"}}

    refused(api("POST", path), 409, "conflict")
    refused(api("POST", f"{INVITATIONS}/inv_nobody/cancel"), 404, "not_found", "Invitation not found")


def test_an_editor_does_not_manage_the_team(seated) -> None:
    refused(seated("editor")("POST", INVITATIONS, {"email": "x@example.com", "role": "viewer"}), 403, "forbidden")
    assert not Invitation.objects.exists()


# --- Preferences -------------------------------------------------------------------------------------------


def test_the_time_zone_is_set_and_cleared(api) -> None:
    path = "/api/user/preferences/timezone"
    lisbon = {"preferences": {"timezone": "Europe/Lisbon"}}

    assert api("PUT", path, lisbon["preferences"]).json() == lisbon
    assert api("GET", "/api/user/preferences").json() == lisbon
    assert api("GET", "/api/me").json()["timezone"] == "Europe/Lisbon"
    assert api("PUT", path, {"timezone": ""}).json() == {"preferences": {"timezone": None}}


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", 5, "europe/lisbon"])
def test_a_zone_nobody_knows_is_refused(api, owner, zone) -> None:
    sentence = "Invalid timezone (must be an IANA timezone like Australia/Adelaide)"

    refused(api("PUT", "/api/user/preferences/timezone", {"timezone": zone}), 400, "validation_error", sentence)

    owner.refresh_from_db()
    assert owner.timezone == ""


# --- Tokens ------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_works(api, workspace, clock) -> None:
    body = {"label": "CI", "accessLevel": "read_write", "expiresInDays": 90}

    made = api("POST", TOKENS, body)

    assert made.status_code == 201
    raw, token = made.json()["token"], made.json()["apiToken"]
    assert raw.startswith("dm_live_")
    assert len(raw) == len("dm_live_") + 43
    assert (token["label"], token["accessLevel"], token["prefix"]) == ("CI", "read_write", raw[:12])
    assert (token["expiresAt"], token["usable"]) == ("2026-05-31T10:00:00.000Z", True)
    assert api("GET", TOKENS).json() == {"tokens": [token]}
    assert Caller(token=raw)("POST", "/api/projects", {"name": "By token"}).status_code == 200
    assert AuditEntry.objects.of(workspace).get(verb="project.create").actor == "token CI"
    assert all(raw[12:] not in str(entry.changes) for entry in AuditEntry.objects.all())


def test_a_token_is_read_only_and_endless_unless_told(api) -> None:
    token = api("POST", TOKENS, {"label": "CI"}).json()["apiToken"]

    assert (token["accessLevel"], token["expiresAt"], token["lastUsedAt"]) == ("read_only", None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "label"),
        ({"label": " "}, "label"),
        ({"label": "x" * 81}, "label"),
        ({"label": "CI", "accessLevel": "admin"}, "accessLevel"),
        ({"label": "CI", "expiresInDays": 0}, "expiresInDays"),
        ({"label": "CI", "expiresInDays": 3651}, "expiresInDays"),
        ({"label": "CI", "expiresInDays": "90"}, "expiresInDays"),
    ],
)
def test_a_bad_token_leaves_nothing(api, body, field) -> None:
    assert set(refused(api("POST", TOKENS, body), 400, "validation_error")["details"]["fields"]) == {field}

    assert not ApiToken.objects.exists()


def test_a_revoked_token_leaves_the_list_and_dies_at_once(api) -> None:
    made = api("POST", TOKENS, {"label": "CI"}).json()
    path = f"{TOKENS}/{made['apiToken']['id']}"

    assert api("DELETE", path).json() == {"ok": True}

    assert api("GET", TOKENS).json() == {"tokens": []}
    refused(Caller(token=made["token"])("GET", "/api/me"), 401, "token_revoked")
    refused(api("DELETE", path), 404, "not_found", "Token not found")


def test_ten_tokens_are_enough(api, workspace) -> None:
    for _ in range(10):
        factories.make_token(workspace)

    response = api("POST", TOKENS, {"label": "one more"})

    assert refused(response, 400, "plan_limit_reached")["details"] == {"limit": "apiTokens", "max": 10, "used": 10}


def test_free_lists_tokens_that_are_not_usable(api, workspace, clock) -> None:
    factories.make_token(workspace, days=1, now=clock.now)
    workspace.plan = "free"
    workspace.save()

    assert [token["usable"] for token in api("GET", TOKENS).json()["tokens"]] == [False]
    legacy = api("GET", "/api/user/api-token").json()
    assert legacy == {"hasToken": True, "createdAt": "2026-03-02T10:00:00.000Z", "lastUsedAt": None, "usable": False}


def test_an_expired_token_is_not_usable(api, workspace, clock) -> None:
    factories.make_token(workspace, days=1, now=clock.now)
    clock.now += timedelta(days=1)

    assert api("GET", TOKENS).json()["tokens"][0]["usable"] is False
    assert api("GET", "/api/user/api-token").json()["usable"] is False


@pytest.mark.parametrize("name", ["localtime", "Factory", "\x00"])
def test_a_zone_of_no_place_is_refused(api, owner, name) -> None:
    response = api("PUT", "/api/user/preferences/timezone", {"timezone": name})

    refused(response, 400, "validation_error", NO_ZONE)
    owner.refresh_from_db()
    assert owner.timezone == ""
