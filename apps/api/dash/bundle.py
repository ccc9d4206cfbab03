"""The agent that this installation hands out (contract Dash 4).

Its own is one small program for any Linux with Python. An operator may put others in its place: files under the names
of `NAMES` in `<data folder>/agents/dash/`, and their version in a file named `version` beside them.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from apps.nodes import versions

# Operating system and architecture, as agents say them, and the file under /deploy/ that suits them.
NAMES = {
    ("linux", "amd64"): "linux/node_linux_amd64",
    ("linux", "arm64"): "linux/node_linux_arm64",
    ("macos", "arm64"): "macos/node_macos_arm64",
    ("windows", "amd64"): "windows/node_windows_amd64.exe",
    ("windows", "arm64"): "windows/node_windows_arm64.exe",
}
RUNNERS = frozenset({"windows/runner_windows_amd64.exe", "windows/runner_windows_arm64.exe"})
SYSTEMS = {"linux": "linux", "darwin": "macos", "macos": "macos", "windows": "windows"}
ARCHITECTURES = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}
# What our own agent's versions end with: it replaces itself by nothing else, and nothing else by it.
OWN = "+dashmon"
SHEBANG = b"#!/usr/bin/env python3\n"
SAME_DAY = (2026, 1, 1, 0, 0, 0)
ENTRY = b"from dashmon_agent.commands import main\n\nmain()\n"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is handed out."""

    content: bytes
    sha256: str


def bundled_version() -> str:
    """The version of the agent that is handed out; empty where the operator's files say none that can be read."""
    given = _given() / "version"
    if given.is_file():
        return given.read_text(encoding="utf-8").strip()[: versions.LENGTH]
    return own_version()


def suits(version: str) -> bool:
    """Whether an agent of this version may become the bundled one: a program of one kind never becomes another."""
    return version.endswith(OWN) == bundled_version().endswith(OWN)


def asset_name(system: str, architecture: str) -> str | None:
    """The file for a machine, by what its agent says; None for one that nothing is made for."""
    key = (SYSTEMS.get(system.strip().lower(), ""), ARCHITECTURES.get(architecture.strip().lower(), ""))
    return NAMES.get(key)


def asset(name: str) -> Asset | None:
    """A file that is there; OSError when it cannot be read."""
    if name not in {*NAMES.values(), *RUNNERS}:
        return None
    given = _given() / Path(name).name
    if given.is_file():
        state = given.stat()
        return _read(str(given), state.st_mtime_ns, state.st_size)
    if name.startswith("linux/") and not (_given() / "version").is_file():
        return _own()
    return None


@lru_cache(maxsize=1)
def own_version() -> str:
    """The version that our own agent tells of itself."""
    words = (_source() / "__init__.py").read_text(encoding="utf-8").partition('VERSION = "')[2]
    return words.partition('"')[0]


@lru_cache(maxsize=1)
def _own() -> Asset:
    """Our own agent as one file that Python runs, not compressed: the same bytes on every machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", SAME_DAY), ENTRY)
        for path in sorted(_source().glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"{_source().name}/{path.name}", SAME_DAY), path.read_bytes())
    return _asset(SHEBANG + out.getvalue())


@lru_cache(maxsize=8)
def _read(path: str, _changed_ns: int, _size: int) -> Asset:
    return _asset(Path(path).read_bytes())


def _asset(content: bytes) -> Asset:
    return Asset(content, hashlib.sha256(content).hexdigest())


def _source() -> Path:
    return Path(settings.BASE_DIR) / "agent" / "dashmon_agent"


def _given() -> Path:
    return Path(settings.DATA_DIR) / "agents" / "dash"
