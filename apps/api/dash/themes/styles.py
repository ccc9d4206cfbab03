"""A theme's style sheets, judged and written anew: custom properties of the page's root and nothing else.

Nothing of the file itself is served (contract Dash 12): what is not understood is refused.
"""

import re
from collections.abc import Iterator

from apps.common.errors import InvalidInputError

HEAD = "/* active theme */\n"
LONGEST_SHEET = 1024 * 1024  # bytes
MOST_PROPERTIES, LONGEST_VALUE = 1024, 4096
PROPERTY = re.compile(r"--[a-z0-9-]+")
# Comments, quoted texts, the signs that give structure, and runs of anything else. A backslash belongs into texts
# only: elsewhere it could spell a forbidden word.
TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/)|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"""|(?P<sign>[{}();:,\[\]])|(?P<plain>[^"'{}();:,\[\]/\\\x00-\x08\x0b\x0e-\x1f\x7f]+|/(?!\*))""",
    re.DOTALL,
)
# What fetches or runs something, and what would win over the page's own rules.
FORBIDDEN = re.compile(r"(?:url|expression|image-set|src)\s*\(|javascript\s*:|!", re.IGNORECASE)
PAIRS = {")": "(", "]": "["}
Properties = list[tuple[str, str]]
Token = tuple[str, str]


class ThemeError(InvalidInputError):
    """400 invalid_theme_package."""

    code = "invalid_theme_package"


def active_css(theme: str, sheets: tuple[str, str]) -> str:
    """What a theme shows, from its tokens and its recipes; ThemeError when one of them is anything but properties."""
    light: Properties = []
    dark: Properties = []
    for sheet in sheets:
        for is_dark, properties in _rules(theme, sheet):
            (dark if is_dark else light).extend(properties)
        if not light and not dark:
            raise ThemeError("tokens.css must set at least one property.")
    blocks = [_block(":root", light), _block(":root.dark", dark)]
    return HEAD + "\n".join(block for block in blocks if block)


def _block(selector: str, properties: Properties) -> str:
    lines = "".join(f"  {name}: {value};\n" for name, value in properties)
    return f"{selector} {{\n{lines}}}\n" if lines else ""


def _rules(theme: str, sheet: str) -> Iterator[tuple[bool, Properties]]:
    """Each rule of a sheet: whether it is of the dark look, and what it sets."""
    tokens, count = _tokens(sheet), 0
    for selector in _until(tokens, "{"):
        is_dark = _is_dark(theme, selector)
        body = next(_until(tokens, "}"), None)
        if body is None:
            raise ThemeError("A rule has no end.")
        properties = list(_declarations(body))
        count += len(properties)
        if count > MOST_PROPERTIES:
            raise ThemeError(f"A sheet sets at most {MOST_PROPERTIES} properties.")
        yield is_dark, properties


def _tokens(sheet: str) -> Iterator[Token]:
    if len(sheet.encode()) > LONGEST_SHEET:
        raise ThemeError("A style sheet has at most 1 MiB.")
    place = 0
    while place < len(sheet):
        found = TOKEN.match(sheet, place)
        if found is None:
            raise ThemeError("A style sheet has something in it that no theme needs.")
        place = found.end()
        if found.lastgroup != "comment":
            yield str(found.lastgroup), found.group()


def _until(tokens: Iterator[Token], sign: str) -> Iterator[list[Token]]:
    """Runs of tokens that end with a brace; blank ones at the end of the sheet are none."""
    run: list[Token] = []
    for kind, text in tokens:
        if kind == "sign" and text in "{}":
            if text != sign:
                raise ThemeError("Rules inside rules are no part of a theme.")
            yield run
            run = []
        else:
            run.append((kind, text))
    if "".join(text for _, text in run).strip():
        raise ThemeError("A rule has no end.")


def _is_dark(theme: str, selector: list[Token]) -> bool:
    own = f"[data-theme='{theme}']"
    known = {":root": False, f":root{own}": False, ":root.dark": True, f":root.dark{own}": True}
    written = "".join(text for _, text in selector).replace('"', "'")
    looks = {known.get(part.strip()) for part in written.split(",")}
    if len(looks) != 1 or None in looks:
        raise ThemeError(f"A theme has rules for :root and :root.dark alone, not for {written.strip()[:80]}.")
    return looks == {True}


def _declarations(body: list[Token]) -> Iterator[tuple[str, str]]:
    for run in _split(body):
        words = "".join(text for _, text in run)
        if not words.strip():
            continue
        name, colon, value = words.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not PROPERTY.fullmatch(name):
            raise ThemeError(f"A theme sets custom properties alone, not {name[:80]}.")
        plain = "".join('""' if kind == "text" else text for kind, text in run)
        if not value or len(value) > LONGEST_VALUE or FORBIDDEN.search(plain):
            raise ThemeError(f"{name} has a value that is no theme's.")
        yield name, value


def _split(body: list[Token]) -> Iterator[list[Token]]:
    """The declarations of a rule: semicolons inside brackets belong to values."""
    run: list[Token] = []
    depth: list[str] = []
    for kind, text in body:
        if kind == "sign" and text in "([":
            depth.append(text)
        elif kind == "sign" and text in PAIRS and (not depth or depth.pop() != PAIRS[text]):
            raise ThemeError("Brackets do not match.")
        if (kind, text) == ("sign", ";") and not depth:
            yield run
            run = []
        else:
            run.append((kind, text))
    if depth:
        raise ThemeError("A bracket is never closed.")
    yield run
