"""What public pages and their mails say, in each language: plain dictionaries, so nothing has to be compiled.

Every language has every key (a test sees to it); a `{name}` in braces is filled in.
"""

from functools import lru_cache

from apps.statuspages.words import de, en, es, fr, ja, zh_hans

CATALOGUES: dict[str, dict[str, str]] = {
    "en": en.WORDS,
    "de": de.WORDS,
    "es": es.WORDS,
    "fr": fr.WORDS,
    "ja": ja.WORDS,
    "zh-hans": zh_hans.WORDS,
}
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "ja": "日本語",
    "zh-hans": "简体中文",
}
USUAL = "en"
AUTO = "auto"
LONGEST_HEADER = 200


def say(language: str, key: str, **parts: object) -> str:
    """A sentence in a language; unknown languages speak English."""
    words = CATALOGUES.get(language, en.WORDS)[key]
    return words.format(**parts) if parts else words


def known(text: str) -> str | None:
    """The catalogue for a language tag: `de-AT` is `de`, every Chinese is `zh-hans`; None when there is none."""
    tag = text.strip().lower()
    if tag in CATALOGUES:
        return tag
    first = tag.partition("-")[0]
    return "zh-hans" if first == "zh" else first if first in CATALOGUES else None


@lru_cache(maxsize=512)
def preferred(header: str) -> str:
    """The first language of an Accept-Language header that is spoken here, by its weights; else English."""
    wanted = []
    for place, part in enumerate(header[:LONGEST_HEADER].split(",")):
        tag, _, quality = part.partition(";")
        weight = _weight(quality)
        if weight > 0 and (language := known(tag)) is not None:
            wanted.append((-weight, place, language))
    return min(wanted)[2] if wanted else USUAL


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
