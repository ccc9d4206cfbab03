"""The pure rules: contrast, stories, indicator, markup, words, addresses, visits."""

import string
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.statuspages.addresses import address_of
from apps.statuspages.contrast import LEAST, SURFACES, contrast, nearest_passing, on_colour, passes
from apps.statuspages.indicator import indicator, percent2
from apps.statuspages.markup import to_html, to_text
from apps.statuspages.settings_rules import faults
from apps.statuspages.threads import Post, Thread, threads_of
from apps.statuspages.visits import Visits
from apps.statuspages.words import CATALOGUES, known, preferred, say

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_what_the_guideline_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#2563eb", "#2563eb") == 1


@given(colour=COLOURS, theme=st.sampled_from(["light", "dark"]))
def test_the_offered_shade_passes_and_a_passing_one_is_kept(colour: str, theme: str) -> None:
    offered = nearest_passing(colour, theme)

    assert contrast(offered, SURFACES[theme]) >= LEAST
    assert offered == colour or not passes(colour, theme)


def test_text_on_an_accent_is_the_better_of_black_and_white() -> None:
    assert (on_colour("#3b4cca"), on_colour("#ffee00")) == ("#ffffff", "#0e1013")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"accentColor": "#2563eb", "theme": "auto"}, []),
        ({"accentColor": "#ffee00", "theme": "auto"}, ["accentColor"]),
        ({"accentColor": "#ffee00", "theme": "dark"}, []),
        ({"accentColor": "#000080", "theme": "dark"}, ["accentColor"]),
        ({"accentColor": "red"}, ["accentColor"]),
        ({"accentColor": "#12345g"}, ["accentColor"]),
        ({"accentColor": None}, []),
        ({"slug": "ab"}, ["slug"]),
        ({"slug": "Acme"}, ["slug"]),
        ({"slug": "a" * 49}, ["slug"]),
        ({"slug": "acme\n"}, ["slug"]),
        ({"showUptimeDays": 0, "timezone": "Mars/Base", "locale": "xx", "theme": "pink"}, None),
        ({"name": "  "}, ["name"]),
        ({"description": "x" * 501}, ["description"]),
    ],
)
def test_settings_are_judged_by_one_rule(values, names) -> None:
    assert list(faults(values)) == (list(values) if names is None else names)


def test_a_refused_accent_comes_with_the_nearest_that_passes() -> None:
    sentence = faults({"accentColor": "#ffcc00", "theme": "light"})["accentColor"]

    assert nearest_passing("#ffcc00", "light") in sentence


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([], "operational"),
        (["up", "up"], "operational"),
        (["up", "warning"], "degraded"),
        (["up", "down", "warning"], "partial_outage"),
        (["down", "down"], "major_outage"),
        (["down"], "major_outage"),
        (["up", "maintenance"], "maintenance"),
        (["partial_maintenance", "up"], "maintenance"),
    ],
)
def test_the_indicator_is_the_worst_that_is_true(statuses, word) -> None:
    assert indicator(statuses) == word


def test_shares_have_two_decimals_and_only_the_whole_is_100() -> None:
    assert percent2((85_500, 86_400)) == 98.96
    assert percent2((86_400_000 * 90 - 1, 86_400_000 * 90)) == 99.99
    assert (percent2((7, 7)), percent2((0, 5)), percent2(None)) == (100.0, 0.0, None)


# --- Stories ----------------------------------------------------------------------------------------
NOW = datetime.fromisoformat("2026-03-02T10:00:00+00:00")


def post(status: str, *, hours_ago: float, thread: str = "a", **more: datetime) -> Post:
    at = NOW - timedelta(hours=hours_ago)
    return Post(f"{thread}{hours_ago}", thread, status, f"{status} title", "", "", at, **more)


def test_posts_with_one_key_are_one_story_named_by_its_first_post() -> None:
    posts = [post("resolved", hours_ago=1), post("info", hours_ago=2, thread="b"), post("investigating", hours_ago=3)]

    first, second = threads_of(posts)

    assert (first.title, first.status, first.phase(NOW)) == ("investigating title", "resolved", "past")
    assert first.ends_at == NOW - timedelta(hours=1)
    assert (second.key, second.status) == ("b", "info")


def test_a_notice_after_the_end_does_not_open_the_story_again() -> None:
    thread = Thread("a", [post("info", hours_ago=1), post("resolved", hours_ago=2), post("identified", hours_ago=3)])

    assert (thread.status, thread.phase(NOW)) == ("resolved", "past")


def test_anything_else_after_the_end_does() -> None:
    assert Thread("a", [post("monitoring", hours_ago=1), post("resolved", hours_ago=2)]).phase(NOW) == "active"


