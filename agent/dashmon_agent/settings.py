"""What the agent was told at its installation: where to report, how often, which interfaces count."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_PATH = Path("/etc/dashmon-agent/agent.json")


class SettingsError(Exception):
    """The settings cannot be used; the message says why."""


@dataclass
class Target:
    """A server: the address that reports are sent to, the node's secret, and the server's own name."""

    url: str
    key: str
    install_id: str = ""

    def sibling(self, name: str) -> str:
        """The address of another of the server's doors for agents."""
        return f"{self.url.rpartition('/')[0]}/{name}"


@dataclass
class Settings:
    interval_s: int = 3
    interfaces: list[str] = field(default_factory=list)
    require_https: bool = False
    targets: list[Target] = field(default_factory=list)


def load(path: Path) -> Settings:
    """The settings of a file; SettingsError when there are none, or none to use."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        targets = [Target(**target) for target in document.pop("targets")]
        settings = Settings(**document, targets=targets)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if settings.interval_s < 1 or not settings.targets:
        raise SettingsError(f"{path}: an interval of at least 1 and at least one target are needed")
    return settings


def save(path: Path, settings: Settings) -> None:
    """Write the settings so that only the agent's user reads them: they hold secrets."""
    document: dict[str, Any] = asdict(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    os.replace(fresh, path)
