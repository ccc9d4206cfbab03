"""The data folder, the room on its disk, and the keys in it."""

import shutil
import stat
import tempfile
from pathlib import Path

from apps.operations.doctor.findings import Finding, fine, problem, warning

SHORTEST_KEY = 32
MB = 1_000_000
LEAST_FREE, LITTLE_FREE = 100 * MB, 1000 * MB
KEY_FILE = "secret-key"


def look_at_folder(folder: Path) -> list[Finding]:
    """Whether the data folder is there, takes files and has room."""
    if not folder.is_dir():
        return [problem("data folder", f"{folder} is not a folder.", "Make it, or set DASHMON_DATA_DIR to one.")]
    try:
        with tempfile.TemporaryFile(dir=folder) as draft:
            draft.write(b"x")
            draft.flush()
    except OSError as error:
        cure = "Give the user that runs Dashmon the right to write there, or make room."
        return [problem("data folder", f"{folder} takes no file: {error.strerror}.", cure)]
    return [fine("data folder", f"{folder} can be written."), look_at_room(shutil.disk_usage(folder).free)]


def look_at_room(free: int) -> Finding:
    """Whether `free` bytes last."""
    said = f"{free // MB} MB are free."
    if free < LEAST_FREE:
        return problem("disk", said, "Make room now: a full disk stops every check from being stored.")
    if free < LITTLE_FREE:
        return warning("disk", said, "Make room, or keep results for a shorter time.")
    return fine("disk", said)


def look_at_keys(folder: Path, secret_key: str) -> list[Finding]:
    """Whether the key is long, and readable by its owner alone."""
    found: list[Finding] = []
    if len(secret_key) < SHORTEST_KEY:
        cure = "Set SECRET_KEY to a longer text and keep the old one in DASHMON_ENCRYPTION_KEYS."
        found.append(problem("keys", f"SECRET_KEY has fewer than {SHORTEST_KEY} characters.", cure))
    path = folder / KEY_FILE
    if path.is_file() and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        said = f"{path} can be read by others (mode {mode:o})."
        found.append(problem("keys", said, f"chmod 600 {path}"))
    return found or [fine("keys", "The key is long enough and its file is private.")]
