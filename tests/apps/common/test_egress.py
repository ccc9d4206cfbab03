"""Spellings and addresses, each tried in the way somebody has tried to get in."""

import ipaddress

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.common.egress import ForbiddenTargetError, Guard, forbidden_reason, parse_host, parse_url
from apps.common.egress import guard as guard_module
from apps.common.egress.addresses import unwrap
from apps.common.egress.guard import Entry, Service, is_local, own_services, parse_entry
from apps.common.egress.targets import parse_redirect, split_port

HOSTED = Guard.build(profile="saas", allow=None, deny=[], services=())
AT_HOME = Guard.build(profile="self_hosted", allow=None, deny=[], services=())

# Every one of these leads to an address of this machine, of its network, or to nowhere.
SPELLINGS = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0x7F.0x0.0x0.0x1/",
    "http://017700000001/",
    "http://0177.0.0.01/",
    "http://127.0.0.1./",
    "http://127.0.0.01/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127.0.0.1:80/",
    "http://127.0.0.1:/",
    "http://127.255.255.254/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://a.b.localhost/",
    "http://localhost.localdomain/",
    "http://ip6-localhost/",
    "http://0/",
    "http://0.0.0.0/",
    "http://0x0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://10.1/",
    "http://167772161/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://192.168.257/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://169.254.169.254/",
    "http://169.254.43518/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://169.254.170.2/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://4294967295/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2002:c0a8:101::1]/",
    "http://[2001:0:7f00:1:0:0:f5ff:fffe]/",
    "http://[2001:0:808:808:0:0:80ff:fffe]/",
    "http://[2600::5efe:10.0.0.1]/",
    "http://[2600::200:5efe:127.0.0.1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[2001:db8::1]/",
]
# These name no target that two readers would agree on.
UNREADABLE = [
    "",
    "example.com",
    "//example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "http:example.com",
    "http:/example.com",
    "http:///example.com",
    "http://",
    "http://:80/",
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http:\\\\example.com/",
    "http://example.com\\.inner/",
    "http://example.com#@127.0.0.1\x00/",
    "http://exa mple.com/",
    " http://example.com/",
    "http://example.com/\r\nHost: inner",
    "http://example.com/\tx",
    "http://example.com\u00a0/",
    "http://example.com\u0085/",
    "http://exam%70le.com/",
    "http://127.0.0.1%2f.example.com/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:080a/",
    "http://example.com:-1/",
    "http://example.com:80:80/",
    "http://example..com/",
    "http://.example.com/",
    "http://-example.com/",
    "http://example.com../",
    "http://1.2.3.4.5/",
    "http://256.0.0.1/",
    "http://09.0.0.1/",
    "http://0x.example.0x/",
    "http://[::1/",
    "http://[::1]x/",
    "http://[127.0.0.1]/",
    "http://[::1]:x/",
    "http://::1/",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 127}com/",
    "http://xn--\u2488/",
]
PUBLIC = [
    ("http://example.com", "http://example.com/"),
    ("HTTPS://Example.COM.:443/A?b=c#d", "https://example.com/A?b=c"),
    ("http://example.com:8080?x=1", "http://example.com:8080/?x=1"),
    ("http://8.8.8.8/", "http://8.8.8.8/"),
    ("http://0x08080808/", "http://8.8.8.8/"),
    ("http://[2606:4700:4700:0:0::1111]:8443/", "http://[2606:4700:4700::1111]:8443/"),
    ("https://münchen.example/straße", "https://xn--mnchen-3ya.example/stra%C3%9Fe"),
    ("https://faß.example/", "https://xn--fa-hia.example/"),
    ("http://my_host.example/a%20b", "http://my_host.example/a%20b"),
    ("http://example.com/a/../b", "http://example.com/a/../b"),
    ("http://[2002:808:808::1]/", "http://[2002:808:808::1]/"),
    ("http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b::808:808]/"),
]


def test_there_are_enough_spellings() -> None:
    assert len(set(SPELLINGS) | set(UNREADABLE)) >= 120


@pytest.mark.parametrize("url", SPELLINGS)
def test_the_hosted_service_reaches_nothing_but_public_addresses(url: str) -> None:
    assert forbidden_reason(url, guard=HOSTED)


@pytest.mark.parametrize("url", UNREADABLE)
def test_what_two_readers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenTargetError):
        parse_url(url)


