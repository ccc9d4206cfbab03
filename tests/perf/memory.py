"""What the embedded server needs: `python -m dashmon.server` on a data folder of its own, its children included.

* `memory.idle_mb`, `memory.idle_core_share`: without a monitor.
* `memory.monitors_1000_mb`: the most it took while 1,000 monitors were checked every minute.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.perf.cores import OWN_CORE, ROOT, load, measure, on_core
from tests.perf.farm import await_port, farm, free_port
from tests.perf.figures import Figure, MissingError

MONITORS = 1_000
SETTLE_S, IDLE_S, BUSY_S = 20, 30, 90
MB = 1 << 20


def figures() -> Iterator[Figure]:
    """All figures; without nginx there is nothing to watch."""
    with _server({}) as server:
        time.sleep(SETTLE_S)
        used, began = server.seconds(), time.monotonic()
        time.sleep(IDLE_S)
        share = (server.seconds() - used) / (time.monotonic() - began)
        yield Figure("memory.idle_mb", server.bytes() / MB, "MB of memory, no monitor", 150.0, context=load())
    yield Figure(
        "memory.idle_core_share", share, "share of a core, no monitor", 0.01, context={"core": OWN_CORE, **load()}
    )
    bench, unit = "memory.monitors_1000_mb", "MB of memory, 1,000 monitors a minute"
    try:
        most, context = _watching()
    except MissingError as error:
        yield Figure(bench, None, unit, 200.0, context={"missing": str(error)})
    else:
        yield Figure(bench, most / MB, unit, 200.0, context={**context, **load()})


def _watching() -> tuple[int, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="dashmon-farm-") as folder, farm(Path(folder) / "farm") as targets:
        environment = {**targets.environment, "DASHMON_DATA_DIR": f"{folder}/data", "DATABASE_URL": ""}
        measure("watched", environment=environment, what="fill", monitors=MONITORS, port=targets.plain)
        with _server(environment) as server:
            used, began, most = server.seconds(), time.monotonic(), 0
            while time.monotonic() - began < BUSY_S:
                time.sleep(1)
                most = max(most, server.bytes())
            share = (server.seconds() - used) / (time.monotonic() - began)
        told = measure("watched", environment=environment, what="count")
    if told["up"] < MONITORS:
        raise RuntimeError(f"only {told['up']} of {MONITORS} monitors are up")
    return most, {"core_share": round(share, 3), "results": told["results"]}


class _Server:
    def __init__(self, pid: int) -> None:
        import psutil

        self._process = psutil.Process(pid)

    def _all(self) -> list[Any]:
        return [self._process, *self._process.children(recursive=True)]

    def bytes(self) -> int:
        return sum(each.memory_info().rss for each in self._all())

    def seconds(self) -> float:
        return float(sum(sum(each.cpu_times()[:2]) for each in self._all()))


@contextmanager
def _server(environment: dict[str, str]) -> Iterator[_Server]:
    port = free_port()
    # Neither the environment's database nor its broker: this is about the server that needs none.
    own = {"PORT": str(port), "DATABASE_URL": "", "REDIS_URL": "", "DASHMON_BACKGROUND": "auto"}
    environment = {**os.environ, **own, **environment}
    command, quiet = [sys.executable, "-m", "dashmon.server"], subprocess.DEVNULL
    with on_core(OWN_CORE):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)
    try:
        await_port(port, 60)
        yield _Server(process.pid)
    finally:
        process.terminate()
        process.wait()
