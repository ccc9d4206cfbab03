"""The benchmarks: `python -m tests.perf [GROUP ...]`. Ratios against limits measured in the same run."""

import importlib
import os
import sys
import tempfile

from tests.perf.figures import show

GROUPS = ("alerts",)


def main(arguments: list[str]) -> int:
    """Run the groups named, or all of them; 0 when every goal was met."""
    unknown = set(arguments) - set(GROUPS)
    if unknown:
        print(f"unknown group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="dashmon-bench-") as folder:
        os.environ["DASHMON_DATA_DIR"] = folder
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
        missed = 0
        for name in arguments or GROUPS:
            for figure in importlib.import_module(f"tests.perf.{name}").figures():
                show(figure)
                missed += not figure.ok
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
