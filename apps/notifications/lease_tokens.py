"""Tokens of leases: the upper half of one tells whose it is, the lower half is chance. Pure but for the chance.

So a process that starts under the name of one that was killed finds what that one held, without a column for it.
"""

import secrets
import uuid
from hashlib import sha256

HALF = 8
LOWEST, HIGHEST = b"\x00" * HALF, b"\xff" * HALF


def token_for(owner: str) -> uuid.UUID:
    """A fresh token; with an empty owner it is nobody's in particular."""
    return uuid.UUID(bytes=_mark(owner) + secrets.token_bytes(HALF)) if owner else uuid.uuid4()


def tokens_of(owner: str) -> tuple[uuid.UUID, uuid.UUID]:
    """The lowest and the highest token an owner can have."""
    return uuid.UUID(bytes=_mark(owner) + LOWEST), uuid.UUID(bytes=_mark(owner) + HIGHEST)


def _mark(owner: str) -> bytes:
    return sha256(owner.encode()).digest()[:HALF]
