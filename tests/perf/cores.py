"""Who runs where: targets on the first core, what is measured on the last; and processor time, which alone is compared.

On a machine with one core both share it, and the figures say so.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


# Read before anything is pinned.
TARGET_CORE, OWN_CORE = cores()[0], cores()[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started inside runs on this core alone, as all its children do."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def spent(who: int = resource.RUSAGE_SELF) -> float:
    """Seconds of processor time so far, the kernel's included."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def load() -> dict[str, Any]:
    """What the machine does besides, to be read beside every figure."""
    return {"load_1m": round(os.getloadavg()[0], 2), "cores": len(cores())}


def measure(module: str, *, environment: dict[str, str], **arguments: Any) -> dict[str, Any]:
    """Run `tests.perf.<module>` in a process of its own on the measured core; the JSON document it prints last."""
    command = [sys.executable, "-m", f"tests.perf.{module}", json.dumps(arguments)]
    own = {"DJANGO_SETTINGS_MODULE": "dashmon.settings", **os.environ, **environment}
    with on_core(OWN_CORE):
        answer = subprocess.run(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, text=True, check=True)
    document: dict[str, Any] = json.loads(answer.stdout.strip().rsplit("\n", 1)[-1])
    return document


def arguments() -> dict[str, Any]:
    """What `measure` was called with, in the process it started."""
    document: dict[str, Any] = json.loads(sys.argv[1])
    return document
