"""A credential and the host it is used on must agree (docs: hosts and paths)."""

import pytest

from apps.tokens.models import AgentKey
from tests import factories
from tests.contracts.dashmon.conftest import Caller, refused


@pytest.fixture
def other(workspace):
    return factories.make_workspace(name="Other team")


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_token_is_known_on_its_own_host_only(settings, workspace, other, with_token, prefixed) -> None:
    settings.TENANT_DOMAIN = "tenants.example"
    call = with_token()

    def get(slug: str):
        if prefixed:
            return call("GET", f"/w/{slug}/api/me")
        return call("GET", "/api/me", Host=f"{slug}.tenants.example")

    assert get(workspace.slug).json()["workspace"]["ownerUserId"] == str(workspace.public_id)
    refused(get(other.slug), 401, "invalid_token")


def test_no_cookie_is_read_on_a_workspaces_host(api, workspace) -> None:
    refused(api("GET", f"/w/{workspace.slug}/api/me"), 401, "unauthenticated")


def test_a_heartbeat_is_known_on_its_own_host_only(workspace, other, heartbeat) -> None:
    path = f"/api/incoming/heartbeat/{AgentKey.objects.get().secret}"

    assert Caller()("POST", f"/w/{workspace.slug}{path}").json()["signal"] == "success"
    refused(Caller()("POST", f"/w/{other.slug}{path}"), 404, "not_found")
