"""The words of a PDF as a reader finds them: a minimal reading of what the PDF library writes."""

import re
import zlib
from base64 import a85decode

OBJECT = re.compile(rb"(\d+) 0 obj\r?\n(.*?)endobj", re.DOTALL)
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
FONT = re.compile(rb"/(F\d+(?:\+\d+)?) (\d+) 0 R")
SHOWN = re.compile(rb"/(F\d+(?:\+\d+)?) [\d.]+ Tf|\(((?:[^()\\]|\\.)*)\) Tj|(T\*|ET)", re.DOTALL)
CHARACTER = re.compile(rb"^<(\w{2})> <(\w{4,})>$", re.MULTILINE)
ESCAPE = re.compile(rb"\\(\d{3}|.)", re.DOTALL)


def words_of(pdf: bytes) -> list[str]:
    """Every line of text in the order of drawing; a text in several fonts is one line."""
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    objects = {int(number): body for number, body in OBJECT.findall(pdf)}
    fonts = {name: objects[int(number)] for body in objects.values() for name, number in FONT.findall(body)}
    decoders = {name: _decoder(font, objects) for name, font in fonts.items()}
    lines = []
    for body in objects.values():
        if STREAM.search(body) and b" Tf" in (content := _stream(body)):
            lines += _lines(content, decoders)
    return lines


def _lines(content: bytes, decoders: dict) -> list[str]:
    lines, line, decode = [], "", None
    for font, shown, end in SHOWN.findall(content):
        if font:
            decode = decoders[font]
        elif end:
            lines.append(line)
            line = ""
        elif decode is not None:
            line += decode(_unescaped(shown))
    return [line.strip() for line in [*lines, line] if line.strip()]


def _decoder(font: bytes, objects: dict):
    if b"UCS2-H" in font:
        return lambda raw: raw.decode("utf-16-be")
    named = re.search(rb"/ToUnicode (\d+) 0 R", font)
    if named is None:
        return lambda raw: raw.decode("cp1252")
    pairs = CHARACTER.findall(_stream(objects[int(named[1])]))
    table = {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}
    return lambda raw: "".join(table.get(code, "?") for code in raw)


def _stream(body: bytes) -> bytes:
    found = STREAM.search(body)
    assert found is not None
    raw = found[1]
    if b"ASCII85Decode" in body:
        raw = a85decode(raw.strip().removeprefix(b"<~").removesuffix(b"~>"))
    return zlib.decompress(raw) if b"FlateDecode" in body else raw


def _unescaped(raw: bytes) -> bytes:
    single = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
    return ESCAPE.sub(
        lambda found: bytes([int(found[1], 8)]) if found[1].isdigit() else single.get(found[1], found[1]), raw
    )
