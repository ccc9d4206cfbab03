"""Registrations: at most a warning, whatever the date."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.checks.judge.domains import judge_domain

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("days", [-4000, -1, 0, 1, 6, 7, 29, 30, 4000])
def test_a_registration_is_never_down(days: int) -> None:
    verdict = judge_domain({}, NOW + timedelta(days=days), NOW)

    assert verdict.status in {"up", "warning"}
    assert verdict.days_left == days


def test_the_last_instant_is_not_past() -> None:
    assert judge_domain({}, NOW, NOW).reasons == ("domain_expires_soon",)
    assert judge_domain({}, NOW, NOW + timedelta(seconds=1)).reasons == ("domain_expired",)


def test_an_unknown_date_has_no_effect() -> None:
    verdict = judge_domain({}, None, NOW)

    assert (verdict.status, verdict.severity, verdict.reasons) == ("up", "", ("domain_expiry_unknown",))
