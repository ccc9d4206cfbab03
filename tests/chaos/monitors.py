"""Monitors straight into the tables, placed as the product does: `python -m tests.chaos.monitors PORT COUNT HOLES`.

A fourth number is how many more there are on one host of their own, which answers slowly, once a minute each; a fifth
the interval of all others in seconds, instead of three by turns.
"""

import random
import sys
import uuid

import django

CROWDED = "127.0.0.1"


def address(number: int) -> str:
    """A loopback address of its own for each, so that no limit per address joins them."""
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def main(port: int, count: int, holes: int, crowd: int = 0, every_s: int = 0) -> None:
    django.setup()
    from django.utils import timezone

    from apps.devices.models import SHARDS, Device, DeviceState
    from apps.operations.database import bring_up_to_date
    from tests.apps.pipeline.scene import make_project

    bring_up_to_date()
    now, dice = timezone.now(), random.Random(count)
    project = make_project(now=now, name="chaos")
    rows = []
    for number in range(count + crowd):
        name, kind = uuid.UUID(int=dice.getrandbits(128), version=4), "hole" if number < holes else "m"
        interval, host = every_s or dice.choice([10, 20, 30]), address(number)
        if number >= count:
            kind, interval, host = "slow", 60, CROWDED
        rows.append(
            Device(
                workspace_id=project.workspace_id,
                project=project,
                number=number + 1,
                public_id=name,
                name=f"monitor {number}",
                kind=Device.Kind.HTTP,
                label="http",
                url=f"http://{host}:{port}/{kind}/{number}",
                interval_s=interval,
                phase_ms=name.int % (interval * 1000),
                shard=name.int % SHARDS,
                created_at=now,
                updated_at=now,
            )
        )
    made = Device.objects.bulk_create(rows)
    DeviceState.objects.bulk_create(
        [DeviceState(workspace_id=device.workspace_id, device=device, since=now) for device in made]
    )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
