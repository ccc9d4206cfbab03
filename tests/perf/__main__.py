"""The benchmarks: `python -m tests.perf [GROUP ...]`. Ratios against limits measured in the same run."""

import importlib
import os
import subprocess
import sys
import tempfile

from tests.perf.figures import show

GROUPS = ("alerts", "status_page", "checks", "schedule", "results", "metrics", "memory", "ingest")


def main(arguments: list[str]) -> int:
    """Run the groups named, or all of them, each in a process of its own; 0 when every goal was met."""
    unknown = set(arguments) - set(GROUPS)
    if unknown:
        print(f"unknown group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    wanted = arguments or list(GROUPS)
    if len(wanted) > 1:
        return max([subprocess.call([sys.executable, "-m", "tests.perf", name]) for name in wanted])
    return run(wanted[0])


def run(name: str) -> int:
    """One group in a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="dashmon-bench-") as folder:
        os.environ["DASHMON_DATA_DIR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
        missed = 0
        for figure in importlib.import_module(f"tests.perf.{name}").figures():
            show(figure)
            missed += not figure.ok
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
