"""What the first releases left in the store: exact phases, buckets with a last latency. It is read, and goes on."""

from datetime import timedelta
from typing import Any

import pytest

from apps.common.clock import epoch_ms
from apps.devices.models import Device
from apps.metrics import columns, selectors
from apps.metrics.codec import decode
from apps.metrics.gauge import Part
from apps.metrics.models import Block
from apps.metrics.tiers import DAY, FIVE_MINUTES, HOURS, MINUTE, RAW, TIERS
from tests.apps.metrics.conftest import NOW, append_all, observation, settle

# 1 May 2026, from midnight on twelve results, a minute apart, byte for byte as they were sealed.
FIRST_RESULTS = (
    "01ae77b46d0b000c00000069000000fbff9f01044e5c7d3097918121e115030a604422310113488ec9dc1d535e0a8899412a9852d920"
    "221dfffe8301882d01c42c60bdc6da98a682f4b282f5462642440afea0ea6503ebeddb8c5d2f3bd86c6c00a48f03cc3a8143050fc864"
    "c6502c32bc508c1946300000627a9d1256387f8b89f7819580c93cfec1a279f53be327d97f00ca6a73bf963b8d812f3f1230e63fcc7f"
    "19ff313030fe0500aa63a8092b36b63ccdb34c0830b6bf4c8cbf987fb3fdfacf0400da561634df29d3d5c3fb2160ac0cdff83e33f2bf"
    "e1fe0500ea9e72a24fd77d9b6f89e251c0a41e7de150bfcef09e418a010001000100020063fff18f89ebdbbfffffd81801"
)
# The five minutes that were made of them.
FIRST_BUCKETS = (
    "01af9603e6180003000000bd000000fbff9f01044e5c7d30979181e1c164160664c00822981a563233a0034e9004862832c0d4830c58"
    "f0cab282ec6664c5a18f0daf5e76bc7a39f0ca06003113cbaf12880d77eeff0703109b0b880341b24c1df6e0506198f90e210b322f08"
    "2c6b990c9115e342f54d3058f69e3344d6f915aade10bcae8a00eb9d27071189470a3a908e18bc7a13400ca60b9198b2a0184cc1ab37"
    "031c1aa277216e5e83240bf25c0e5ebd0560bd675a21a9a0e0116a4896e0d55b81337580e2a506af5e004a486000ecd52b060063f80b"
    "0063f80b0063f80b00da095022407f00fb0f00ba00982e00aa01ec0a005203cc080063f80b007202ec190063f80b002a1567006c6a2f"
    "030063f80b007202e80140ff00fb0f0063f80b0032074805a07f80fd070063f80b0001000100500063f80b00"
)
OLD_DAY = epoch_ms(NOW) // DAY * DAY - 3 * DAY
DNS_US = [1637, 1261, 1759, 1367, 1814, 1707, 1965, 1861, 1757, 1667, 1944, 1542]
TTFB_US = [45966, 52761, 45229, 42357, 44547, 54576, 44151, 44333, 40058, 40174, 46863, 47060]
LAST = columns.gauge_key(columns.LATENCY, Part.LAST)
SUM = columns.gauge_key(columns.LATENCY, Part.SUM)


def result(device: Device, ts: int) -> Any:
    phases = {"dns_us": 1234, "connect_us": 12_001, "tls_us": 24_049, "ttfb_us": 46_050}
    return observation(device, ts, state=1, interval_ms=MINUTE, latency_us=83_500, total_us=83_500, **phases)


@pytest.fixture
def old(device: Device) -> Device:
    """A device whose day was sealed and rolled up by the first version of blocks."""
    append_all([result(device, OLD_DAY + minute * MINUTE) for minute in range(12)], NOW)
    settle(NOW)
    for tier, block in ((RAW, FIRST_RESULTS), (FIVE_MINUTES, FIRST_BUCKETS)):
        assert Block.objects.filter(tier=tier, t0=OLD_DAY).update(payload=bytes.fromhex(block)) == 1
    return device


def results_of(device: Device) -> list[Any]:
    return selectors.results(workspace_id=device.workspace_id, ref=device.ref, start_ms=0, end_ms=epoch_ms(NOW))


def buckets(tier: int) -> Any:
    return decode(Block.objects.get(tier=tier).payload)


def test_exact_phases_of_earlier_releases_are_read_as_they_were(old: Device) -> None:
    rows = results_of(old)

    assert [row.dns_us for row in rows] == DNS_US
    assert [row.ttfb_us for row in rows] == TTFB_US
    chart = selectors.chart(
        workspace_id=old.workspace_id, ref=old.ref, columns=["dns_us"], start=NOW.replace(day=1, hour=0), end=NOW
    )
    point = next(point for point in chart.points if point.checks)
    assert chart.rollup == "5m"
    assert (chart.step_ms, point.phases_us["dns_us"]) == (10 * MINUTE, sum(DNS_US[:10]) / 10)


def test_a_late_result_joins_a_day_of_exact_ones_and_all_is_computed_again(old: Device) -> None:
    append_all([result(old, OLD_DAY + 12 * MINUTE)], NOW)
    settle(NOW + timedelta(days=2))

    rows = results_of(old)
    assert [row.dns_us for row in rows] == [*DNS_US, 1200]
    assert [row.ttfb_us for row in rows] == [*TTFB_US, 46_100]
    assert [(row.latency_us, row.total_us) for row in rows][-1] == (83_500, 83_500)
    five = buckets(FIVE_MINUTES)
    assert five.column(columns.gauge_key(columns.DNS, Part.SUM)) == [sum(DNS_US[:5]), sum(DNS_US[5:10]), 4686]
    assert [tier for tier in TIERS if LAST in buckets(tier).columns] == []


def test_an_hour_of_old_and_new_buckets_leaves_what_is_no_longer_kept_behind(old: Device) -> None:
    assert LAST in buckets(FIVE_MINUTES).columns
    append_all([result(old, OLD_DAY + DAY + minute * MINUTE) for minute in range(5)], NOW)
    settle(NOW + timedelta(days=2))

    merged = buckets(HOURS)
    assert LAST not in merged.columns
    assert merged.ts == [OLD_DAY, OLD_DAY + DAY]
    assert merged.column(SUM) == [423_162 + 414_934 + 169_579, 5 * 83_500]
