"""Tags of nodes: trimmed, case kept, in the order they were given, each once (contract Dash 7.4)."""

from apps.common.errors import InvalidInputError

LONGEST = 64
MOST = 32


def clean_tags(raw: object) -> list[str]:
    """Tags in canonical form; blank ones and repeats are dropped. InvalidInputError names `tags`."""
    if not isinstance(raw, list) or not all(item is None or isinstance(item, str) for item in raw):
        raise InvalidInputError(fields={"tags": "A list of texts."})
    tags = list(dict.fromkeys(tag for item in raw if (tag := (item or "").strip())))
    if len(tags) > MOST or any(len(tag) > LONGEST for tag in tags):
        raise InvalidInputError(fields={"tags": f"At most {MOST} tags of at most {LONGEST} characters."})
    return tags
