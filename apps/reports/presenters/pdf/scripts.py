"""Scripts that are written from right to left: letters in the order and the forms in which they are seen.

The PDF library draws characters from left to right as they come. Runs of right-to-left letters are turned around,
and Arabic letters take the form that their neighbours ask for, both from the Unicode character database.
"""

import re
import unicodedata
from functools import cache
from typing import Literal

Form = Literal["isolated", "initial", "medial", "final"]
_LETTER = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
# Letters, and whatever stands between two of them that is neither a letter nor a digit of another script.
_RUN = re.compile(rf"[{_LETTER}](?:[^\w]*[{_LETTER}])*")
_PRESENTATION = range(0xFE70, 0xFEFD)
_FORM = re.compile(r"<(isolated|initial|medial|final)> ([0-9A-F ]+)")
_MIRRORED = str.maketrans("()[]{}<>", ")(][}{><")


def as_drawn(text: str) -> str:
    """The text with every right-to-left run in the order of drawing; any other text as it is."""
    return _RUN.sub(lambda run: _turned(_joined(run[0])), text)


def _turned(run: str) -> str:
    """From the last character to the first; a mark stays behind the letter it sits on."""
    clusters: list[str] = []
    for character in run.translate(_MIRRORED):
        if clusters and unicodedata.combining(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return "".join(reversed(clusters))


def _joined(run: str) -> str:
    """Arabic letters in the forms their neighbours ask for; others as they are."""
    forms = _forms()
    for pair in ("\u0644\u0622", "\u0644\u0623", "\u0644\u0625", "\u0644\u0627"):
        # Lam and alef are always written as one.
        run = run.replace(pair, chr(forms[pair]["isolated"]))
    letters = [character for character in run if not unicodedata.combining(character)]
    shaped = iter(
        _shaped(letter, before=letters[at - 1] if at else "", after=letters[at + 1] if at + 1 < len(letters) else "")
        for at, letter in enumerate(letters)
    )
    return "".join(character if unicodedata.combining(character) else next(shaped) for character in run)


def _shaped(letter: str, *, before: str, after: str) -> str:
    own = _forms().get(_base(letter), {})
    back, on = _joins_on(before) and "final" in own, _joins_on(letter) and _joins_back(after)
    form: Form = ("medial" if on else "final") if back else ("initial" if on else "isolated")
    return chr(own[form]) if form in own else letter


def _joins_on(letter: str) -> bool:
    return "initial" in _forms().get(_base(letter), {})


def _joins_back(letter: str) -> bool:
    return "final" in _forms().get(_base(letter), {})


def _base(letter: str) -> str:
    """The letters behind a joined pair; any other letter itself."""
    found = _FORM.match(unicodedata.decomposition(letter)) if letter else None
    return _letters(found[2]) if found else letter


def _letters(codes: str) -> str:
    return "".join(chr(int(code, 16)) for code in codes.split())


@cache
def _forms() -> dict[str, dict[Form, int]]:
    """The presentation forms of each Arabic letter, and of lam with alef."""
    forms: dict[str, dict[Form, int]] = {}
    for code in _PRESENTATION:
        found = _FORM.match(unicodedata.decomposition(chr(code)))
        if found is not None:
            forms.setdefault(_letters(found[2]), {})[found[1]] = code  # type: ignore[index]  # one of the four words
    return forms
