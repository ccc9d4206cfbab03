"""What is pasted on a machine to make it a node: the agent's own installers, with this installation's address."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from apps.web.presenters.monitor import Snippet

REPORTS = "/api/node/metrics"
PORTS = {"https": 443, "http": 80}


def report_address(base: str) -> str:
    """Where an agent sends its reports."""
    return f"{base}{REPORTS}"


def snippets(base: str, secret: str) -> Sequence[Snippet]:
    """One for each system the agent runs on, and one for an agent that is there already.

    The installers take host, port and secret (contract Dash 4); the host's scheme is that of the script itself.
    """
    parts = urlsplit(base)
    port = parts.port or PORTS.get(parts.scheme, 443)
    host = parts.hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    told = f"{host} {port} {secret}"
    return [
        Snippet("linux", "Linux", f"curl -fsSL {base}/deploy/linux/install.sh | sudo bash -s -- {told}"),
        Snippet("macos", "macOS", f"curl -fsSL {base}/deploy/macos/install.sh | sudo bash -s -- {told}"),
        Snippet(
            "windows",
            "Windows, in PowerShell as administrator",
            f"& ([scriptblock]::Create((irm {base}/deploy/windows/install.ps1))) {told}",
        ),
        Snippet("other", "An agent that runs already", f"report install {report_address(base)} {secret}"),
    ]
