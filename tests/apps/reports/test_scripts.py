"""Right-to-left names as they are seen."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reports.presenters.pdf.scripts import as_drawn

HEBREW = "\u05e7\u05d5\u05e4\u05d4"  # kupa
SALAM = "\u0633\u0644\u0627\u0645"
BAB = "\u0628\u0627\u0628"
SUNDUQ = "\u0635\u0646\u062f\u0648\u0642"


def test_hebrew_is_turned_around() -> None:
    assert as_drawn(HEBREW) == HEBREW[::-1]
    assert as_drawn(f"Till 1 {HEBREW} 2") == f"Till 1 {HEBREW[::-1]} 2"


def test_words_of_a_name_change_places_and_brackets_their_side() -> None:
    assert as_drawn(f"{HEBREW} ({BAB[0]}) x") == f"\ufe8f) {HEBREW[::-1]}) x"
    assert as_drawn(f"{HEBREW} ({HEBREW}) {HEBREW}") == " ".join((HEBREW[::-1], f"({HEBREW[::-1]})", HEBREW[::-1]))


def test_arabic_letters_take_the_form_their_neighbours_ask_for() -> None:
    # beh initial, alef final, beh isolated: alef joins nothing that follows.
    assert as_drawn(BAB) == "\ufe8f\ufe8e\ufe91"
    # sad initial, noon medial, dal final, waw isolated, qaf isolated.
    assert as_drawn(SUNDUQ) == "\ufed5\ufeed\ufeaa\ufee8\ufebb"


def test_lam_and_alef_are_one() -> None:
    # seen initial, lam-alef final, meem isolated.
    assert as_drawn(SALAM) == "\ufee1\ufefc\ufeb3"


def test_marks_stay_on_their_letters() -> None:
    dotted = "\u05e9\u05c1\u05dd"

    assert as_drawn(dotted) == "\u05dd\u05e9\u05c1"


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8", max_codepoint=0x58F)))
def test_other_scripts_are_left_alone(text: str) -> None:
    assert as_drawn(text) == text


@settings(deadline=None)
@given(text=st.text(st.sampled_from(f"{SALAM}{SUNDUQ}{HEBREW} 1a()\u064b"), max_size=12))
def test_no_letter_is_lost(text: str) -> None:
    def letters(drawn: str) -> list[str]:
        return sorted(unicodedata.normalize("NFKC", drawn).translate({ord(each): None for each in "()"}))

    assert letters(as_drawn(text)) == letters(text)
