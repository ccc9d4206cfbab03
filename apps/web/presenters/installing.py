"""What is pasted on a machine to make it a node: the agent's own installers, with this installation's address."""

from collections.abc import Sequence

from apps.operations.agents import install_commands
from apps.web.presenters.monitor import Snippet

REPORTS = "/api/node/metrics"
SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows, in PowerShell as administrator"}


def report_address(base: str) -> str:
    """Where an agent sends its reports."""
    return f"{base}{REPORTS}"


def snippets(base: str, secret: str) -> Sequence[Snippet]:
    """One for each system the agent runs on, and one for an agent that is there already."""
    commands = install_commands(base)
    return [
        *(Snippet(name, label, f"{commands[name].prefix}{secret}") for name, label in SYSTEMS.items()),
        Snippet("other", "An agent that runs already", f"report install {report_address(base)} {secret}"),
    ]
