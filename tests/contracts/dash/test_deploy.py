"""Install scripts, agents, and how a node becomes another one (contract Dash 4 and 7.3)."""

import hashlib
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from apps.api.dash import bundle
from apps.api.dash.updates import pending_manifest, upgrade_token
from apps.audit.models import AuditEntry
from apps.nodes.models import Node, NodeSection
from apps.nodes.selectors import secret_of
from apps.nodes.services import create_node, retire_node
from apps.operations.agents import install_commands
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, refused

AGENT = "/deploy/linux/node_linux_amd64"
BASE = "https://dash.example.com"


@pytest.fixture
def node(workspace: Workspace, clock) -> Node:
    """A node whose agent is ours and has said what machine it is."""
    node = create_node(workspace=workspace, actor="somebody", now=clock.now)
    describe(node, "linux", "amd64", clock.now)
    Node.objects.filter(pk=node.pk).update(agent_kind="dash", agent_version="0.9.0+dashmon")
    node.refresh_from_db()
    return node


def describe(node: Node, system: str, architecture: str, now) -> None:
    document = {"system": {"os": system, "arch": architecture}}
    NodeSection.objects.update_or_create(
        workspace_id=node.workspace_id,
        node=node,
        section="static",
        defaults={"document": document, "digest": "x", "at": now},
    )


@pytest.fixture
def given(settings, tmp_path: Path) -> Path:
    """Where an operator puts agents."""
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "agents" / "dash"
    folder.mkdir(parents=True)
    return folder


def plain(response: HttpResponse, status: int) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


# --- Scripts ----------------------------------------------------------------------------------------


def test_anybody_fetches_an_install_script(guest: Caller, tmp_path: Path) -> None:
    response = guest("GET", "/deploy/linux/install.sh", Host="localhost:8000")

    assert response.headers["Content-Type"] == "text/x-shellscript; charset=utf-8"
    text = response.content.decode()
    assert "SCHEME='http'" in text
    assert "PREFIX=''" in text
    assert "{{" not in text
    script = tmp_path / "install.sh"
    script.write_text(text)
    subprocess.run(["sh", "-n", str(script)], check=True)
    subprocess.run(["bash", "-n", str(script)], check=True)
    windows = guest("GET", "/deploy/windows/install.ps1")
    assert windows.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert guest("HEAD", "/deploy/macos/install.sh").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "usage: "),
        (["host"], "usage: "),
        (["host", "secret", "0"], "whole number"),
        (["host", "8000", "secret", "x"], "whole number"),
        (["host", "secret", "--bad"], "unknown option"),
        (["host", "secret", "--net"], "--net needs"),
        (["host", "8000", "secret", "5", "more"], "unexpected"),
        # What is well said goes on to the next question, and no further here.
        (["host", "8000"], "run this as root"),
        (["host", "8000", "secret", "5", "--net", "a,b", "--require-https"], "run this as root"),
    ],
)
def test_a_script_without_what_it_needs_says_how_it_is_used(guest: Caller, tmp_path: Path, arguments, words) -> None:
    script, nobody = tmp_path / "install.sh", tmp_path / "id"
    script.write_bytes(guest("GET", "/deploy/linux/install.sh").content)
    # Whoever runs the tests: the script takes them for somebody who may install nothing.
    nobody.write_text("#!/bin/sh\necho 1000\n")
    nobody.chmod(0o755)

    done = subprocess.run(
        ["/bin/sh", str(script), *arguments], capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )

    assert done.returncode == 1
    assert done.stderr.startswith("dashmon-agent: ")
    assert words in done.stderr


def test_the_admin_is_told_the_commands(admin: Caller) -> None:
    scripts = admin("GET", "/api/admin/nodes/deploy", Host="localhost:8000").json()["scripts"]

    assert set(scripts) == {"linux", "macos", "windows"}
    assert scripts["linux"] == {
        "url": "http://localhost:8000/deploy/linux/install.sh",
        "command_prefix": "curl -fsSL http://localhost:8000/deploy/linux/install.sh | sudo bash -s -- localhost 8000 ",
    }
    assert scripts["windows"]["command_prefix"].endswith("-File install.ps1 localhost 8000 ")


def test_the_command_of_a_usual_port_names_none(admin: Caller, settings, workspace: Workspace) -> None:
    settings.TENANT_DOMAIN = "tenants.example"
    host = f"{workspace.slug}.tenants.example"

    scripts = admin("GET", "/api/admin/nodes/deploy", Host=host).json()["scripts"]

    assert scripts["linux"]["command_prefix"].endswith(f" | sudo bash -s -- {host} ")


def test_an_address_of_ipv6_keeps_its_brackets() -> None:
    command = install_commands("http://[::1]:8000")["linux"]

    assert command.prefix.endswith("http://[::1]:8000/deploy/linux/install.sh | sudo bash -s -- [::1] 8000 ")


