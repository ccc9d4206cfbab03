"""An engine that knows nothing but the farm."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.checks.engine.engine import Engine
from apps.checks.engine.icmp import NoIcmpError, open_socket
from apps.checks.plans import Plan
from apps.checks.types import CheckResult
from apps.common.egress import Guard
from tests.farm.land import CANARY_NETWORK, Farm

Run = Callable[[Plan], CheckResult]
MakeEngine = Callable[..., Engine]
LONGEST_S = 30.0


def can_ping() -> bool:
    """Whether this process may open an ICMP socket at all."""
    try:
        open_socket(4)[0].close()
    except NoIcmpError:
        return False
    return True


def drain(engine: Engine, count: int) -> dict[Any, CheckResult]:
    """Results by ticket, until there are `count` of them."""
    results: dict[Any, CheckResult] = {}
    for _ in range(1000):
        results.update(engine.wait(LONGEST_S))
        if len(results) >= count:
            return results
    raise AssertionError(f"only {len(results)} of {count} checks came back")


@pytest.fixture
def guard() -> Guard:
    """Self-hosted defaults, and the canary network denied."""
    return Guard.build(profile="self_hosted", allow=None, deny=[CANARY_NETWORK], services=())


@pytest.fixture
def make_engine(farm: Farm, guard: Guard, settings: Any, tmp_path_factory: Any) -> Iterator[MakeEngine]:
    settings.PROBE_CA_FILE = str(farm.authority.ca_file)
    settings.DATA_DIR = Path(tmp_path_factory.getbasetemp())
    made: list[Engine] = []

    def make(**options: Any) -> Engine:
        defaults: dict[str, Any] = {
            "guard": guard,
            "resolvers": [farm.resolver],
            "rdap_url": farm.url(""),
            "whois_server": lambda _: "whois.nic.test",
            "whois_port": farm.tcp_ports["whois"],
        }
        engine = Engine(**defaults | options)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


@pytest.fixture
def run(engine: Engine) -> Run:
    """Run one plan to its end."""

    def run_plan(plan: Plan) -> CheckResult:
        engine.start(plan, "it")
        return drain(engine, 1)["it"]

    return run_plan
