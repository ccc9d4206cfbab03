"""Markdown of updates to HTML that is safe to show: rendered without raw HTML, then cleaned to a short list of tags."""

import nh3
from markdown_it import MarkdownIt

TAGS = {
    "p",
    "br",
    "strong",
    "em",
    "s",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "a",
    "blockquote",
    "hr",
    "h3",
    "h4",
    "h5",
    "h6",
}
SCHEMES = {"http", "https", "mailto"}
# Headings of a post come below the page's own.
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5"}

_markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).disable(["image"]).enable("strikethrough")


def to_html(text: str) -> str:
    """Cleaned HTML of a post's body; links open outside and pass on nothing of ours."""
    tokens = _markdown.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = HEADINGS.get(token.tag, "h6")
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    ).strip()


def to_text(html: str) -> str:
    """The words of cleaned HTML, for feeds and mails that show no markup."""
    import html as entities

    return " ".join(entities.unescape(nh3.clean(html, tags=set())).split())
