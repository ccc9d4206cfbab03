"""What a database can keep as text."""


def is_storable(text: str) -> bool:
    """Whether every database keeps this text: no NUL (PostgreSQL refuses it) and no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
