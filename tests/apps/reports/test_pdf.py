"""PDF reports, read as a reader of PDF would."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from apps.reports.presenters.pdf import fonts, report_pdf
from apps.reports.presenters.pdf.fonts import CHINESE, JAPANESE, KOREAN, marked_up, typeface
from tests.apps.reports.test_report import named
from tests.pdf_reading import words_of

LATIN = ("Till 1", "Kassé Zürich", '<b>&amp; "q"</b>', "a & b < c")
WIDE = ("Москва: касса", "Αθήνα", "Łódź", "Việt Nam")
ASIAN = ("東京のサーバー", "北京数据中心", "서울 서버", "東京")


@pytest.fixture
def has_dejavu() -> bool:
    return all((fonts.font_folder() / name).is_file() for name in fonts.CHOSEN)


def test_names_of_latin_scripts_are_readable_with_any_fonts(now: datetime) -> None:
    words = words_of(report_pdf(named(*LATIN, now=now)))

    assert set(LATIN) <= set(words)
    assert "Läden & Söhne" in words


def test_names_of_east_asia_are_readable_with_any_fonts(now: datetime) -> None:
    assert set(ASIAN) <= set(words_of(report_pdf(named(*ASIAN, now=now))))


def test_without_the_package_the_bundled_fonts_do(now: datetime, settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    assert typeface().regular == "Vera"

    words = words_of(report_pdf(named("Till 1", "Zürich", "東京", "Я", now=now)))

    # What these fonts do not draw is spelled by its number, not lost.
    assert {"Till 1", "Zürich", "東京", "[U+042F]"} <= set(words)


def test_greek_cyrillic_and_more_need_the_package(now: datetime, has_dejavu: bool) -> None:
    words = set(words_of(report_pdf(named(*WIDE, now=now))))

    if has_dejavu:
        assert set(WIDE) <= words
    else:
        assert not set(WIDE) & words
        assert any("[U+041C]" in word for word in words)


def test_what_no_font_draws_is_spelled_by_its_number(now: datetime) -> None:
    assert "[U+0E01]till" in words_of(report_pdf(named("\u0e01till", now=now)))


@pytest.mark.parametrize(
    ("text", "font"),
    [
        ("東京", CHINESE),
        ("東京の", JAPANESE),
        ("北京", CHINESE),
        ("서울", KOREAN),
        ("漢字와", KOREAN),
        ("ｶﾅ", JAPANESE),
    ],
)
def test_other_characters_tell_the_language_of_ideographs(text: str, font: str) -> None:
    assert f'<font name="{font}">{text[0]}' in marked_up(text, typeface())


def test_the_summary_says_what_was_up_and_whether_that_was_enough(now: datetime) -> None:
    words = words_of(report_pdf(named("Till 1", "Till 2", now=now)))

    facts = dict(pairwise(words))
    assert facts["Uptime by time"] == "99.000 %"
    assert facts["Mean time to recover"] == "30 min"
    assert facts["SLA of 99.9 %"] == "0 of 1 monitors met it"
    assert facts["Error budget left"] == "over by 54 min"
    assert {"Missed", "Not measured", "worst day: 1 h"} <= set(words)
    assert any(word.startswith("23 February 2026, 11:00 to 2 March 2026, 11:00") for word in words)


def test_the_same_report_is_the_same_file(now: datetime) -> None:
    report = named(*LATIN, now=now)

    assert report_pdf(report) == report_pdf(report)


def test_hundreds_of_monitors_fill_pages_with_a_head_on_each(now: datetime) -> None:
    words = words_of(report_pdf(named(*(f"Monitor {number}" for number in range(300)), now=now)))

    pages = len([word for word in words if word.startswith("Page ")])
    assert pages > 5
    # Only the very last page may hold nothing but the rule.
    assert words.count("Budget left") in {pages - 1, pages}
    assert {f"Monitor {number}" for number in range(300)} <= set(words)


def test_a_name_as_long_as_allowed_and_without_a_space_breaks(now: datetime) -> None:
    name = "x" * 120

    words = words_of(report_pdf(named(name, now=now)))

    assert name in words or name in "".join(words)