def test_a_prefix_that_names_the_workspace_goes_along(guest: Caller, workspace: Workspace, admin: Caller) -> None:
    prefix = f"/w/{workspace.slug}"

    assert f"PREFIX='{prefix}'" in guest("GET", f"{prefix}/deploy/linux/install.sh").content.decode()
    found = admin("GET", f"{prefix}/api/admin/nodes/deploy").json()["scripts"]["linux"]
    assert f"{prefix}/deploy/linux/install.sh" in found["command_prefix"]


def test_guests_are_told_no_commands(guest: Caller) -> None:
    refused(guest("GET", "/api/admin/nodes/deploy"), 401, "unauthorized")


# --- Agents -----------------------------------------------------------------------------------------


def test_a_nodes_secret_fetches_the_agent(guest: Caller, node: Node) -> None:
    response = guest("GET", AGENT, X_Node_Secret=secret_of(node))

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.content.startswith(b"#!/usr/bin/env python3\nPK")
    head = guest("HEAD", AGENT, X_Node_Secret=secret_of(node))
    assert (head.headers["Content-Length"], head.content) == (str(len(response.content)), b"")


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=0-99999999", 206, slice(0, None)),
        ("bytes=99999999-", 416, None),
        ("bytes=-", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
    ],
)
def test_a_part_of_the_agent_is_fetched(guest: Caller, node: Node, asked: str, status: int, part) -> None:
    whole = guest("GET", AGENT, X_Node_Secret=secret_of(node)).content

    response = guest("GET", AGENT, X_Node_Secret=secret_of(node), Range=asked)

    assert response.status_code == status
    if part is None:
        assert response.headers["Content-Range"] == f"bytes */{len(whole)}"
    else:
        assert response.content == whole[part]


def test_strangers_fetch_nothing(guest: Caller, node: Node, clock) -> None:
    secret = secret_of(node)
    for path in (AGENT, f"{AGENT}?key={secret}", f"{AGENT}?upgrade_token=", f"{AGENT}?upgrade_token=x.y"):
        plain(guest("GET", path), 401)
    plain(guest("GET", AGENT, X_Node_Secret="wrong"), 401)
    # A wrong secret is not made good by a token.
    token = upgrade_token(AGENT, now=clock.now)
    plain(guest("GET", f"{AGENT}?upgrade_token={token}", X_Node_Secret="wrong"), 401)
    plain(guest("GET", f"{AGENT}?upgrade_token={token}", X_Node_Secret=""), 401)
    retire_node(node=node, actor="a", now=clock.now)
    plain(guest("GET", AGENT, X_Node_Secret=secret), 401)


def test_a_token_opens_its_own_path_for_half_an_hour(guest: Caller, workspace: Workspace, clock) -> None:
    token = upgrade_token(AGENT, now=clock.now)

    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
    assert guest("GET", f"{AGENT}?upgrade_token={token}").status_code == 200
    for wrong in (token[:-1], f"{token}A", token.swapcase(), "ü" * 32):
        plain(guest("GET", f"{AGENT}?upgrade_token={wrong}"), 401)
    plain(guest("GET", f"/deploy/linux/node_linux_arm64?upgrade_token={token}"), 401)
    clock.forward(minutes=30)
    assert guest("GET", f"{AGENT}?upgrade_token={token}").status_code == 200
    clock.forward(minutes=5)
    plain(guest("GET", f"{AGENT}?upgrade_token={token}"), 401)


def test_a_secret_is_known_on_its_own_host_only(guest: Caller, node: Node, other, workspace, settings) -> None:
    settings.TENANT_DOMAIN = "tenants.example"

    for slug, status in ((workspace.slug, 200), (other.slug, 401), ("nobody", 401)):
        response = guest("GET", AGENT, X_Node_Secret=secret_of(node), Host=f"{slug}.tenants.example")
        assert response.status_code == status


def test_what_is_not_handed_out(guest: Caller, node: Node) -> None:
    secret = secret_of(node)
    for path in ("/deploy/linux/nothing", "/deploy/linux/../../settings.py", "/deploy/x"):
        plain(guest("GET", path, X_Node_Secret=secret), 404)
    plain(guest("GET", "/deploy/macos/node_macos_arm64", X_Node_Secret=secret), 404)
    response = guest("POST", AGENT, X_Node_Secret=secret)
    plain(response, 405)
    assert response.headers["Allow"] == "GET, HEAD"


def test_an_operators_agents_take_the_place_of_ours(guest: Caller, node: Node, given: Path) -> None:
    (given / "version").write_text("0.2.3\n")
    (given / "node_macos_arm64").write_bytes(b"for macs")
    secret = secret_of(node)

    assert guest("GET", "/api/version").json()["node_version"] == "0.2.3"
    assert guest("GET", "/deploy/macos/node_macos_arm64", X_Node_Secret=secret).content == b"for macs"
    plain(guest("GET", AGENT, X_Node_Secret=secret), 404)
    (given / "node_macos_arm64").write_bytes(b"for newer macs")
    assert guest("GET", "/deploy/macos/node_macos_arm64", X_Node_Secret=secret).content == b"for newer macs"


