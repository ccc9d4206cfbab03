"""Dash's admin and its agent on a real server: in by the provisioned password, a node made, its agent fetched."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.dashmon.test_server import Server, free_port, running


def send(server: Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"} if data is not None else {}
    request = urllib.request.Request(server.address + path, data, {**kind, **headers}, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, response.read()


def test_an_admin_makes_a_node_and_its_machine_fetches_the_agent(tmp_path: Path) -> None:
    with running(tmp_path, free_port()) as server:
        made = json.loads(server.manage("provision", "--workspace", "acme", "--owner", "ana@example.com", "--json"))
        assert made["urls"]["dash"] == server.address
        login = {"password": made["dash"]["password"], "persistence": "session"}

        status, body = send(server, "POST", "/api/auth/login", login)
        assert status == 200
        bearer = {"Authorization": f"Bearer {json.loads(body)['access_token']}"}
        assert send(server, "POST", "/api/admin/nodes/", **bearer) == (204, b"")
        node = json.loads(send(server, "GET", "/api/admin/nodes", **bearer)[1])[0]
        scripts = json.loads(send(server, "GET", "/api/admin/nodes/deploy", **bearer)[1])["scripts"]

        script = scripts["linux"]["url"].removeprefix(server.address)
        assert b"dashmon-agent" in server.get(script)[1]
        assert server.get("/deploy/linux/node_linux_amd64")[0] == 401
        status, agent = server.get("/deploy/linux/node_linux_amd64", **{"X-Node-Secret": node["secret"]})
        assert status == 200
        version = json.loads(server.get("/api/version/")[1])["node_version"]

    program = tmp_path / "agent.pyz"
    program.write_bytes(agent)
    said = subprocess.run([sys.executable, str(program), "version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == version
