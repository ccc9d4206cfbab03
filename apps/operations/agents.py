"""How a machine gets the node agent: one command for each kind of machine, to be followed by the node's secret."""

from dataclasses import dataclass
from urllib.parse import urlsplit

SCRIPTS = {"linux": "linux/install.sh", "macos": "macos/install.sh", "windows": "windows/install.ps1"}
UNIX = "curl -fsSL {url} | sudo bash -s -- {arguments} "
WINDOWS = (
    "iwr -UseBasicParsing {url} -OutFile install.ps1; powershell -ExecutionPolicy Bypass -File install.ps1 {arguments} "
)


@dataclass(frozen=True, slots=True)
class InstallCommand:
    """Where the script is, and what to type before the secret; it ends with a space."""

    url: str
    prefix: str


def install_commands(base: str) -> dict[str, InstallCommand]:
    """The commands by kind of machine; `base` is the address the machine will report to, without a final slash."""
    return {system: _command(base, script) for system, script in SCRIPTS.items()}


def _command(base: str, script: str) -> InstallCommand:
    parts, url = urlsplit(base), f"{base}/deploy/{script}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    arguments = f"{host} {parts.port}" if parts.port else str(host)
    words = WINDOWS if script.endswith(".ps1") else UNIX
    return InstallCommand(url, words.format(url=url, arguments=arguments))