@pytest.mark.parametrize(
    ("starts", "ends", "phase"),
    [(2, 3, "planned"), (-1, 1, "active"), (-3, -1, "past"), (-1, None, "active"), (-2, 0, "past")],
)
def test_maintenance_is_planned_goes_on_and_is_over_by_its_own_times(starts, ends, phase) -> None:
    told = post(
        "maintenance",
        hours_ago=5,
        starts_at=NOW + timedelta(hours=starts),
        ends_at=None if ends is None else NOW + timedelta(hours=ends),
    )

    assert Thread("a", [told]).phase(NOW) == phase


def test_a_notice_without_an_end_stays_for_a_day() -> None:
    assert Thread("a", [post("info", hours_ago=23)]).phase(NOW) == "active"
    assert Thread("a", [post("info", hours_ago=25)]).phase(NOW) == "past"


# --- Markup -----------------------------------------------------------------------------------------
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](https://tracker.example/p.png)",
    '<a href="https://x" onclick="y">z</a>',
    "<svg/onload=alert(1)>",
    "[x](vbscript:msgbox)",
    "<iframe src='https://evil.example'></iframe>",
    '<p style="position:fixed">x</p>',
    "&lt;script&gt;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_runs_or_calls_home_survives(text: str) -> None:
    html = to_html(text).lower()

    assert "<script" not in html
    assert "<img" not in html
    assert "<svg" not in html
    assert "<iframe" not in html
    assert "<p style" not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert 'href="vbscript' not in html
    assert '<a href="https://x" onclick' not in html


@given(text=st.text(alphabet=string.printable, max_size=200))
def test_any_text_becomes_html_of_a_few_tags(text: str) -> None:
    html = to_html(text)

    assert "<script" not in html.lower()
    assert to_html(text) == html


def test_markdown_is_what_people_expect_and_links_give_nothing_away() -> None:
    html = to_html("# Big\n\n**bold** and [link](https://example.com)\n\n* one\n* two")

    assert "<h3>Big</h3>" in html
    assert "<strong>bold</strong>" in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert "<li>one</li>" in html
    assert to_text(html) == "Big bold and link one two"


def test_deep_nesting_is_only_deep_text() -> None:
    assert len(to_html(">" * 5000)) < 60_000
    assert to_html("[" * 3000)


# --- Words ------------------------------------------------------------------------------------------
def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_language_says_everything_with_the_same_gaps(language: str) -> None:
    english, words = CATALOGUES["en"], CATALOGUES[language]

    assert words.keys() == english.keys()
    assert {key: fields(words[key]) for key in words} == {key: fields(english[key]) for key in english}
    assert all(sentence.strip() == sentence and sentence for sentence in words.values())


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en;q=0.2, fr;q=0.8", "fr"),
        ("zh-TW", "zh-hans"),
        ("xx, es", "es"),
        ("*", "en"),
        ("", "en"),
        ("de;q=0, en", "en"),
        ("de;q=abc", "en"),
        (",;=,;q=,", "en"),
    ],
)
def test_the_browsers_wish_is_read_by_its_weights(header: str, language: str) -> None:
    assert preferred(header) == language


@given(header=st.text(max_size=300))
def test_any_header_has_a_language(header: str) -> None:
    assert preferred(header) in CATALOGUES


def test_unknown_tags_are_unknown_and_unknown_languages_speak_english() -> None:
    assert (known("pt-BR"), known("JA"), known("")) == (None, "ja", None)
    assert say("pt", "up") == say("en", "up")


# --- Addresses and visits ---------------------------------------------------------------------------
@pytest.mark.parametrize("query", ["", "lang=de", "lang=de&theme=dark", "project=berlin-01", "v=0a1b"])
def test_plain_queries_can_be_kept(query: str) -> None:
    assert address_of(host="A.example", path="/status/acme", query=query, accept_language="de")[0] == "a.example"


@pytest.mark.parametrize("query", ["token=spt_x", "lang=de&x=1", "lang=" + "a" * 65, "lang=%00", "lang=de&&&&", "a"])
def test_other_queries_are_never_kept(query: str) -> None:
    assert address_of(host="a", path="/status/acme", query=query, accept_language="") is None


def test_visits_are_counted_by_address_and_page_and_minute() -> None:
    visits = Visits(most=2)

    assert [visits.count("1.2.3.4", "acme", 100) for _ in range(3)] == [0, 0, 20]
    assert visits.count("1.2.3.5", "acme", 100) == 0
    assert visits.count("1.2.3.4", "other", 100) == 0
    assert visits.count("1.2.3.4", "acme", 121) == 0
