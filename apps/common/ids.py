"""Public names of rows: prefixed base62 of a UUID, short codes, secrets and their digests."""

import hashlib
import secrets
import string
import uuid

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ENCODED_LENGTH = 22  # 62**22 is the first power above 2**128


def encode_uuid(prefix: str, value: uuid.UUID) -> str:
    """`inc` and a UUID as `inc_` plus 22 base62 digits of the same 128 bits."""
    number, digits = value.int, []
    for _ in range(ENCODED_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def decode_uuid(prefix: str, text: str) -> uuid.UUID | None:
    """The UUID that `encode_uuid` spelled, or None when the text is anything else."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != ENCODED_LENGTH:
        return None
    number = 0
    for digit in digits:
        value = ALPHABET.find(digit)
        if value < 0:
            return None
        number = number * 62 + value
    return uuid.UUID(int=number) if number < 1 << 128 else None


def parse_uuid(text: str) -> uuid.UUID | None:
    """A UUID in its canonical spelling, or None."""
    try:
        value = uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
    return value if str(value) == text.lower() else None


def new_secret(prefix: str, *, size: int = 32) -> str:
    """A fresh secret of `size` random bytes in URL-safe characters behind a telling prefix."""
    return prefix + secrets.token_urlsafe(size)


def random_text(size: int) -> str:
    """Random letters and digits; 16 of them hold about 95 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(size))


def digest(secret: str) -> str:
    """SHA-256 in hex: all that is stored of a secret with 256 random bits."""
    # Whatever a stranger sends has a digest, halves of surrogate pairs included; it just belongs to nobody.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
