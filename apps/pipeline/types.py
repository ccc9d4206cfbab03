"""What enters through the one door, and what came of it: plain frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from apps.common.clock import from_epoch_ms
from apps.devices.state import Outcome
from apps.devices.types import Change
from apps.metrics.types import PlainResult
from apps.nodes.types import Report


class DeviceFact(NamedTuple):
    """One check of one device, on its way in.

    `at` is the check's slot, or the start of a check that somebody asked for. `values` are the columns of the
    metrics store without `state`, which the pipeline adds; `detail` holds the wire words of contract Dashmon 6.1.
    `outcome` is None for slots that never ran: such a fact is stored and changes nothing.
    """

    workspace_id: int
    device_id: int
    at: datetime
    outcome: Outcome | None
    values: Mapping[str, int | float | None]
    detail: Mapping[str, Any] = MappingProxyType({})
    certificate_expires_at: datetime | None = None
    certificate_issuer: str = ""
    domain_expires_at: datetime | None = None


def fact_of_plain(result: PlainResult) -> DeviceFact:
    """A plain success as the fact it stands for."""
    at = from_epoch_ms(result.at_ms)
    values = {name: value for name, value in result.values.items() if name != "state"}
    return DeviceFact(result.workspace_id, result.device_id, at, Outcome(at, "up"), values)


@dataclass(frozen=True, slots=True)
class NodeFact:
    """One report of a node's agent, on its way in.

    `at` is the server's clock, `address` where it came from, `before` the stamps of what the node sent lately.
    """

    workspace_id: int
    node_id: int
    at: datetime
    report: Report
    address: str = ""
    before: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NodeReply:
    """What became of a node's report: whether it is kept, and the version that its agent should become.

    `node_id` is the node's primary key, 0 for a report that was not kept.
    """

    kept: bool = False
    wanted_version: str = ""
    node_id: int = 0


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a batch of facts did.

    `confirming` names the devices whose newest failure wants to be confirmed; `settled` those that answered or are
    known to be down, so nothing is left to confirm. Devices that no longer exist are in neither.
    """

    stored: int
    changes: tuple[Change, ...]
    confirming: frozenset[int]
    settled: frozenset[int]
