"""The install script as a machine runs it, below another root and with nothing of this machine changed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dashmon_agent.smart import FOLDER
from django.test import Client

from tests.agent.conftest import SECRET, Receiver, run

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="the script is for Linux"), pytest.mark.django_db]
# What would change users and services of this machine does nothing, or what is left of it without them.
INSTEAD = {
    "id": '[ "$1" = -u ] && echo 0',
    "useradd": "true",
    "chown": "true",
    "install": "for last; do case $last in /*) mkdir -p $last ;; esac; done",
    "runuser": 'shift 3; exec "$@"',
    "systemctl": 'echo "$@" >> "$DASHMON_AGENT_ROOT/systemctl"',
}


def install(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    root, tools = folder / "root", folder / "tools"
    (root / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
    tools.mkdir(exist_ok=True)
    for name, words in INSTEAD.items():
        (tools / name).write_text(f"#!/bin/sh\n{words}\n")
        (tools / name).chmod(0o755)
    script = folder / "install.sh"
    script.write_bytes(Client().get("/deploy/linux/install.sh", headers={"Host": "localhost"}).content)
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(script), *arguments],
        env={"PATH": path, "DASHMON_AGENT_ROOT": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_machine_gets_the_agent_its_settings_and_a_service(tmp_path: Path, program: Path, receiver: Receiver) -> None:
    receiver.program = program.read_bytes()
    port = receiver.address.rpartition(":")[2]

    done = install(tmp_path, "127.0.0.1", port, SECRET, "5", "--net", "eth0,eth1")

    assert done.returncode == 0, done.stderr
    root = tmp_path / "root"
    agent = root / "var/lib/dashmon-agent/agent.pyz"
    assert agent.read_bytes() == receiver.program
    assert agent.stat().st_mode & 0o111
    assert sorted(agent.parent.iterdir()) == [agent]
    assert json.loads((root / "etc/dashmon-agent/agent.json").read_text()) == {
        "interval_s": 5,
        "interfaces": ["eth0", "eth1"],
        "require_https": False,
        "targets": [{"url": f"{receiver.address}/api/node/metrics", "key": SECRET, "install_id": "server_1"}],
    }
    unit = (root / "etc/systemd/system/dashmon-agent.service").read_text()
    assert f"agent.pyz --config {root}/etc/dashmon-agent/agent.json run" in unit
    assert SECRET not in unit
    assert "enable --now dashmon-agent.service" in (root / "systemctl").read_text()
    assert run(agent, "version").returncode == 0


def test_drives_are_asked_by_a_script_and_a_timer_of_roots(tmp_path: Path, program: Path, receiver: Receiver) -> None:
    receiver.program = program.read_bytes()

    for _ in range(2):  # and again, to renew it
        done = install(tmp_path, "127.0.0.1", receiver.address.rpartition(":")[2], SECRET)
        assert done.returncode == 0, done.stderr

    root = tmp_path / "root"
    script, units = root / "usr/local/lib/dashmon-agent/smart", root / "etc/systemd/system"
    service = (units / "dashmon-agent-smart.service").read_text()
    # Never a file that the agent's own user may change: what root runs is not what updates itself.
    assert re.findall("ExecStart=(.*)", service) == [f"/bin/sh {script} {FOLDER}"]
    assert "User=" not in service
    assert oct(script.stat().st_mode & 0o777) == "0o755"
    assert "OnUnitActiveSec=5min" in (units / "dashmon-agent-smart.timer").read_text()
    assert "enable --now dashmon-agent-smart.timer" in (root / "systemctl").read_text()
    # No package is installed: who wants it is told.
    assert ("install smartmontools" in done.stdout) == (shutil.which("smartctl") is None)


def test_a_program_of_another_kind_is_not_run(tmp_path: Path, receiver: Receiver) -> None:
    receiver.program = b"\x7fELF and the rest"

    done = install(tmp_path, "127.0.0.1", receiver.address.rpartition(":")[2], SECRET)

    assert done.returncode == 1
    assert "hands out another agent" in done.stderr
    assert [path for path in (tmp_path / "root").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("secret", ["wrong", 'a"; exit 0; "', "$(exit 0)"])
def test_a_wrong_secret_installs_nothing(tmp_path: Path, program: Path, receiver: Receiver, secret: str) -> None:
    receiver.program = program.read_bytes()

    done = install(tmp_path, "127.0.0.1", receiver.address.rpartition(":")[2], secret)

    assert done.returncode == 1
    assert "could not be fetched" in done.stderr
    assert "401" in done.stderr
    assert "Traceback" not in done.stderr
    root = tmp_path / "root"
    assert [path for path in root.rglob("*") if path.is_file()] == []
