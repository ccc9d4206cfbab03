"""`manage.py doctor` as a script and a person run it."""

import json
import socket
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import dns.message
import pytest
from django.core.management import call_command

from apps.checks.engine.icmp import NoIcmpError
from apps.operations.doctor.findings import Finding, fine, problem, warning
from apps.web import doctor, vendor
from apps.web.doctor import examine, look_at_assets, look_at_ping, look_at_resolvers
from apps.web.management.commands import doctor as command


@pytest.fixture
def name_server() -> Iterator[str]:
    """A server on loopback that answers every question with nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, sender = server.recvfrom(4096)
                if not data:
                    return
                server.sendto(dns.message.make_response(dns.message.from_wire(data)).to_wire(), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = server.getsockname()
        yield f"127.0.0.1:{address[1]}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
            stopper.sendto(b"", address)
        thread.join(5)


def closed_port() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_name_servers_that_answer_are_fine(name_server: str) -> None:
    assert [one.level for one in look_at_resolvers([name_server])] == ["ok"]


def test_a_silent_name_server_is_named(name_server: str) -> None:
    (some,) = look_at_resolvers([name_server, closed_port()])
    (none,) = look_at_resolvers([closed_port()])

    assert (some.level, none.level) == ("warning", "problem")
    assert "127.0.0.1" in none.said


def test_a_slip_in_the_list_of_name_servers_is_a_problem() -> None:
    assert [one.level for one in look_at_resolvers(["dns.example:53"])] == ["problem"]


def test_ping_is_possible_or_said_not_to_be(monkeypatch) -> None:
    def opened(_: int) -> tuple[socket.socket, bool]:
        return socket.socket(), True

    def refused(version: int) -> tuple[socket.socket, bool]:
        raise NoIcmpError("Operation not permitted")

    monkeypatch.setattr(doctor, "open_socket", opened)
    assert [(one.level, one.said) for one in look_at_ping()] == [("ok", "Possible by CAP_NET_RAW.")] * 2
    monkeypatch.setattr(doctor, "open_socket", refused)
    assert [one.level for one in look_at_ping()] == ["warning", "warning"]
    assert "CAP_NET_RAW" in look_at_ping()[0].cure


def test_missing_browser_libraries_are_said(tmp_path: Path) -> None:
    assert [one.level for one in look_at_assets(tmp_path)] == ["warning"]
    for name in vendor.FILES.values():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [one.level for one in look_at_assets(tmp_path)] == ["ok"]


@pytest.mark.django_db
def test_everything_is_looked_at_and_nothing_is_sent(settings: Any, name_server: str, now, mailoutbox) -> None:
    settings.PROBE_RESOLVERS, settings.REDIS_URL = [name_server], ""

    found = examine(now=now)

    subjects = {one.subject for one in found}
    assert {"data folder", "disk", "keys", "database", "migrations", "redis", "background", "address"} <= subjects
    assert {"egress", "ping IPv4", "ping IPv6", "resolvers", "e-mail", "assets"} <= subjects
    assert mailoutbox == []


def run(found: list[Finding], monkeypatch, *arguments: str) -> tuple[str, int]:
    asked: dict[str, Any] = {}

    def examined(**wanted: Any) -> list[Finding]:
        asked.update(wanted)
        return found

    monkeypatch.setattr(command, "examine", examined)
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    assert asked["send_to"] == [each for each in arguments if "@" in each]
    return out.getvalue(), 0


def test_a_warning_fails_nothing(monkeypatch) -> None:
    said, status = run([fine("disk", "1000 MB are free."), warning("e-mail", "Not set.", "Set it.")], monkeypatch)

    assert status == 0
    assert "WARNING  e-mail       Not set.\n                      Set it.\n" in said
    assert said.endswith("problems: 0, warnings: 1, fine: 1\n")


def test_a_problem_fails(monkeypatch) -> None:
    said, status = run([problem("disk", "Full.", "Make room.")], monkeypatch)

    assert status == 1
    assert "PROBLEM  disk" in said


def test_as_json_for_a_script(monkeypatch) -> None:
    said, status = run([problem("disk", "Full.", "Make room."), fine("keys", "Private.")], monkeypatch, "--json")

    body = json.loads(said)
    assert (status, body["ok"]) == (1, False)
    assert body["findings"][0] == {"subject": "disk", "level": "problem", "said": "Full.", "cure": "Make room."}
    assert run([fine("keys", "Private.")], monkeypatch, "--json")[1] == 0


def test_a_mail_is_sent_only_to_whom_is_named(monkeypatch) -> None:
    assert run([], monkeypatch, "--send-mail", "ana@example.com")[1] == 0
