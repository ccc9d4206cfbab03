import pytest
from pytest_django import Settings

from apps.common.hosts import Host, classify
from apps.operations.addresses import base_url, host_rules, workspace_host, workspace_url
from apps.workspaces.models import Workspace


@pytest.mark.parametrize(
    ("configured", "address", "workspace"),
    [
        (("", "127.0.0.1", 8000), "http://127.0.0.1:8000", "http://acme.localhost:8000"),
        (("", "0.0.0.0", 8001), "http://127.0.0.1:8001", "http://acme.localhost:8001"),
        (("", "::", 8000), "http://127.0.0.1:8000", "http://acme.localhost:8000"),
        (("", "::1", 8000), "http://[::1]:8000", "http://acme.localhost:8000"),
        (("", "nas.lan", 8000), "http://nas.lan:8000", "http://acme.localhost:8000"),
        (("", "watch.example", 80), "http://watch.example:80", "http://acme.watch.example"),
        (("https://watch.example", "0.0.0.0", 8000), "https://watch.example", "https://acme.watch.example"),
        (("https://watch.example:8443", "", 8000), "https://watch.example:8443", "https://acme.watch.example:8443"),
        (("http://10.0.0.5:8000", "", 8000), "http://10.0.0.5:8000", "http://acme.localhost:8000"),
        (("http://nas.lan", "", 8000), "http://nas.lan", "http://acme.localhost"),
    ],
)
def test_what_is_printed_is_what_answers(
    settings: Settings, configured: tuple[str, str, int], address: str, workspace: str
) -> None:
    settings.BASE_URL, settings.HOST, settings.PORT = configured
    acme = Workspace(slug="acme")

    assert base_url() == address
    assert workspace_url(acme) == workspace
    assert classify(address.partition("://")[2], host_rules()) == Host("app")
    assert classify(workspace_host(acme), host_rules()) == Host("workspace", "acme")


def test_tenants_may_live_below_a_domain_of_their_own(settings: Settings) -> None:
    settings.BASE_URL, settings.TENANT_DOMAIN, settings.PROFILE = "https://watch.example", "watch.site", "saas"

    assert workspace_url(Workspace(slug="acme")) == "https://acme.watch.site"
    assert classify("acme.watch.site", host_rules()) == Host("workspace", "acme")
    assert classify("localhost", host_rules()) == Host("unknown")
