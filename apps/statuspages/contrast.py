"""Whether an accent can be read on a page, and the nearest shade that can (WCAG 2.2, 1.4.3). Pure arithmetic."""

import re

HEX = re.compile(r"#[0-9a-fA-F]{6}")
LEAST = 4.5
# What text in the accent stands on: the less favourable of background and surface.
SURFACES = {"light": "#fafafa", "dark": "#15181c"}
STEPS = 200
Channels = tuple[int, int, int]


def is_colour(text: str) -> bool:
    """`#` and six hex digits."""
    return HEX.fullmatch(text) is not None


def channels(colour: str) -> Channels:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 for black and 1 for white."""
    red, green, blue = (_linear(value / 255) for value in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 for equal colours, 21 for black on white; in either order."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def passes(colour: str, theme: str) -> bool:
    """Whether text in this colour can be read in a theme, `light` or `dark`."""
    return contrast(colour, SURFACES[theme]) >= LEAST


def nearest_passing(colour: str, theme: str) -> str:
    """The colour itself, else the first shade on the way to black (light) or white (dark) that can be read."""
    goal = (0, 0, 0) if theme == "light" else (255, 255, 255)
    for step in range(STEPS + 1):
        shade = _mixed(channels(colour), goal, step)
        if passes(shade, theme):
            return shade
    raise AssertionError("black and white pass")


def on_colour(colour: str) -> str:
    """Black or white, whichever is read better on it."""
    return max(("#ffffff", "#0e1013"), key=lambda text: contrast(text, colour))


def _mixed(start: Channels, goal: Channels, step: int) -> str:
    parts = [a + (b - a) * step // STEPS for a, b in zip(start, goal, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*parts)


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
