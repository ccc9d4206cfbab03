"""Tokens of login sessions as they travel: JWTs under a key of the surface's own (contract Dash 2)."""

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import jwt
from django.utils.crypto import salted_hmac
from jwt.types import Options

from apps.tokens.models import LoginSession

Kind = Literal["access", "refresh"]
ALGORITHM = "HS256"
# The claims are ours to raise when what they mean changes; a token of another version is none.
VERSION = 1


def signed(kind: Kind, session: LoginSession, *, surface: str, until: datetime, now: datetime) -> str:
    """A token of a session, good from now until then; no two are the same."""
    claims = {
        "kind": kind,
        "sid": str(session.sid),
        "ver": VERSION,
        "sub": str(session.login_id),
        "iss": surface,
        "aud": f"{surface}_front",
        "jti": str(uuid4()),
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int(until.timestamp()),
    }
    return jwt.encode(claims, _key(surface), algorithm=ALGORITHM)


def session_named(token: str, kind: Kind, *, surface: str, now: datetime) -> UUID | None:
    """The session that a token of this kind names; None for one that is over or was not made here for the surface."""
    # The time that counts is the caller's, so it is compared here.
    ours: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        claims = jwt.decode(
            token, _key(surface), algorithms=[ALGORITHM], audience=f"{surface}_front", issuer=surface, options=ours
        )
        is_ours = (claims["kind"], claims["ver"]) == (kind, VERSION)
        return UUID(claims["sid"]) if is_ours and claims["exp"] > now.timestamp() else None
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None


def _key(surface: str) -> bytes:
    return salted_hmac(f"{surface}.sessions", "key", algorithm="sha256").digest()
