"""The database of a server that is measured from outside: filled before it starts, counted after it has stopped.

Run by `tests.perf.cores.measure`; prints one JSON document.
"""

import json
from typing import Any

from tests.perf.cores import arguments
from tests.perf.engine import RULES
from tests.perf.farm import address


def fill(monitors: int, port: int) -> dict[str, Any]:
    """So many HTTP monitors that are checked every minute."""
    from django.core.management import call_command
    from django.utils import timezone

    from tests.perf import fleet

    call_command("migrate", verbosity=0)
    now = timezone.now()

    def describe(number: int) -> dict[str, Any]:
        return {"url": f"http://{address(number)}:{port}/ok", "synthetic": RULES}

    return {"made": len(fleet.fill(fleet.project(now=now), monitors, interval_s=60, now=now, describe=describe))}


def count() -> dict[str, Any]:
    """Monitors that are up, and results in the inbox."""
    from apps.devices.models import DeviceState
    from apps.metrics.models import HeadRow

    return {"up": DeviceState.objects.filter(state="up").count(), "results": HeadRow.objects.count()}


if __name__ == "__main__":
    import django

    django.setup()
    wanted = arguments()
    print(json.dumps(fill(**wanted) if wanted.pop("what") == "fill" else count()))
