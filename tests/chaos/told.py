"""What an installation has stored, as JSON: `python -m tests.chaos.told`, with its DATABASE_URL.

Per monitor its interval, its phase, and its rows as [instant, state, slots missed, interval].
"""

import json
import sys
import time

import django

DAY_MS = 86_400_000


def main() -> None:
    django.setup()
    from apps.checks.models import CheckBatch
    from apps.devices.models import Device
    from apps.metrics.columns import INTERVAL, MISSED, STATE
    from apps.metrics.models import Source
    from apps.metrics.raw import load_raw

    now_ms, monitors = time.time_ns() // 1_000_000, {}
    for device in Device.objects.filter(kind=Device.Kind.HTTP).order_by("number"):
        source = Source.objects.filter(workspace_id=device.workspace_id, kind=Source.Kind.DEVICE, ref=str(device.pk))
        rows = []
        if pk := source.values_list("pk", flat=True).first():
            table = load_raw(
                workspace_id=device.workspace_id,
                source_ids=[pk],
                start_ms=now_ms - DAY_MS,
                end_ms=now_ms + DAY_MS,
                keys=[STATE, MISSED, INTERVAL],
            )[pk]
            columns = (table.column(key) for key in (STATE, MISSED, INTERVAL))
            rows = [
                [ts, state, missed or 0, every] for ts, state, missed, every in zip(table.ts, *columns, strict=True)
            ]
        monitors[device.number - 1] = {
            "interval_ms": device.interval_s * 1000,
            "phase_ms": device.phase_ms,
            "rows": rows,
        }
    waiting = sum(len(slots) for slots in CheckBatch.objects.values_list("slots", flat=True))
    json.dump({"monitors": monitors, "waiting": waiting}, sys.stdout)


if __name__ == "__main__":
    main()
