"""Where this installation answers: base addresses of the app, of workspaces and of each surface."""

from urllib.parse import urlsplit

from django.conf import settings

from apps.common.hosts import HostRules
from apps.workspaces.models import Workspace

EVERY_ADDRESS = {"0.0.0.0", "::", ""}  # noqa: S104  # compared, not bound


def base_url() -> str:
    """The address people and links use, without a final slash."""
    if settings.BASE_URL:
        return str(settings.BASE_URL)
    host = "127.0.0.1" if settings.HOST in EVERY_ADDRESS else settings.HOST
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"


def host_rules() -> HostRules:
    """The installation's names as the rules of hosts want them: the server answers by what it prints."""
    # A listener bound to a name answers to that name; the other local names stay, as without any base address.
    return HostRules(base_url(), settings.TENANT_DOMAIN, settings.PROFILE == "self_hosted" or not settings.BASE_URL)


def workspace_host(workspace: Workspace) -> str:
    """`acme.localhost:8000`: the workspace's own host, with the port where it is not the scheme's."""
    base = urlsplit(base_url())
    usual = {"http": 80, "https": 443}.get(base.scheme)
    port = f":{base.port}" if base.port not in {None, usual} else ""
    return f"{workspace.slug}.{host_rules().domain}{port}"


def workspace_url(workspace: Workspace) -> str:
    return f"{urlsplit(base_url()).scheme}://{workspace_host(workspace)}"


def face_url(workspace: Workspace, face: str) -> str:
    """`http://acme--dash.localhost:8000`: where another product's front end shows this workspace."""
    return f"{urlsplit(base_url()).scheme}://{workspace.slug}--{face}.{workspace_host(workspace).partition('.')[2]}"
