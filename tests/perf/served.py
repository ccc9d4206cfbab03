"""Applications on one store, and senders that load them with wrk: what `tests.perf.ingest` measures."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.perf.cores import OWN_CORE, TARGET_CORE, measure, on_core
from tests.perf.database import postgres_url
from tests.perf.farm import tool
from tests.perf.status_page import serve

ROUND_S, CONNECTIONS = 4, 64
# Every request has a sender of its own: a stride that is prime to their number. A body in two parts gets an instant of
# its own between them: a report that comes again is answered and not kept, which is another matter.
SCRIPT = """
local requests, at, sent = %s, 0, 0
local before, after = %s, %s
request = function()
  at, sent = (at + 7919) %% #requests, sent + 1
  local each, body = requests[at + 1], before
  if after then
    body = before .. os.date("!%%Y-%%m-%%dT%%H:%%M:%%S") .. string.format(".%%06dZ", sent %% 1000000) .. after
  end
  return wrk.format("POST", each[1], {["Content-Type"] = "application/json", ["X-Node-Secret"] = each[2]}, body)
end
"""
# What a connection waits between two requests, drawn anew each time.
PACE = "delay = function() return math.random(0, %d) end\n"
RATE = re.compile(r"Requests/sec: +([\d.]+)")
SLOWEST = re.compile(r"99%\s+([\d.]+)(us|ms|s)\b")
IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Served:
    """`ports` and `processes` are those of the applications in their order; `url` is the store's address."""

    ports: Sequence[int]
    processes: Sequence[int]
    script: Path
    url: str

    def rate(self, place: int) -> float:
        """Answers a second of one application, its senders never waiting."""
        return float(RATE.search(self._load(place, self.script))[1])  # type: ignore[index]  # `_load` has seen it

    def p99_ms(self, place: int, per_s: float) -> float:
        """How long the slowest hundredth waits for an answer at about that many requests a second."""
        paced = self.script.with_suffix(".paced.lua")
        paced.write_text(self.script.read_text() + PACE % round(2 * CONNECTIONS * 1000 / per_s))
        found = SLOWEST.search(self._load(place, paced, "--latency"))
        if found is None:
            raise RuntimeError("wrk tells no latencies")
        return float(found[1]) * IN_MS[found[2]]

    def cost_us(self, place: int, processes: Callable[[], Iterable[int]]) -> float:
        """Processor time of these processes for one request to the application."""
        before = _spent(processes())
        rate = self.rate(place)
        return (_spent(processes()) - before) / (rate * ROUND_S) * 1e6

    def backends(self) -> Iterable[int]:
        """The database's processes for this store."""
        import psycopg

        with psycopg.connect(self.url.replace("postgres://", "postgresql://"), autocommit=True) as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            return [pid for (pid,) in connection.execute(query)]

    def _load(self, place: int, script: Path, *more: str) -> str:
        """What wrk says; RuntimeError when one answer was no 2xx."""
        command = [tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{ROUND_S}s", "-s", str(script), *more]
        with on_core(TARGET_CORE):
            url = f"http://127.0.0.1:{self.ports[place]}"
            answer = subprocess.run([*command, url], capture_output=True, text=True, check=True)
        found = RATE.search(answer.stdout)
        if found is None or "Non-2xx" in answer.stdout or float(found[1]) == 0:
            raise RuntimeError(f"not every answer was a 2xx:\n{answer.stdout}{answer.stderr}")
        return answer.stdout


@contextmanager
def served(kind: str, store: str, *modules: str) -> Iterator[Served]:
    """These applications on one store with its senders, all warm."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dashmon-ingest-")))
        environment = {
            "DATABASE_URL": stack.enter_context(_database(store)),
            "REDIS_URL": "",
            "DASHMON_DATA_DIR": str(folder),
            "DASHMON_BACKGROUND": "off",
            "DASHMON_RATE_LIMITS": "off",
        }
        senders = measure("senders", environment=environment, kind=kind)
        script = folder / "senders.lua"
        before, *after = map(json.dumps, senders["body"])
        script.write_text(SCRIPT % (_lua(senders["requests"]), before, *(after or ["nil"])))
        ports, processes = list[int](), list[int]()
        for module in modules:
            with on_core(OWN_CORE):
                process, port = serve(f"{module}:application", **environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            ports.append(port)
            processes.append(process.pid)
        all_of_them = Served(ports, processes, script, environment["DATABASE_URL"])
        for place in range(len(modules)):
            all_of_them.rate(place)
        yield all_of_them


def _spent(processes: Iterable[int]) -> float:
    """Seconds of processor time so far, of all threads, the kernel's included."""
    ticks = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _lua(requests: Sequence[Sequence[str]]) -> str:
    return "{" + ",".join(f"{{{json.dumps(path)},{json.dumps(secret)}}}" for path, secret in requests) + "}"


@contextmanager
def _database(store: str) -> Iterator[str]:
    """The address of an empty database, gone afterwards; nothing for SQLite, which lives in the data folder."""
    if store == "sqlite":
        yield ""
        return
    import psycopg

    server, name = postgres_url(), f"bench_ingest_{os.getpid()}"
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]  # the name is our own
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]  # our own
