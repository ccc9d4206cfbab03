"""The agent in a process of its own, against a server that judges every word of it."""

import hashlib
import json
import re
import sys

import pytest

from apps.api.dash import bundle
from apps.nodes import versions
from tests.agent.conftest import SECRET, another, run, start, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent reads /proc")


def test_the_program_is_the_same_bytes_every_time_and_has_a_version(program) -> None:
    first = program.read_bytes()
    bundle._own.cache_clear()

    assert bundle.asset("linux/node_linux_arm64").content == first
    assert versions.updates_itself(bundle.own_version())
    assert run(program, "version").stdout.strip() == bundle.own_version()


def test_a_machine_says_who_it_is_and_then_what_it_does(program, receiver) -> None:
    done = run(program, "install", f"{receiver.address}/api/node/metrics", SECRET, "--interval", "1")
    assert done.returncode == 0, done.stderr
    agent = start(program)
    try:
        until(lambda: len(receiver.reports) >= 3)
    finally:
        agent.kill()

    assert receiver.faults == []
    facts = receiver.statics[0]
    assert (facts.version, facts.report_interval_s) == (bundle.own_version(), 1)
    assert facts.document["system"]["os"] == "linux"
    assert facts.document["memory"]["total"] > 2**20
    assert len(receiver.statics) == 1
    one, two, three = receiver.reports[:3]
    assert one.observed_at < two.observed_at < three.observed_at
    for report in receiver.reports:
        values = report.values
        assert 0 <= values["cpu.ratio"] <= 1
        assert 0 < values["mem.used_bytes"] < facts.document["memory"]["total"]
        assert values["proc.count"] > 1


def test_another_version_is_fetched_proved_and_started(program, receiver) -> None:
    run(program, "install", f"{receiver.address}/api/node/metrics", SECRET, "--interval", "1")
    fresh = another(program, "1.0.1+dashmon")
    receiver.offer("1.0.1+dashmon", fresh)
    agent = start(program)
    try:
        until(lambda: any(report.version == "1.0.1+dashmon" for report in receiver.reports))
    finally:
        agent.kill()

    assert receiver.faults == []
    assert hashlib.sha256(program.read_bytes()).digest() == hashlib.sha256(fresh).digest()
    # The same process: whoever watches it did not have to start it again.
    assert agent.returncode in {None, -9}


@pytest.mark.parametrize(
    "changes",
    [{"sha256": "0" * 64}, {"size": 7}, {"version": "../x"}, {"url": "file:///etc/passwd"}, {"sha256": None}],
)
def test_what_is_not_as_the_manifest_says_is_left_alone(program, receiver, changes) -> None:
    run(program, "install", f"{receiver.address}/api/node/metrics", SECRET, "--interval", "1")
    before = program.read_bytes()
    receiver.offer("1.0.1+dashmon", another(program, "1.0.1+dashmon"), **changes)
    agent = start(program)
    try:
        until(lambda: len(receiver.reports) >= 3)
    finally:
        agent.kill()

    assert program.read_bytes() == before
    assert {report.version for report in receiver.reports} == {bundle.own_version()}
    assert "update: " in agent.communicate()[1]


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_server_that_fails_is_told_again_and_complained_about_once(program, receiver, status: int) -> None:
    run(program, "install", f"{receiver.address}/api/node/metrics", SECRET, "--interval", "1")
    receiver.status = status
    agent = start(program)
    try:
        until(lambda: receiver.refused >= 4)
        receiver.status = 200
        until(lambda: bool(receiver.statics) and bool(receiver.reports))
    finally:
        agent.kill()

    complaints = agent.communicate()[1].splitlines()
    assert len(complaints) == 1
    assert re.search(rf"answered {status}: no", complaints[0])


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        HEAD + b"Content-Length: 99\r\n\r\n{}",
        HEAD + b"Content-Length: 3\r\n\r\n[1]",
        HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000,
    ],
    ids=["nonsense", "short", "list", "deep"],
)
def test_an_answer_that_is_none_ends_nothing(program, receiver, raw: bytes) -> None:
    run(program, "install", f"{receiver.address}/api/node/metrics", SECRET, "--interval", "1")
    receiver.raw = raw
    agent = start(program)
    try:
        until(lambda: len(receiver.reports) >= 3)
        assert agent.poll() is None
    finally:
        agent.kill()
    assert "Traceback" not in agent.communicate()[1]


def test_an_installation_is_remembered_for_its_user_alone(program, receiver) -> None:
    url = f"{receiver.address}/api/node/metrics"
    for net in ("", "eth0,eth1"):
        assert run(program, "install", url, SECRET, "--net", net).returncode == 0

    settings = program.with_name("agent.json")
    assert oct(settings.stat().st_mode & 0o777) == "0o600"
    assert json.loads(settings.read_text()) == {
        "interval_s": 3,
        "interfaces": ["eth0", "eth1"],
        "require_https": False,
        "targets": [{"url": url, "key": SECRET, "install_id": "server_1"}],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{url}", "wrong-secret"), "answered 401"),
        (("{url}/x", SECRET), "must begin with"),
        (("ftp://x/api/node/metrics", SECRET), "must begin with"),
        (("{url}", SECRET, "--require-https"), "https:// is required"),
        (("{url}", SECRET, "--interval", "0"), "at least 1"),
        (("http://127.0.0.1:9/api/node/metrics", SECRET), "refused"),
    ],
)
def test_an_installation_that_cannot_work_says_why_and_leaves_nothing(program, receiver, arguments, words) -> None:
    url = f"{receiver.address}/api/node/metrics"
    done = run(program, "install", *(argument.replace("{url}", url) for argument in arguments))

    assert done.returncode == 1
    assert words in done.stderr
    assert not program.with_name("agent.json").exists()
    assert run(program, "run").returncode == 1
