"""Certificates beyond the vector file: names, addresses, defaults."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.checks.judge.certificates import covers, judge_tls
from apps.checks.types import Certificate

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = Certificate(
    not_before=NOW - timedelta(days=10),
    not_after=NOW + timedelta(days=60),
    subject="CN=shop.example",
    issuer="CN=Test CA",
    san=("DNS:shop.example",),
    trusted=True,
    chain_length=2,
    version="TLSv1.3",
)


@pytest.mark.parametrize(
    ("san", "host", "covered"),
    [
        ("DNS:*.com", "shop.com", False),
        ("DNS:*.shop.example", "www.shop.example", True),
        ("DNS:*.shop.example", ".shop.example", False),
        ("DNS:www.*.example", "www.shop.example", False),
        ("DNS:SHOP.example.", "shop.EXAMPLE", True),
        ("dns:shop.example", "shop.example", True),
        ("DNS:xn--mnchen-3ya.example", "münchen.example", True),
        ("IP:2001:DB8:0:0::1", "[2001:db8::1]", True),
        ("IP:2001:db8::1", "2001:db8::2", False),
        ("IP:203.0.113.5", "203.0.113.5", True),
        ("DNS:*.0.113.5", "203.0.113.5", False),
        ("DNS:", "", False),
        ("URI:https://shop.example", "shop.example", False),
    ],
)
def test_names_match_by_subject_alternative_names_only(san: str, host: str, covered: bool) -> None:
    assert covers((san,), host) is covered


def test_absent_keys_take_the_defaults_of_the_document() -> None:
    assert judge_tls({}, GOOD, "shop.example", NOW).status == "up"
    old = replace(GOOD, version="TLSv1.1")
    assert judge_tls({}, old, "shop.example", NOW).reasons == ("protocol_too_old",)
    soon = replace(GOOD, not_after=NOW + timedelta(days=29, hours=23))
    assert judge_tls({}, soon, "shop.example", NOW).reasons == ("expires_soon",)


def test_a_version_nobody_can_name_is_no_evidence_of_age() -> None:
    assert judge_tls({}, replace(GOOD, version=""), "shop.example", NOW).status == "up"


def test_limits_of_zero_days_never_warn_before_the_end() -> None:
    config = {"warnDays": 0, "criticalDays": 0}
    last = replace(GOOD, not_after=NOW)

    assert judge_tls(config, last, "shop.example", NOW).status == "up"
    assert judge_tls(config, last, "shop.example", NOW + timedelta(seconds=1)).reasons == ("expired",)
