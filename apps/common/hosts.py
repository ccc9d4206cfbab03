"""Which kind of host a request came to (docs/architecture.md, hosts and paths)."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

LOCAL_SUFFIXES = (".local", ".lan", ".internal", ".home.arpa")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,46})[a-z0-9]")
# Products whose own front end is served on a host of its own, below every workspace's name.
FACES = frozenset({"dash"})
RESERVED_SLUGS = frozenset({"www", "app", "api", "admin", "status", "mail", "ns1", "ns2"})


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
    """What a Host header means: the app itself, one workspace's own host, a face of it, or nobody.

    A face is another product's front end with its API: `acme--dash` below the tenant domain.
    """

    kind: Literal["app", "workspace", "face", "unknown"]
    slug: str | None = None
    face: str | None = None


def is_slug(text: str) -> bool:
    """3..48 of a-z, 0-9 and single dashes, and no name the installation keeps: it must do as a host's label."""
    return bool(SLUG.fullmatch(text)) and "--" not in text and text not in RESERVED_SLUGS


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
    """First match wins: app host, face, workspace host, else unknown (answered 421: this stops DNS rebinding)."""
    host = without_port(header)
    label, _, parent = host.partition(".")
    if host == rules.app_host:
        return Host("app")
    if parent == rules.domain:
        slug, _, face = label.partition("--")
        if face in FACES and is_slug(slug):
            return Host("face", slug, face)
        # What cannot be a slug is no workspace's name: `www`, and `acme--shop`.
        return Host("workspace", label) if is_slug(label) else Host("unknown")
    if (rules.self_hosted or not rules.base_url) and is_local_name(host):
        return Host("app")
    return Host("unknown")
