from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.clock import epoch_ms, from_epoch_ms, iso_ms, parse_iso

AT = datetime(2026, 2, 16, 11, 23, 0, 999_999, tzinfo=UTC)


def test_milliseconds_are_rounded_down() -> None:
    assert epoch_ms(AT) % 1000 == 999
    assert epoch_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@given(st.integers(min_value=-(10**13), max_value=10**14))
def test_milliseconds_read_back(ms: int) -> None:
    assert epoch_ms(from_epoch_ms(ms)) == ms


def test_instants_are_spelled_in_utc_with_three_decimals() -> None:
    assert iso_ms(AT) == "2026-02-16T11:23:00.999Z"
    assert iso_ms(datetime(2026, 2, 16, 13, 0, tzinfo=timezone(timedelta(hours=2)))) == "2026-02-16T11:00:00.000Z"
    assert iso_ms(datetime(800, 1, 2, tzinfo=UTC)) == "0800-01-02T00:00:00.000Z"


def test_an_instant_with_a_zone_is_read() -> None:
    assert parse_iso("2026-03-01T22:00:00Z") == datetime(2026, 3, 1, 22, tzinfo=UTC)
    assert parse_iso("2026-03-01T22:00:00.250+02:00") == datetime(2026, 3, 1, 20, 0, 0, 250_000, tzinfo=UTC)
    assert parse_iso(iso_ms(AT)) == AT.replace(microsecond=999_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-03-01",
        "2026-03-01T22:00:00",  # no zone
        "2026-13-01T22:00:00Z",
        "0001-01-01T00:00:00+05:00",  # before the first day
        "9999-12-31T23:59:59-05:00",  # after the last one
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_iso(text)
