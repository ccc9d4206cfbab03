import pytest

from apps.common.hosts import Host, HostRules, classify, is_local_name, is_slug, without_port

BARE = HostRules(base_url="", tenant_domain="", self_hosted=True)
NAMED = HostRules(base_url="https://dashmon.example", tenant_domain="", self_hosted=True)
SAAS = HostRules(base_url="https://dashmon.example", tenant_domain="dashmon.site", self_hosted=False)
LAN = HostRules(base_url="http://watch.lan:8000", tenant_domain="", self_hosted=True)

APP = Host("app")
NOBODY = Host("unknown")


@pytest.mark.parametrize(
    ("header", "rules", "expected"),
    [
        # Without a base address every local name is the app.
        ("127.0.0.1:8000", BARE, APP),
        ("localhost", BARE, APP),
        ("LOCALHOST:8000", BARE, APP),
        ("[::1]:8000", BARE, APP),
        ("192.168.1.7", BARE, APP),
        ("nas", BARE, APP),
        ("nas.local", BARE, APP),
        ("nas.lan:8000", BARE, APP),
        ("nas.internal", BARE, APP),
        ("nas.home.arpa", BARE, APP),
        # Names that anybody can point at this machine are not: this stops DNS rebinding.
        ("rebound.example", BARE, NOBODY),
        ("127.0.0.1.rebound.example", BARE, NOBODY),
        # Workspaces live below localhost then.
        ("acme.localhost:8000", BARE, Host("workspace", "acme")),
        ("ACME.localhost.", BARE, Host("workspace", "acme")),
        # With a base address its host is the app, and workspaces live below it.
        ("dashmon.example", NAMED, APP),
        ("dashmon.example.", NAMED, APP),
        ("Dashmon.Example:443", NAMED, APP),
        ("acme.dashmon.example", NAMED, Host("workspace", "acme")),
        ("a.acme.dashmon.example", NAMED, NOBODY),
        ("other.example", NAMED, NOBODY),
        ("10.0.0.5", NAMED, APP),
        # A service for many has no local names, and its tenants have a domain of their own.
        ("dashmon.example", SAAS, APP),
        ("acme.dashmon.site", SAAS, Host("workspace", "acme")),
        ("acme.dashmon.example", SAAS, NOBODY),
        ("dashmon.site", SAAS, NOBODY),
        ("localhost", SAAS, NOBODY),
        ("10.0.0.5", SAAS, NOBODY),
        # A local app host leads to localhost names, as the rules of hosts say.
        ("watch.lan:8000", LAN, APP),
        ("acme.localhost:8000", LAN, Host("workspace", "acme")),
        ("acme.watch.lan:8000", LAN, APP),
        # What cannot be a slug is no workspace's host.
        ("www.dashmon.example", NAMED, NOBODY),
        ("ab.localhost", BARE, NOBODY),
        # A front end of another product has a host of its own; one that is not known has none.
        ("acme--dash.localhost:8000", BARE, Host("face", "acme", "dash")),
        ("ACME--Dash.dashmon.example", NAMED, Host("face", "acme", "dash")),
        ("acme--dash.dashmon.site", SAAS, Host("face", "acme", "dash")),
        ("acme--dash.dashmon.example", SAAS, NOBODY),
        ("acme--shop.localhost", BARE, NOBODY),
        ("acme--dash--dash.localhost", BARE, NOBODY),
        ("www--dash.localhost", BARE, NOBODY),
        ("--dash.localhost", BARE, NOBODY),
        ("-acme.localhost", BARE, NOBODY),
    ],
)
def test_the_host_header_decides_which_table_answers(header: str, rules: HostRules, expected: Host) -> None:
    assert classify(header, rules) == expected


def test_an_installation_without_base_address_is_found_by_local_names_in_every_profile() -> None:
    assert classify("localhost", HostRules("", "", self_hosted=False)) == APP


@pytest.mark.parametrize(
    ("header", "host"),
    [("acme.localhost:8000", "acme.localhost"), ("[2001:DB8::1]:80", "2001:db8::1"), ("A.Example.", "a.example")],
)
def test_a_host_is_read_without_port_case_and_final_dot(header: str, host: str) -> None:
    assert without_port(header) == host


def test_tenants_have_hosts_below_the_given_domain_else_the_app_host_else_localhost() -> None:
    assert SAAS.domain == "dashmon.site"
    assert NAMED.domain == "dashmon.example"
    assert BARE.domain == "localhost"
    assert LAN.domain == "localhost"


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "localhost", "nas", "a.b.lan"])
def test_local_names_are_known(name: str) -> None:
    assert is_local_name(name)


@pytest.mark.parametrize("name", ["example.com", "lan.example", "1.2.3.4.example"])
def test_public_names_are_not_local(name: str) -> None:
    assert not is_local_name(name)


@pytest.mark.parametrize("slug", ["abc", "a1-b2", "7up", "a" * 48])
def test_a_slug_is_3_to_48_of_letters_digits_and_single_dashes(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize(
    "slug", ["ab", "a" * 49, "Acme", "my_team", "-acme", "acme-", "a--b", "www", "api", "status", "acme\n", "ä-team"]
)
def test_anything_else_is_no_slug(slug: str) -> None:
    assert not is_slug(slug)
