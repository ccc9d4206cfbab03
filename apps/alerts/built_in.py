"""The rules that every workspace has: fixed negative numbers, rows like any other, switched but never rewritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.alerts.columns import SILENCE
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.types import SeverityName
from apps.alerts.windows import Streak
from apps.common.values import Cover, SubjectKind

NODE_OFFLINE, RAID_FAILED, SMART_FAILED, SMART_CRITICAL = -1, -2, -3, -4
DEVICE_STATE, DEVICE_LATENCY, CERTIFICATE = -5, -6, -7
ADDRESS_CHANGED, CONTAINER_CHANGED, COMMAND_FINISHED, HOSTING_TERM = -8, -9, -10, -11
HALF_AN_HOUR_S = 1800
# How soon a certificate that works is worth a word, where its monitor does not say so itself (contract Nezha 2.6).
CERTIFICATE_DAYS = 7


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One of them as it is born. Without conditions its facts are told to it: a change of state, or a notice."""

    number: int
    key: str
    name: str
    subject_kind: SubjectKind
    severity: SeverityName
    conditions: tuple[Condition, ...] = ()
    cooldown_s: int = 0
    stale: str = "hold"
    enabled: bool = True


def _broken(number: int, key: str, name: str, metric: str) -> BuiltIn:
    """At least one, at once; what is not reported is not broken (contract Dash 9.1)."""
    conditions = (Condition(metric, "ge", 1, missing="clear"),)
    return BuiltIn(number, key, name, "node", "critical", conditions, HALF_AN_HOUR_S, stale="close")


BUILT_IN: Sequence[BuiltIn] = (
    BuiltIn(
        NODE_OFFLINE,
        "node_offline",
        "Node offline",
        "node",
        "critical",
        # Never seen is not offline.
        (Condition(SILENCE, "gt", plus="stale_after_s", missing="clear"),),
    ),
    _broken(RAID_FAILED, "raid_failed", "RAID failed", "raid.failed"),
    _broken(SMART_FAILED, "smart_failed", "Disk fails SMART", "smart.failed"),
    _broken(SMART_CRITICAL, "smart_nvme_critical_warning", "NVMe critical warning", "smart.critical"),
    BuiltIn(DEVICE_STATE, "device_state", "Device state", "device", "critical"),
    BuiltIn(
        DEVICE_LATENCY,
        "device_latency",
        "Device latency",
        "device",
        "warning",
        (Condition("latency_us", "gt", plus="latency_limit_us", missing="hold"),),
    ),
    BuiltIn(
        CERTIFICATE,
        "certificate",
        "Certificate runs out",
        "device",
        "warning",
        (Condition("cert.days", "lt", CERTIFICATE_DAYS, missing="hold"),),
        # TLS monitors warn by their own days already; whoever wants this for every HTTPS address switches it on.
        enabled=False,
    ),
    BuiltIn(ADDRESS_CHANGED, "node_address_changed", "Node address changed", "node", "info"),
    BuiltIn(
        CONTAINER_CHANGED,
        "container_changed",
        "Container changed",
        "container",
        "info",
        (Condition("state", "changed", missing="hold"),),
    ),
    BuiltIn(COMMAND_FINISHED, "command_finished", "Command finished", "node", "info"),
    BuiltIn(HOSTING_TERM, "hosting_term", "Term of a rented server ends", "instance", "info"),
)
BY_NUMBER: Mapping[int, BuiltIn] = {spec.number: spec for spec in BUILT_IN}


def _first(name: str, condition: Condition) -> RuleDraft:
    return RuleDraft(name, "node", (condition,), stale="close")


def _for_a_minute(metric: str, bound: float = 0, offset: float = 0, *, cores: bool = False) -> Condition:
    return Condition(
        metric,
        "ge",
        bound,
        offset,
        plus="cores" if cores else "",
        window=Streak(60),
        missing="clear",
        cover=Cover(default_on=False),
    )


# What a fresh installation of Dash has (contract Dash 9.1): on, and about no node until somebody says so.
FIRST_RULES: Sequence[RuleDraft] = (
    _first("cpu_usage_ratio_high", _for_a_minute("cpu.ratio", 0.9)),
    _first("cpu_load1_high", _for_a_minute("cpu.load1", offset=1, cores=True)),
    _first("cpu_load5_high", _for_a_minute("cpu.load5", cores=True)),
    _first("mem_used_ratio_high", _for_a_minute("mem.ratio", 0.9)),
)
