"""Becoming another version: fetched, proved against its manifest, put in place, started."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from dashmon_agent import VERSION
from dashmon_agent.sending import SendingError, fetch
from dashmon_agent.settings import Target

TIMEOUT_S = 600
LARGEST = 64 * 1024 * 1024
NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class UpdateError(Exception):
    """The agent stays as it is; the message says why."""


def is_news(manifest: Any) -> bool:
    """Whether an answer asks for another version than this one."""
    return isinstance(manifest, dict) and manifest.get("version") not in {None, VERSION}


def agreed(manifests: list[Any]) -> Any:
    """What every server that asks for something asks for; None when nobody does, or they differ."""
    asked = [manifest for manifest in manifests if is_news(manifest)]
    return asked[0] if asked and all(manifest == asked[0] for manifest in asked) else None


def fetched(manifest: dict[str, Any], target: Target) -> bytes:
    """The program of a manifest; UpdateError when it is not what the manifest says."""
    url, version, digest, size = (manifest.get(name) for name in ("url", "version", "sha256", "size"))
    if not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        raise UpdateError("the manifest has no address")
    if not (isinstance(version, str) and NAME.fullmatch(version)):
        raise UpdateError("the manifest has no version")
    if not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
        raise UpdateError("the manifest has no digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST:
        raise UpdateError("the manifest has no size")
    try:
        program = fetch(target, url, timeout_s=TIMEOUT_S, most=size)
    except SendingError as error:
        raise UpdateError(str(error)) from error
    if len(program) != size or hashlib.sha256(program).hexdigest() != digest:
        raise UpdateError(f"{url} is not what the manifest says")
    return program


def put_in_place(program: bytes, path: Path) -> None:
    """Replace a file at once: whoever starts it finds the old one or the new one, never half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".agent.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(program)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o755)  # noqa: S103  # a program; everybody may run it
        os.replace(name, path)
    except OSError as error:
        os.unlink(name)
        raise UpdateError(f"{path}: {error}") from error


def start_anew(path: Path) -> None:
    """Go on as the program at this path, with the same arguments."""
    os.execv(sys.executable, [sys.executable, str(path), *sys.argv[1:]])  # noqa: S606  # this very program