# --- Upgrades ---------------------------------------------------------------------------------------


def upgrade(call: Caller, number: int = 1) -> HttpResponse:
    return call("POST", f"/api/admin/nodes/{number}/upgrade")


def manifest(node: Node, now) -> dict[str, Any] | None:
    node.refresh_from_db()
    return pending_manifest(node, base=BASE, now=now)


def test_a_wish_is_answered_to_reports_until_it_came_true(admin: Caller, guest: Caller, node: Node, clock) -> None:
    assert manifest(node, clock.now) is None

    assert upgrade(admin).status_code == 204

    found = manifest(node, clock.now)
    assert found is not None
    assert found["id"] == found["version"] == bundle.own_version()
    assert found["url"].startswith(f"{BASE}{AGENT}?upgrade_token=")
    content = guest("GET", found["url"].removeprefix(BASE)).content
    assert (len(content), hashlib.sha256(content).hexdigest()) == (found["size"], found["sha256"])
    # The same for a while, so that an agent with two servers of ours finds them agreed.
    assert manifest(node, clock.now + timedelta(seconds=3)) == found
    Node.objects.filter(pk=node.pk).update(agent_version=bundle.own_version())
    assert manifest(node, clock.now) is None
    assert AuditEntry.objects.filter(verb="node.upgrade", actor="Dash admin").count() == 1


def test_a_manifest_without_its_file_is_none(admin: Caller, node: Node, given: Path, clock) -> None:
    upgrade(admin)
    assert manifest(node, clock.now) is not None

    (given / "version").write_text(bundle.own_version())
    assert manifest(node, clock.now) is None
    (given / "node_linux_amd64").write_bytes(b"program")
    assert manifest(node, clock.now) is not None
    (given / "version").write_text("9.9.9+dashmon")
    assert manifest(node, clock.now) is None


@pytest.mark.parametrize(
    ("kind", "version"), [("dash", "0.2.0+dashmon"), ("dash", ""), ("dash", "0.2.0"), ("nezha", "1.0.0+dashmon")]
)
def test_what_cannot_become_ours_is_not_asked_to(admin: Caller, node: Node, kind: str, version: str) -> None:
    Node.objects.filter(pk=node.pk).update(agent_kind=kind, agent_version=version)

    refused(upgrade(admin), 409, "node_upgrade_unsupported")

    node.refresh_from_db()
    assert node.wanted_version == ""


@pytest.mark.parametrize(("bundled", "reported"), [("", "0.2.3"), ("0.3.0", "1.0.0+dashmon")])
def test_for_an_agent_of_another_make_there_is_no_file(
    admin: Caller, node: Node, given: Path, bundled: str, reported: str
) -> None:
    if bundled:
        (given / "version").write_text(bundled)
        (given / "node_linux_amd64").write_bytes(b"program")
    Node.objects.filter(pk=node.pk).update(agent_version=reported)

    # It could replace itself, so what it hears is not that it is too old.
    refused(upgrade(admin), 409, "node_asset_missing")


@pytest.mark.parametrize(
    ("machine", "code"),
    [
        (("", ""), "node_platform_unknown"),
        (("plan9", "amd64"), "node_platform_unsupported"),
        (("linux", "riscv64"), "node_platform_unsupported"),
        (("darwin", "aarch64"), "node_asset_missing"),
        (("windows", "x86_64"), "node_asset_missing"),
    ],
)
def test_a_machine_that_nothing_is_made_for(admin: Caller, node: Node, clock, machine, code) -> None:
    describe(node, machine[0], machine[1], clock.now)

    refused(upgrade(admin), 409, code)


def test_a_bundle_without_a_version_comes_before_everything(admin: Caller, given: Path) -> None:
    (given / "version").write_text("")
    refused(upgrade(admin, 99), 409, "node_version_unavailable")
    (given / "version").write_text("newest")
    refused(upgrade(admin, 99), 409, "invalid_node_version")
    assert admin("GET", "/api/version").json()["node_version"] == "newest"


def test_a_file_that_cannot_be_read_is_told(admin: Caller, node: Node, given: Path, monkeypatch) -> None:
    (given / "version").write_text("1.0.0+dashmon")
    (given / "node_linux_amd64").write_bytes(b"program of nobody")

    def unreadable(*_: Any) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(bundle, "_read", unreadable)

    refused(upgrade(admin), 503, "node_asset_error")
    plain(Caller()("GET", AGENT, X_Node_Secret=secret_of(node)), 503)


def test_only_ones_own_nodes_are_upgraded(admin: Caller, stranger: Caller, guest: Caller, node: Node) -> None:
    refused(upgrade(admin, 99), 404, "not_found")
    refused(upgrade(stranger), 404, "not_found")
    refused(upgrade(guest), 401, "unauthorized")

    node.refresh_from_db()
    assert node.wanted_version == ""
