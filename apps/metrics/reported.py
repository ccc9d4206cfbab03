"""Columns of subjects that report by themselves, such as nodes: their numbers, precision, and what buckets keep."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from apps.metrics.columns import INTERVAL, STATE
from apps.metrics.gauge import Part

# A number is never given to another name; names with an instance, `disk.ratio[sda]`, get one of their source's own.
FIXED: Mapping[str, int] = {
    "state": STATE,
    "interval_ms": INTERVAL,
    "cpu.ratio": 16,
    "cpu.load1": 17,
    "cpu.load5": 18,
    "cpu.load15": 19,
    "cpu.temp_c": 20,
    "cpu.user_s": 21,
    "cpu.system_s": 22,
    "cpu.idle_s": 23,
    "cpu.iowait_s": 24,
    "cpu.steal_s": 25,
    "mem.used_bytes": 26,
    "mem.ratio": 27,
    "mem.available_bytes": 28,
    "mem.buffers_bytes": 29,
    "mem.cached_bytes": 30,
    "swap.used_bytes": 31,
    "swap.ratio": 32,
    "disk.used_bytes": 33,
    "disk.ratio": 34,
    "net.rx_rate": 35,
    "net.tx_rate": 36,
    "conn.tcp": 37,
    "conn.udp": 38,
    "proc.count": 39,
    "uptime_s": 40,
    "temp.max_c": 41,
    "gpu.max_ratio": 42,
    "raid.failed": 43,
    "smart.failed": 44,
    "smart.critical": 45,
    "smart.failing": 46,
    "smart.max_temp_c": 47,
    "psi.cpu.some10": 48,
    "psi.cpu.some60": 49,
    "psi.cpu.some300": 50,
    "psi.memory.some10": 51,
    "psi.memory.some60": 52,
    "psi.memory.some300": 53,
    "psi.memory.full10": 54,
    "psi.memory.full60": 55,
    "psi.memory.full300": 56,
    "psi.io.some10": 57,
    "psi.io.some60": 58,
    "psi.io.some300": 59,
    "psi.io.full10": 60,
    "psi.io.full60": 61,
    "psi.io.full300": 62,
}
FIXED_NAMES: Mapping[int, str] = {key: name for name, key in FIXED.items()}
# A source that has had so many names of its own gets no more: a machine does not, a liar would.
MOST_OWN_COLUMNS = 1000

# What only grows between restarts: a bucket keeps where it stood last.
_COUNTER = re.compile(
    r"net\.[rt]x_(?:bytes|packets|errors|drops)|(?:disk|block)\.(?:read|write)_bytes"
    r"|cpu\.(?:user|system|idle|iowait|steal|total)_s|state|interval_ms"
)
_WHOLE = re.compile(r".*_bytes|.*_packets|.*_errors|.*_drops|conn\..*|.*\.count|uptime_s|state|interval_ms|pids")
_RATIO = re.compile(r".*ratio|psi\..*")
_HUNDREDTHS = re.compile(r".*_rate|.*\.load\d+|cpu\..*_s")


@dataclass(frozen=True, slots=True)
class Kept:
    """How a column is kept: decimal places, and which parts of it a bucket has."""

    decimals: int
    parts: tuple[Part, ...]

    @property
    def scale(self) -> int:
        """What a value is multiplied by to be an integer in a bucket."""
        return int(10**self.decimals)


@lru_cache(maxsize=20_000)
def kept(name: str) -> Kept:
    """How a column of this name is kept, by what stands before its instance; stored buckets rely on it."""
    plain = name.partition("[")[0]
    parts = (Part.LAST,) if _COUNTER.fullmatch(plain) else tuple(Part)
    if _RATIO.fullmatch(plain):
        return Kept(6, parts)
    if _HUNDREDTHS.fullmatch(plain):
        return Kept(2, parts)
    return Kept(0 if _WHOLE.fullmatch(plain) else 3, parts)
