"""Echoes: what is ours, what is not, and what happens without the right to send any."""

import ipaddress
import socket
from typing import Any

import pytest

from apps.checks.engine import host_checks, icmp
from apps.checks.engine.faults import Fault
from apps.checks.engine.flow import Task
from apps.checks.engine.icmp import NoIcmpError, Pinger, checksum, echo, open_socket
from apps.checks.engine.reactor import Reactor
from apps.checks.plans import LadderPlan, PingPlan
from tests.apps.checks.engine.conftest import Run, can_ping
from tests.farm.land import Farm

HOME = ipaddress.ip_address("127.0.0.1")


needs_icmp = pytest.mark.skipif(not can_ping(), reason="this machine allows no ICMP socket")


@pytest.fixture
def _no_icmp(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise NoIcmpError("Operation not permitted")

    monkeypatch.setattr(icmp, "open_socket", refuse)


@pytest.mark.usefixtures("_no_icmp")
def test_without_the_right_to_ping_nothing_is_known(run: Run) -> None:
    result = run(PingPlan("127.0.0.1"))

    assert not result.measured
    assert result.status != "down"
    assert result.detail["error"] == "unsupported"


@pytest.mark.usefixtures("_no_icmp")
@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        (("silent", "refused"), ("up", None)),
        (("refused", "silent"), ("up", None)),
        (("refused", "refused"), ("down", "refused")),
        (("full", "full"), ("down", "timeout")),
    ],
)
def test_without_the_right_to_ping_the_ladder_goes_on_to_tcp(
    rungs: tuple[str, str], said: tuple[str, str | None], farm: Farm, run: Run, monkeypatch: Any
) -> None:
    monkeypatch.setattr(host_checks, "LADDER_PORTS", tuple(farm.tcp_ports[rung] for rung in rungs))

    result = run(LadderPlan("127.0.0.1", 300))

    assert (result.status, result.detail.get("reason")) == said
    assert result.measured


@needs_icmp
def test_a_ping_without_an_answer_is_followed_by_tcp(farm: Farm, run: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(icmp, "REPLY", {4: 255, 6: 255})
    monkeypatch.setattr(host_checks, "PING_TIMEOUT_MS", 100)
    monkeypatch.setattr(host_checks, "LADDER_PORTS", (farm.tcp_ports["refused"], farm.http_port))

    result = run(LadderPlan("127.0.0.1", 300))

    assert result.status == "up"
    assert result.phases.connect_us is not None


@needs_icmp
def test_a_reply_counts_only_with_our_cookie_and_from_the_right_address() -> None:
    reactor = Reactor()
    pinger = Pinger(reactor)
    mine, other = icmp._Awaited(HOME), icmp._Awaited(HOME)
    for series in (mine, other):
        pinger.start(series, reactor.now() + 5, 1)
    # The second one was sent elsewhere, as far as the book says: its reply comes from the wrong address.
    other.text = "127.0.0.9"
    for _ in range(20):
        reactor.turn(0.02)

    assert mine.waiter.done
    assert mine.waiter.result() >= 0
    assert not other.waiter.done
    pinger.close()
    reactor.close()


@needs_icmp
def test_silence_is_a_timeout_after_all_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = Reactor()
    pinger = Pinger(reactor)
    monkeypatch.setattr(icmp, "REPLY", {4: 255, 6: 255})

    task = Task(pinger.ping(HOME, reactor.now() + 0.15, 3))
    while not task.done:
        reactor.turn(1)

    with pytest.raises(Fault) as caught:
        task.result()
    assert caught.value.failure.reason == "timeout"
    assert pinger._sequence == 3
    assert pinger._sent == {}
    pinger.close()
    reactor.close()


def test_an_echo_is_sealed_with_the_checksum_of_rfc_1071() -> None:
    packet = echo(4, 0x1234, 7, b"odd", with_checksum=True)

    assert packet[:2] == b"\x08\x00"
    assert checksum(packet) == 0
    assert echo(6, 1, 1, b"x", with_checksum=True)[:4] == b"\x80\x00\x00\x00"


def test_the_worked_example_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == (~0xDDF2 & 0xFFFF)


def test_a_socket_that_cannot_be_opened_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)

    with pytest.raises(NoIcmpError):
        open_socket(4)


@pytest.mark.parametrize(
    ("data", "sum_"), [(b"\x00\x00", 0xFFFF), (b"\xff\xff", 0), (b"\xff\xfe\x00\x01", 0), (b"\x01", 0xFEFF)]
)
def test_a_checksum_knows_both_zeros_of_rfc_1071(data: bytes, sum_: int) -> None:
    assert checksum(data) == sum_


@needs_icmp
def test_a_late_reply_to_an_early_packet_ends_the_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = Reactor()
    pinger = Pinger(reactor)
    read, deaf = pinger._read, True
    # Deaf until the second packet is out: the reply to the first one then comes late.
    monkeypatch.setattr(pinger, "_read", lambda *said: None if deaf else read(*said))

    task = Task(pinger.ping(HOME, reactor.now() + 5, 100))
    while pinger._sequence < 2:
        reactor.turn(0.02)
    deaf = False
    while not task.done:
        reactor.turn(0.02)

    assert 0 <= task.result() < 5_000_000
    assert pinger._sent == {}
    pinger.close()
    reactor.close()
