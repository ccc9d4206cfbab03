"""The probe engine alone, without schedule and store: processor time for each finished and judged check.

Run by `tests.perf.cores.measure`; prints one JSON document.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.perf.cores import arguments, spent
from tests.perf.farm import KEYWORD, address, name

PLACES = 64
RULES = {"assertions": [{"id": "a1", "source": "body", "op": "contains", "value": KEYWORD, "severity": "down"}]}


def plans(kind: str, count: int, *, hosts: int, port: int) -> Iterator[Any]:
    """So many plans, spread over so many targets."""
    from apps.checks import plans

    for number in range(count):
        target = number % hosts
        if kind in {"http", "http_names"}:
            host = address(target) if kind == "http" else name(target)
            yield plans.HttpPlan(f"http://{host}:{port}/ok", config=RULES)
        elif kind == "https":
            yield plans.HttpPlan(f"https://{name(target)}:{port}/ok", config=RULES)
        elif kind == "dns":
            yield plans.DnsPlan(name(target), config={"expected": [address(target)]})
        elif kind == "tcp":
            yield plans.TcpPlan(address(target), port)
        else:
            yield plans.PingPlan(address(target))


def run(kind: str, count: int, *, hosts: int, port: int) -> dict[str, Any]:
    """Keep all places filled; `us` of processor time a check once every target has been met, and how many were fine.

    Monitors are checked again and again, so the first round, which reads every target, is told apart.
    """
    from apps.checks import cycles
    from apps.checks.engine.engine import Engine

    cycles.search_rarely()  # as every process that checks does
    engine = Engine(slots=PLACES)
    try:
        wanted = list(plans(kind, count, hosts=hosts, port=port))
        before = spent()
        _finish(engine, iter(wanted[:hosts]))
        first = (spent() - before) / min(hosts, count)
        before = spent()
        done, fine, sample = _finish(engine, iter(wanted))
        used = spent() - before
    finally:
        engine.close()
    return {"us": used / done * 1e6, "checks": done, "fine": fine, "sample": sample, "first_us": first * 1e6}


def _finish(engine: Any, waiting: Iterator[Any]) -> tuple[int, int, str]:
    done = fine = 0
    sample = ""
    more = True
    while more or engine.free < PLACES:
        while more and engine.free:
            plan = next(waiting, None)
            if plan is None:
                more = False
            else:
                engine.start(plan, None)
        for _, result in engine.wait(1.0):
            done += 1
            good = result.measured and result.status == "up"
            fine += good
            sample = sample if good else result.message
    return done, fine, sample


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(run(**arguments())))
