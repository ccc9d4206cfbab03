"""Where this installation answers: base addresses of the app, of workspaces and of each surface."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from apps.workspaces.models import Workspace


def base_url() -> str:
    """The address people and links use, without a final slash."""
    if settings.BASE_URL:
        return str(settings.BASE_URL)
    host = "127.0.0.1" if settings.HOST in {"0.0.0.0", "::", ""} else settings.HOST  # noqa: S104  # compared, not bound
    return f"http://{host}:{settings.PORT}"


def tenant_domain() -> str:
    """The name below which each workspace has its own host."""
    if settings.TENANT_DOMAIN:
        return str(settings.TENANT_DOMAIN)
    host = urlsplit(base_url()).hostname or "localhost"
    return "localhost" if _is_address(host) or "." not in host else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def workspace_host(workspace: Workspace) -> str:
    """`acme.localhost:8000`: the workspace's own host, with the port where it is not the scheme's."""
    base = urlsplit(base_url())
    port = f":{base.port}" if base.port else ""
    return f"{workspace.slug}.{tenant_domain()}{port}"


def workspace_url(workspace: Workspace) -> str:
    return f"{urlsplit(base_url()).scheme}://{workspace_host(workspace)}"