@pytest.mark.parametrize(("url", "canonical"), PUBLIC)
def test_a_public_url_has_one_canonical_spelling(url: str, canonical: str) -> None:
    target = parse_url(url)

    assert target.url == canonical
    assert parse_url(target.url) == target
    assert forbidden_reason(url, guard=HOSTED) is None


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("fd12:3456::1", True),
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("169.254.1.1", False),
        ("169.254.169.254", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::169.254.169.254", False),
        ("100.100.100.200", False),
        ("168.63.129.16", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("255.255.255.255", False),
    ],
)
def test_at_home_private_networks_are_open_and_metadata_is_not(address: str, allowed: bool) -> None:
    assert (AT_HOME.refusal(ipaddress.ip_address(address), 80) is None) == allowed


def test_an_allow_list_replaces_the_default_of_the_profile() -> None:
    guard = Guard.build(profile="self_hosted", allow=["10.0.0.0/8"], deny=[], services=())

    assert guard.refusal(ipaddress.ip_address("10.1.2.3"), 80) is None
    assert guard.refusal(ipaddress.ip_address("8.8.8.8"), 80) is None
    assert guard.refusal(ipaddress.ip_address("192.168.0.1"), 80)
    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 80)


def test_deny_wins_over_allow_in_every_spelling_of_the_address() -> None:
    guard = Guard.build(profile="saas", allow=["127.0.0.0/8"], deny=["127.66.0.0/16"], services=())

    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 80) is None
    for spelling in ("127.66.0.1", "::ffff:127.66.0.1", "64:ff9b::127.66.0.1", "2002:7f42:1::"):
        assert "denied" in (guard.refusal(ipaddress.ip_address(spelling), 80) or "")


def test_an_entry_with_a_port_speaks_of_that_port_only() -> None:
    guard = Guard.build(profile="self_hosted", allow=None, deny=["127.0.0.1:9000", "[::1]:9000"], services=())

    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 9000)
    assert guard.refusal(ipaddress.ip_address("::1"), 9000)
    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 9001) is None
    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), None) is None


def test_metadata_opens_only_when_it_is_named_itself() -> None:
    metadata = ipaddress.ip_address("169.254.169.254")
    wide = Guard.build(profile="self_hosted", allow=["169.254.0.0/16"], deny=[], services=())
    named = Guard.build(profile="self_hosted", allow=["169.254.169.254"], deny=[], services=())

    assert wide.refusal(ipaddress.ip_address("169.254.1.1"), 80) is None
    assert wide.refusal(metadata, 80)
    assert named.refusal(metadata, 80) is None


def test_unspecified_and_multicast_stay_closed_whatever_is_allowed() -> None:
    guard = Guard.build(profile="self_hosted", allow=["0.0.0.0/0", "::/0"], deny=[], services=())

    for address in ("0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "255.255.255.255"):
        assert guard.refusal(ipaddress.ip_address(address), 80)


def test_our_own_listener_is_closed_and_its_neighbours_are_not() -> None:
    own = (Service("127.0.0.1", 8000, exact=True),)
    guard = Guard.build(profile="self_hosted", allow=None, deny=[], services=own)

    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 8000)
    assert guard.refusal(ipaddress.ip_address("::ffff:127.0.0.1"), 8000)
    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 8001) is None
    assert guard.refusal(ipaddress.ip_address("127.0.0.2"), 8000) is None
    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), None) is None


def test_a_listener_on_every_address_is_closed_on_every_address() -> None:
    own = (Service("0.0.0.0", 8000, exact=True),)
    guard = Guard.build(profile="self_hosted", allow=None, deny=[], services=own)

    for address in ("127.0.0.1", "127.0.0.2", "::1"):
        assert guard.refusal(ipaddress.ip_address(address), 8000)
    assert guard.refusal(ipaddress.ip_address("8.8.8.8"), 8000) is None


def test_the_database_is_closed_by_address_and_by_name() -> None:
    own = (Service("localhost", 5432), Service("db.inner", 5432))
    guard = Guard.build(profile="self_hosted", allow=None, deny=[], services=own)

    assert guard.refusal(ipaddress.ip_address("127.0.0.1"), 5432)
    # A server on one of our addresses is thought to listen on all of them.
    assert guard.refusal(ipaddress.ip_address("127.0.0.7"), 5432)
    with pytest.raises(ForbiddenTargetError):
        guard.check_host(parse_host("DB.inner"), 5432)
    guard.check_host(parse_host("db.inner"), 5433)


