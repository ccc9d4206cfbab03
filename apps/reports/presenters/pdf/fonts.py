"""Fonts of PDF reports: any name must be readable, whatever its script.

Latin, Greek, Cyrillic, Hebrew, Arabic and more come from the DejaVu fonts of an npm package, copied at set-up; without
them from the ones the PDF library brings, which know Latin only. Chinese, Japanese and Korean use the character
collections that every PDF reader has. A character that none of them draws is spelled by its number, never lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path

import reportlab
from django.conf import settings
from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

from apps.reports.presenters.pdf.scripts import as_drawn

CHOSEN = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
BUNDLED = ("Vera.ttf", "VeraBd.ttf")
CHINESE, JAPANESE, KOREAN = "STSong-Light", "HeiseiKakuGo-W5", "HYGothic-Medium"
HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF))
KANA = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))
IDEOGRAPHS = ((0x2E80, 0x303F), (0x3200, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFF65))


@dataclass(frozen=True, slots=True)
class Typeface:
    """The names under which the PDF library knows the chosen fonts, and what the main one can draw."""

    regular: str
    bold: str
    drawn: frozenset[int]


def font_folder() -> Path:
    """Where set-up copies the fonts to."""
    return Path(settings.BASE_DIR) / "static" / "vendor" / "dejavu"


def typeface() -> Typeface:
    """The best fonts this installation has."""
    folder = font_folder()
    complete = all((folder / name).is_file() for name in CHOSEN)
    return _registered(folder, CHOSEN) if complete else _registered(_bundled_folder(), BUNDLED)


def marked_up(text: str, face: Typeface) -> str:
    """Text for a paragraph: escaped, each run in a font that draws it."""
    parts = []
    for font, characters in groupby(_spelled(as_drawn(text), face), key=lambda pair: pair[0]):
        run = escape("".join(character for _, character in characters))
        parts.append(run if font == face.regular else f'<font name="{font}">{run}</font>')
    return "".join(parts)


def _spelled(text: str, face: Typeface) -> Iterator[tuple[str, str]]:
    """Each character with its font; what nothing draws as its number, `[U+0E01]`."""
    east_asian = _east_asian(text)
    for character in text:
        code = ord(character)
        if code in face.drawn:
            yield face.regular, character
        elif _within(code, (*IDEOGRAPHS, *KANA, *HANGUL)):
            yield (KOREAN if _within(code, HANGUL) else east_asian), character
        elif character.isspace():
            yield face.regular, " "
        else:
            yield face.regular, f"[U+{code:04X}]"


def _east_asian(text: str) -> str:
    """Which collection draws the ideographs of a text: its other characters tell the language."""
    codes = [ord(character) for character in text]
    if any(_within(code, KANA) for code in codes):
        return JAPANESE
    return KOREAN if any(_within(code, HANGUL) for code in codes) else CHINESE


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _bundled_folder() -> Path:
    return Path(reportlab.__file__).parent / "fonts"


@cache
def _registered(folder: Path, files: tuple[str, str]) -> Typeface:
    regular, bold = (TTFont(Path(name).stem, str(folder / name)) for name in files)
    for font in (regular, bold):
        pdfmetrics.registerFont(font)
    for collection in (CHINESE, JAPANESE, KOREAN):
        pdfmetrics.registerFont(UnicodeCIDFont(collection))
        # A bold run keeps its collection: there is no heavier one.
        for weight in (0, 1):
            addMapping(collection, weight, 0, collection)
    addMapping(regular.fontName, 0, 0, regular.fontName)
    addMapping(regular.fontName, 1, 0, bold.fontName)
    return Typeface(regular.fontName, bold.fontName, frozenset(regular.face.charToGlyph))
