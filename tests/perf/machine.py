"""What a machine says of itself, report by report: 40 series that drift with the day as those of a real one do.

Thirteen counters (two interfaces, two disks, processor time) and 27 gauges: shares to a hundredth of a percent, loads,
memory in whole pages, rates and ratios at full precision, small numbers, temperatures and constants.
"""

import math
import random
from typing import Any

PAGE = 4096
DAY_S = 86_400
MEMORY, DISK = 33_603_391_488, 960_197_124_096
LOADS = (("cpu.load1", 60), ("cpu.load5", 300), ("cpu.load15", 900))
SERIES = 40


class Machine:
    """One machine; `report` moves it on. `seed` decides how busy it is and all its noise."""

    def __init__(self, seed: int) -> None:
        self._noise = random.Random(seed)
        self._base = self._noise.uniform(0.08, 0.35)
        self._busy = self._base
        self._loads = dict.fromkeys((name for name, _ in LOADS), 4 * self._base)
        self._counters: dict[str, float] = {}
        self._memory = self._noise.uniform(0.3, 0.6) * MEMORY
        self._cached = self._noise.uniform(0.1, 0.3) * MEMORY
        self._disk = self._noise.uniform(0.2, 0.7) * DISK
        self._heat = 45.0
        self._tasks = 220.0

    def report(self, at_s: float, step_s: float) -> dict[str, Any]:
        """The next report, `step_s` seconds after the one before."""
        day = 1 - math.cos(2 * math.pi * at_s / DAY_S)
        aim = self._base * (0.4 + 0.8 * day)
        self._busy = min(1.0, max(0.002, self._busy + 0.2 * (aim - self._busy) + self._noise.gauss(0, 0.02)))
        return {
            **self._processor(step_s),
            **self._memories(),
            **self._disks(step_s),
            **self._network(step_s, day),
            **self._rest(),
        }

    def restart(self) -> None:
        """Its counters begin anew."""
        self._counters = dict.fromkeys(self._counters, 0)

    def _processor(self, step_s: float) -> dict[str, Any]:
        for name, span in LOADS:
            fade = math.exp(-step_s / span)
            running = max(0.0, 4 * self._busy + self._noise.gauss(0, 0.4))
            self._loads[name] = self._loads[name] * fade + running * (1 - fade)
        system = self._count("cpu.system_s", 4 * step_s * self._busy * self._noise.uniform(0.2, 0.3))
        loads = {name: round(value, 2) for name, value in self._loads.items()}
        return {"cpu.ratio": round(self._busy, 4), **loads, "cpu.system_s": round(system, 2)}

    def _memories(self) -> dict[str, Any]:
        self._memory += self._noise.gauss(0, 4e6) + 0.001 * (0.45 * MEMORY - self._memory)
        self._cached += self._noise.gauss(2e4, 2e5) - (1e9 if self._cached > 0.35 * MEMORY else 0)
        used, cached = int(self._memory) // PAGE * PAGE, int(self._cached) // PAGE * PAGE
        return {
            "mem.used_bytes": used,
            "mem.available_bytes": MEMORY - used + cached // 8 // PAGE * PAGE,
            "mem.buffers_bytes": 536_870_912 + int(self._cached) % 97 * PAGE,
            "mem.cached_bytes": cached,
            "mem.ratio": used / MEMORY,
            "swap.used_bytes": 0,
            "swap.ratio": 0.0,
        }

    def _disks(self, step_s: float) -> dict[str, Any]:
        said: dict[str, Any] = {}
        took_s = step_s + self._noise.gauss(0, 0.004)
        for name, share in (("sda", 1.0), ("sdb", 0.2)):
            busy = share * self._busy * self._noise.lognormvariate(0, 0.6)
            # Blocks of 4 KiB, and now and then none.
            read = int(busy * step_s * 2e5) // PAGE * PAGE * (self._noise.random() < 0.7)
            written = int(busy * step_s * 9e5) // PAGE * PAGE
            said[f"disk.read_bytes[{name}]"] = self._count(f"read {name}", read)
            said[f"disk.write_bytes[{name}]"] = self._count(f"write {name}", written)
            said[f"disk.util_ratio[{name}]"] = round(min(1.0, 0.1 * busy), 4)
            self._disk += written * 0.05
            if name == "sda":
                rates = {"disk.read_rate[sda]": read / took_s, "disk.write_rate[sda]": written / took_s}
        used = int(self._disk) // PAGE * PAGE
        return {**said, **rates, "disk.used_bytes[/]": used, "disk.ratio[/]": used / DISK}

    def _network(self, step_s: float, day: float) -> dict[str, Any]:
        said: dict[str, Any] = {}
        took_s = step_s + self._noise.gauss(0, 0.004)
        for name, rate in (("eth0", 2e5), ("eth1", 3e3)):
            for way, share in (("rx", 1.0), ("tx", 2.5)):
                moved = int(rate * share * (0.2 + day) * step_s * self._noise.lognormvariate(0, 0.5))
                said[f"net.{way}_bytes[{name}]"] = self._count(f"{way} {name}", moved)
                packets = moved // 700 + self._noise.randrange(20)
                said[f"net.{way}_packets[{name}]"] = self._count(f"{way} packets {name}", packets)
                if name == "eth0":
                    said[f"net.{way}_rate[eth0]"] = moved / took_s
        return said

    def _rest(self) -> dict[str, Any]:
        self._heat += 0.05 * (40 + 30 * self._busy - self._heat) + self._noise.gauss(0, 0.3)
        self._tasks += self._noise.gauss(0, 0.7) + 0.02 * (220 - self._tasks)
        pressure = max(0.0, self._busy - 0.3 + self._noise.gauss(0, 0.05))
        return {
            "proc.count": int(self._tasks),
            "conn.tcp": int(60 + 200 * self._busy + self._noise.gauss(0, 4)),
            "conn.udp": 6 + (self._noise.random() < 0.1),
            "cpu.temp_c": float(round(self._heat)),
            "smart.max_temp_c": 38 + int(self._heat > 50),
            "raid.failed": 0,
            "smart.failed": 0,
            "psi.cpu.some10": round(pressure, 4),
        }

    def _count(self, name: str, more: float) -> Any:
        """The counter after it grew; it began somewhere."""
        before = self._counters.get(name)
        self._counters[name] = (self._noise.randrange(10**9) if before is None else before) + more
        return self._counters[name]
