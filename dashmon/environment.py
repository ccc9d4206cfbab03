"""Reading the environment: `<NAME>`, or `<NAME>_FILE` for a secret kept in a file."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The value of NAME, else the contents of the file NAME_FILE points to, else the default.

    An empty value is none: compose files hand on variables that nobody has set as empty ones.
    """
    if value := os.environ.get(name, "").strip():
        return value
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return default


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def choice(name: str, default: str, options: frozenset[str]) -> str:
    """One of a few words; a slip of the pen stops the start instead of meaning something else."""
    value = text(name, default).lower()
    if value not in options:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of {', '.join(sorted(options))}.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """Whether NAME says yes: on, true, yes or 1."""
    return text(name, "on" if default else "off").lower() in {"on", "true", "yes", "1"}


def face_ports(name: str, faces: frozenset[str]) -> dict[int, str]:
    """More ports of the server and whose front end each of them serves: `dash=8101`."""
    found: dict[int, str] = {}
    for pair in words(name):
        face, _, port = pair.partition("=")
        if face not in faces or not port.isdecimal() or not 0 < int(port) < 65536 or int(port) in found:
            known = ", ".join(sorted(faces))
            raise ImproperlyConfigured(f"{name} has {pair!r}; say a front end ({known}) and a port: dash=8101.")
        found[int(port)] = face
    return found


def kept_secret(path: Path) -> str:
    """A secret made once and kept in a file that only its owner can read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    value = secrets.token_urlsafe(48)
    # Written aside and linked into place: of two processes starting at once, one secret wins.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_text(value, encoding="ascii")
    try:
        os.link(draft, path)
    except FileExistsError:
        value = path.read_text(encoding="ascii").strip()
    finally:
        draft.unlink()
    return value


@dataclass(frozen=True, slots=True)
class SmsProvider:
    """Whose HTTP API sends SMS, and as whom."""

    base: str
    account: str
    token: str
    sender: str


def sms_provider(url: str) -> SmsProvider | None:
    """`twilio://SID:TOKEN@api.twilio.com/?from=%2B15551234567`; `scheme=http` is for mirrors on one's own machine."""
    if not url:
        return None
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme != "twilio" or not (parts.username and parts.password and parts.hostname and query.get("from")):
        raise ImproperlyConfigured("SMS_URL must look like twilio://SID:TOKEN@api.twilio.com/?from=%2B15551234567.")
    host = parts.netloc.rpartition("@")[2]
    base = f"{query.get('scheme', 'https')}://{host}{parts.path.rstrip('/')}"
    return SmsProvider(base, unquote(parts.username), unquote(parts.password), query["from"])
