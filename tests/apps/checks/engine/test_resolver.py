"""From names to addresses: files of this machine, servers in turn, and what each failure is called."""

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.checks.engine import resolver as resolver_module
from apps.checks.engine.exchange import Server
from apps.checks.engine.faults import Fault
from apps.checks.engine.flow import Task
from apps.checks.engine.reactor import Reactor
from apps.checks.engine.resolver import (
    Resolver,
    Search,
    SystemFiles,
    parse_hosts,
    parse_nameservers,
    parse_search,
    parse_server,
)
from apps.common.egress import Guard, parse_host
from tests.farm.land import Farm


def addresses(guard: Guard, servers: list[str], name: str, *, family: str = "auto") -> list[str]:
    reactor = Reactor()
    try:
        resolver = Resolver(reactor, guard, servers)
        task = Task(resolver.addresses(parse_host(name), 80, family=family, deadline=reactor.now() + 5))
        while not task.done:
            reactor.turn(1)
        return [str(address) for address in task.result()]
    finally:
        reactor.close()


def test_a_server_that_fails_is_followed_by_the_next(farm: Farm, guard: Guard) -> None:
    dead = f"127.0.0.1:{farm.tcp_ports['refused']}"

    assert addresses(guard, [dead, farm.resolver], "good.test") == ["127.0.0.1"]


def test_a_lost_packet_is_asked_again(farm: Farm, guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "TRY_S", 0.1)
    farm.names.asked.clear()
    farm.names.extra["flaky.test.", "A"] = (60, ["127.0.0.5"])
    try:
        assert addresses(guard, [farm.resolver], "flaky.test") == ["127.0.0.5"]
    finally:
        farm.names.extra.clear()


def test_the_family_decides_what_is_asked(farm: Farm, guard: Guard) -> None:
    assert addresses(guard, [farm.resolver], "only6.test") == ["::1"]
    assert addresses(guard, [farm.resolver], "only6.test", family="6") == ["::1"]
    with pytest.raises(Fault) as caught:
        addresses(guard, [farm.resolver], "only6.test", family="4")
    assert caught.value.failure.reason == "no_answer"


def test_a_localhost_name_needs_no_server(guard: Guard) -> None:
    assert addresses(guard, [], "localhost") == ["127.0.0.1", "::1"]
    assert addresses(guard, [], "a.localhost", family="6") == ["::1"]


def test_of_a_localhost_name_what_is_allowed_remains() -> None:
    guard = Guard.build(profile="saas", allow=["127.0.0.0/8"], deny=[], services=())

    assert addresses(guard, [], "localhost") == ["127.0.0.1"]


def test_one_forbidden_address_refuses_the_name(farm: Farm, guard: Guard) -> None:
    for name in ("mixed.test", "alias.test", "mapped.test", "metadata.test"):
        with pytest.raises(Fault) as caught:
            addresses(guard, [farm.resolver], name)
        assert caught.value.failure.reason == "blocked"


def test_the_hosts_file_comes_before_the_servers(farm: Farm, guard: Guard, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.77 good.test GOOD-alias # comment\n::1 good.test\nnonsense\n127.66.0.1 bad.test\n")
    reactor = Reactor()
    resolver = Resolver(reactor, guard, [farm.resolver])
    resolver._files = SystemFiles(hosts=hosts)

    def look_up(name: str) -> Any:
        task = Task(resolver.addresses(parse_host(name), 80, family="auto", deadline=reactor.now()))
        return task.result()

    assert [str(address) for address in look_up("good.test")] == ["127.0.0.77", "::1"]
    assert [str(address) for address in look_up("good-alias")] == ["127.0.0.77"]
    # What an operator wrote there is judged all the same.
    with pytest.raises(Fault) as caught:
        look_up("bad.test")
    assert caught.value.failure.reason == "blocked"
    reactor.close()


def test_the_files_of_a_machine_are_read_as_their_manuals_say(tmp_path: Path) -> None:
    assert parse_hosts("127.0.0.1\tA b\n\n# x\nfe80::1%eth0 c\n") == {
        "a": (ipaddress.ip_address("127.0.0.1"),),
        "b": (ipaddress.ip_address("127.0.0.1"),),
        "c": (ipaddress.ip_address("fe80::1"),),
    }
    assert parse_nameservers("search x\nnameserver 192.0.2.1\nnameserver fe80::1%2\nnameserver x\n") == (
        Server(ipaddress.ip_address("192.0.2.1")),
        Server(ipaddress.ip_address("fe80::1")),
    )
    files = SystemFiles(hosts=tmp_path / "none", resolv=tmp_path / "none")
    files.refresh()
    # Without a resolv.conf the server is on this machine, as resolv.conf(5) says.
    assert (dict(files.hosts), files.servers) == ({}, (Server(ipaddress.ip_address("127.0.0.1")),))


def test_short_names_are_completed_by_the_search_list_of_the_machine(farm: Farm, guard: Guard, tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\nsearch nowhere.test test\noptions ndots:2 rotate\n")
    reactor = Reactor()
    resolver = Resolver(reactor, guard)
    resolver._files = SystemFiles(hosts=tmp_path / "none", resolv=resolv)
    resolver._files.refresh()
    resolver._files.servers = (parse_server(farm.resolver),)

    def look_up(name: str) -> list[str]:
        host = parse_host(name)
        task = Task(resolver.addresses(host, 80, family="auto", deadline=reactor.now() + 5))
        while not task.done:
            reactor.turn(1)
        return [str(address) for address in task.result()]

    assert look_up("good") == ["127.0.0.1"]
    assert look_up("good.test") == ["127.0.0.1"]
    with pytest.raises(Fault) as caught:
        look_up("missing")
    assert caught.value.failure.reason == "nxdomain"
    # A completed name is judged like any other.
    with pytest.raises(Fault) as caught:
        look_up("canary")
    assert caught.value.failure.reason == "blocked"
    reactor.close()


def test_a_search_list_is_read_as_its_manual_says() -> None:
    assert parse_search("search A.test. b.test\noptions timeout:1 ndots:5\n") == Search(("a.test", "b.test"), 5)
    assert parse_search("domain a.test\nsearch b.test\n").candidates("x") == ("x.b.test", "x")
    assert parse_search("search .\noptions ndots:x\n").candidates("x") == ("x",)
    assert Search(("a.test",)).candidates("x.y") == ("x.y",)


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
    ],
)
def test_a_server_is_an_address_and_perhaps_a_port(text: str, address: str, port: int) -> None:
    assert parse_server(text) == Server(ipaddress.ip_address(address), port)


@pytest.mark.parametrize("text", ["dns.example", "192.0.2.1:0", "192.0.2.1:x", "", "192.0.2.1:65536"])
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(ValueError):
        parse_server(text)


def test_a_typo_in_the_configured_servers_stops_the_start(guard: Guard) -> None:
    with pytest.raises(ImproperlyConfigured):
        Resolver(Reactor(), guard, ["dns.example"])
