"""The gate table in front of the real views: a sample of dashmon_permissions.json, end to end."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.alerts.built_in import DEVICE_STATE
from apps.alerts.models import AlertRule
from apps.common.ids import encode_uuid
from apps.incidents.models import Incident
from apps.projects.models import Project
from apps.statuspages import services as status_pages
from apps.workspaces import invitations
from apps.workspaces.models import Membership, Workspace
from tests import factories
from tests.contracts.dashmon.conftest import Caller
from tests.contracts.dashmon.routes import BODIES, Target
from tests.replay.permissions import CASES

VECTORS = Path(__file__).parents[2] / "vectors" / "dashmon_permissions.json"
DOCUMENT = json.loads(VECTORS.read_text(encoding="utf-8"))
SAMPLE = [
    case
    for case in [case for case in DOCUMENT["cases"] if case["kind"] == "gate"][::8]
    if (case["method"], case["route"]) in BODIES
]
OUT_OF_SCOPE = [
    case for case in DOCUMENT["cases"] if case.get("inScope") is False and (case["method"], case["route"]) in BODIES
]
UNLIMITED = {"members": None, "projects": None, "devicesPerProject": None, "statusPages": None, "apiTokens": None}


def caller(actor: str, workspace: Workspace, project: Project) -> Caller:
    """Somebody who is `actor` in the workspace."""
    if actor == "anonymous":
        return Caller()
    if actor.startswith("token"):
        _, raw = factories.make_token(workspace, "read_write" if actor == "token_rw" else "read_only")
        return Caller(token=raw)
    if actor == "owner":
        seat = Membership.objects.of(workspace).get(role="owner")
    else:
        role, _, scoped = actor.partition("_")
        seat = factories.make_seat(workspace, role, projects=[project] if scoped else None)
    return Caller(user=seat.user, workspace=workspace)


def target(workspace: Workspace, project: Project, now: Any) -> Target:
    owner = Membership.objects.of(workspace).get(role="owner")
    offer, _ = invitations.invite(
        workspace=workspace, email="new@example.com", role="viewer", project_keys=None, invited_by=owner.user, now=now
    )
    token, _ = factories.make_token(workspace)
    device = factories.make_device(project)
    incident = Incident.objects.create(
        workspace=workspace,
        number=1,
        rule=AlertRule.objects.of(workspace).get(number=DEVICE_STATE),
        subject_kind="device",
        subject_id=device.pk,
        subject_name=device.name,
        project=project,
        severity="critical",
        state="down",
        title="Till 1 is down",
        opened_at=now,
    )
    page, _ = status_pages.create_page(
        workspace=workspace, values={"name": "Shop", "visibility": "private_token"}, projects=[project], now=now
    )
    return Target(
        project.key,
        device,
        factories.make_device(project, "Backup", kind="heartbeat"),
        factories.make_device(project, "Name", kind="dns"),
        encode_uuid("inv", offer.public_id),
        encode_uuid("tok", token.public_id),
        incident.wire_id,
        page.wire_id,
    )


def set_stage(workspace: Workspace, *, plan: str, locked: bool) -> None:
    workspace.plan = plan
    workspace.limit_overrides = {**UNLIMITED, "members": 0} if locked else UNLIMITED
    workspace.save()


@pytest.mark.parametrize("case", SAMPLE + OUT_OF_SCOPE, ids=lambda case: case["id"])
def test_the_views_refuse_as_the_gates_say(case: dict[str, Any], workspace: Workspace, project: Project, now: Any):
    CASES["dashmon_permissions"](DOCUMENT, case)
    call = caller(case["actor"], workspace, project)
    place = project if case.get("inScope", True) else factories.make_project(workspace)
    path = target(workspace, place, now).path(case["route"])
    set_stage(workspace, plan=case["plan"], locked=case["writeLocked"])

    response = call(case["method"], path, BODIES[case["method"], case["route"]])

    expected = case["expect"]
    if expected["allowed"]:
        assert response.status_code < 300 or response.status_code in {400, 422}, response.content
    else:
        assert response.status_code == expected["status"], response.content
        assert json.loads(response.content)["code"] == expected["code"]


def test_the_sample_is_worth_its_name() -> None:
    assert len(SAMPLE) > 60
    assert {case["actor"] for case in SAMPLE} >= {"owner", "editor_scoped", "viewer", "token_rw"}


def test_a_refused_role_learns_what_it_lacks(seated, project) -> None:
    response = seated("viewer")("POST", "/api/projects", {"name": "Mine"})

    body = json.loads(response.content)
    assert (response.status_code, body["code"]) == (403, "forbidden")
    assert body["details"] == {"required": "projects.create", "role": "viewer"}
    assert Project.objects.count() == 1


def test_a_locked_workspace_says_what_is_over(api, workspace, project) -> None:
    workspace.limit_overrides = {"projects": 0}
    workspace.save()

    response = api("PUT", "/api/projects/berlin-01", {"name": "New name"})

    body = json.loads(response.content)
    assert (response.status_code, body["code"]) == (403, "write_locked")
    assert body["details"]["over"] == [{"limit": "projects", "max": 0, "used": 1}]
    project.refresh_from_db()
    assert project.name == "Berlin branch"
