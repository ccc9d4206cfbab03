"""Which kind of host a request came to (docs/architecture.md, hosts and paths)."""

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

LOCAL_SUFFIXES = (".local", ".lan", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True)
class HostRules:
    """The installation's names: base address, tenant domain, and whether it is somebody's own machine."""

    base_url: str
    tenant_domain: str
    self_hosted: bool

    @property
    def app_host(self) -> str:
        return (urlsplit(self.base_url).hostname or "").lower()

    @property
    def domain(self) -> str:
        """The name below which workspaces have hosts: given, else the app host, else localhost."""
        if self.tenant_domain:
            return self.tenant_domain.lower()
        return "localhost" if not self.app_host or is_local_name(self.app_host) else self.app_host


@dataclass(frozen=True, slots=True)
class Host:
    """What a Host header means: the app itself, one workspace's own host, or nobody."""

    kind: Literal["app", "workspace", "unknown"]
    slug: str | None = None


def is_local_name(host: str) -> bool:
    """Address literals, localhost, names without a dot and names that only a local network knows."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith(LOCAL_SUFFIXES)
    return True


def without_port(header: str) -> str:
    """The host of a Host header in lower case: `[::1]:8000` is `::1`."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def classify(header: str, rules: HostRules) -> Host:
    """First match wins: workspace host, app host, else unknown (answered 421: this stops DNS rebinding)."""
    host = without_port(header)
    label, _, parent = host.partition(".")
    if parent == rules.domain and label and host != rules.app_host:
        return Host("workspace", label)
    if host == rules.app_host:
        return Host("app")
    if (rules.self_hosted or not rules.base_url) and is_local_name(host):
        return Host("app")
    return Host("unknown")
