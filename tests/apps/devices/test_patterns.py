"""Patterns of users: what is refused before it can cost anything, and what is capped."""

import time

import pytest

from apps.devices.patterns import PatternError, compile_pattern, search


@pytest.mark.parametrize(
    "pattern",
    [
        r"v\d+\.\d+",
        r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$",
        r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
        r"(?i)ok|fine",
        r"(?i:ok)",
        r"(?P<name>x)(?P=name)",
        r"(?<=a)b(?!c)",
        r"([a-z0-9-]{1,63}\.){1,10}",
    ],
)
def test_what_people_write_compiles(pattern: str) -> None:
    assert compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "[",
        "*a",
        r"(?P<a>x)(?P<a",
        r"\L<words>",
        "x" * 501,
        "a{2001}",
        "a{99999999999999999999}",
        "((((a?){50}){50}){50}){50}",
        "((a{9}){9}){90}",
        "(a{ 50 }){ 50 }",
        "(?x)(a{50} ) {50}",
        "(a{50})(?#){50}",
        "(?R)",
        "(?1)(a)",
        "(?V1)[[a]--[b]]",
    ],
)
def test_what_is_broken_or_unrolls_without_end_is_refused_at_once(pattern: str) -> None:
    began = time.monotonic()

    with pytest.raises(PatternError):
        compile_pattern(pattern)

    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("pattern", "subject"),
    [
        ("(a+)+$", "a" * 5_000 + "b"),
        ("(.*?,){50}P", "ab" * 50_000 + ",,,c" * 50),
        ("(?:fo+o|b.*r){e<=40}$", "ab" * 50_000),
    ],
)
def test_a_search_that_would_not_end_has_no_answer(pattern: str, subject: str) -> None:
    assert search(pattern, subject, seconds=0.02) is None


def test_a_search_is_not_anchored() -> None:
    assert search("b", "abc") is True
    assert search("^b", "abc") is False
