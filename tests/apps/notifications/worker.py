"""A notifications worker as a process of its own, to be killed: `python -m tests.apps.notifications.worker NAME`."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta

import django


def main(name: str) -> None:
    """Plan, take steps and send, over and over, with leases that run out soon."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    django.setup()

    from apps.notifications import services
    from apps.notifications.services import deliveries

    deliveries.LEASE = timedelta(seconds=1.5)
    services.give_back(owner=name)
    while True:
        services.fan_out(now=datetime.now(UTC), limit=20)
        services.advance_due(now=datetime.now(UTC), limit=20)
        services.deliver_due(now=datetime.now(UTC), limit=20, owner=name)
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