def test_services_are_read_from_the_settings() -> None:
    class Config:
        HOST, PORT, REDIS_URL = "127.0.0.1", 8000, "redis://cache:6380/0"
        DATABASES = {
            "default": {"HOST": "db", "PORT": ""},
            "socket": {"HOST": "/run/postgresql"},
            "file": {"NAME": "data.sqlite3"},
        }

    assert own_services(Config) == (
        Service("127.0.0.1", 8000, exact=True),
        Service("db", 5432),
        Service("cache", 6380),
    )


@pytest.mark.parametrize(
    ("text", "network", "port"),
    [
        ("10.0.0.0/8", "10.0.0.0/8", None),
        ("10.1.2.3", "10.1.2.3/32", None),
        ("10.1.2.3:80", "10.1.2.3/32", 80),
        ("10.0.0.0/8:80", "10.0.0.0/8", 80),
        ("fd00::/8", "fd00::/8", None),
        ("::1", "::1/128", None),
        ("[::1]:80", "::1/128", 80),
        ("[fd00::]/8:80", "fd00::/8", 80),
    ],
)
def test_list_entries_are_networks_addresses_and_ports(text: str, network: str, port: int | None) -> None:
    assert parse_entry(text) == Entry(ipaddress.ip_network(network), port)


@pytest.mark.parametrize("text", ["inner.example", "10.0.0.0/33", "10.0.0.1:x", "*"])
def test_a_typo_in_a_list_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        parse_entry(text)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "https://example.com/b"),
        ("b", "https://example.com/a/b"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example/ x", "http://other.example/%20x"),
        ("?q=ü", "https://example.com/a/?q=%C3%BC"),
        ("#top", "https://example.com/a/"),
    ],
)
def test_a_location_is_read_relative_to_where_it_was_found(location: str, url: str) -> None:
    assert parse_redirect(parse_url("https://example.com/a/"), location).url == url


@pytest.mark.parametrize("location", ["ht\ttp://inner/", "http:\\\\inner/", "//a@inner/", "data:text/html,x"])
def test_a_location_is_read_as_strictly_as_any_url(location: str) -> None:
    with pytest.raises(ForbiddenTargetError):
        parse_redirect(parse_url("https://example.com/"), location)


def test_hosts_resolvers_and_urls_are_judged_without_asking_anybody(settings: object) -> None:
    assert forbidden_reason("name.example", guard=HOSTED) is None
    assert forbidden_reason("127.0.0.1:53", guard=HOSTED)
    assert forbidden_reason("[::1]:53", guard=HOSTED)
    assert forbidden_reason("8.8.8.8:53", guard=HOSTED) is None
    assert forbidden_reason("https://dns.example/dns-query", guard=HOSTED) is None
    assert forbidden_reason("host:0", guard=HOSTED)
    assert split_port("2001:db8::1") == ("2001:db8::1", None)


def test_the_settings_make_the_guard(settings: object) -> None:
    settings.PROFILE, settings.EGRESS_ALLOW, settings.EGRESS_DENY = "saas", None, []  # type: ignore[attr-defined]  # pytest-django's wrapper
    assert forbidden_reason("http://10.0.0.1/")

    settings.EGRESS_ALLOW = ["10.0.0.0/8"]  # type: ignore[attr-defined]  # pytest-django's wrapper
    assert forbidden_reason("http://10.0.0.1/") is None

    settings.EGRESS_DENY = ["10.0.0.1"]  # type: ignore[attr-defined]  # pytest-django's wrapper
    assert forbidden_reason("http://10.0.0.1/")


def test_an_address_hides_every_address_it_carries() -> None:
    def inner(text: str) -> set[str]:
        return {str(each) for each in unwrap(ipaddress.ip_address(text))}

    assert inner("::ffff:10.0.0.1") == {"10.0.0.1"}
    assert "10.0.0.1" in inner("2002:a00:1::")
    assert "10.0.0.1" in inner("64:ff9b::a00:1")
    assert {"8.8.8.8", "127.0.0.1"} <= inner("2001:0:808:808:0:0:80ff:fffe")
    assert inner("::1") == {"::1"}


def test_the_kernel_knows_which_addresses_are_ours() -> None:
    assert is_local(ipaddress.ip_address("127.0.0.1"))
    assert not is_local(ipaddress.ip_address("8.8.8.8"))


def test_rulings_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "TARGETS_KEPT", 4)
    guard = Guard.build(profile="saas", allow=None, deny=[], services=())

    for _ in range(2):
        for number in range(10):
            assert guard.refusal(ipaddress.ip_address(f"10.0.0.{number}"), 80)
            assert guard.refusal(ipaddress.ip_address(f"8.8.8.{number}"), 80) is None

    assert len(guard._ruled) <= 4
