"""An uploaded theme: a flat zip of a few known files (contract Dash 12)."""

import io
import json
import zipfile
import zlib
from typing import IO

from PIL import Image, UnidentifiedImageError

from apps.api.dash.themes.built_in import BUILT_IN
from apps.api.dash.themes.manifests import read_manifest
from apps.api.dash.themes.styles import ThemeError, active_css
from apps.workspaces.themes import Look

MIB = 1024 * 1024
LARGEST, LARGEST_UNPACKED, LARGEST_ENTRY = 20 * MIB, 50 * MIB, 20 * MIB
KNOWN = frozenset({"theme.json", "tokens.css", "recipes.css", "preview.png", "README.md"})
NEEDED = ("theme.json", "tokens.css")
MOST_ENTRIES = 100
MOST_PIXELS, PREVIEW_BOX = 8192, (1280, 960)


def read_package(raw: bytes) -> Look:
    """The theme in a zip; ThemeError when it is anything else."""
    files = _files(raw)
    try:
        manifest = read_manifest(json.loads(files["theme.json"].decode("utf-8-sig")))
        sheets = (files["tokens.css"].decode(), files.get("recipes.css", b"").decode())
    except (ValueError, RecursionError) as error:
        raise ThemeError("theme.json must be JSON, and every file of words UTF-8.") from error
    if manifest["id"] in BUILT_IN:
        raise ThemeError("This id is one of the built-in themes'.")
    preview = files.get("preview.png")
    css = active_css(manifest["id"], sheets)
    return Look(manifest["id"], manifest, css, None if not preview else _redrawn(preview))


def _files(raw: bytes) -> dict[str, bytes]:
    if len(raw) > LARGEST:
        raise ThemeError("A theme has at most 20 MiB.")
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as package:
            for entry in _entries(package):
                if entry.filename in files:
                    raise ThemeError(f"{entry.filename} is in the package twice.")
                with package.open(entry) as file:
                    files[entry.filename] = _read(file, LARGEST_UNPACKED - sum(map(len, files.values())))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        # Damaged, encrypted, or packed in a way that nobody uses.
        raise ThemeError("This is no zip file that can be read.") from error
    missing = next((name for name in NEEDED if not files.get(name, b"").strip()), None)
    if missing is not None:
        raise ThemeError(f"{missing} is missing or empty.")
    return files


def _entries(package: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = [each for each in package.infolist() if not (each.is_dir() or each.filename.startswith("__MACOSX/"))]
    if len(entries) > MOST_ENTRIES:
        raise ThemeError("There are too many files in the package.")
    strange = next((each.filename for each in entries if each.filename not in KNOWN), None)
    if strange is not None:
        raise ThemeError(f"{strange[:80]} is no file of a theme.")
    return entries


def _read(file: IO[bytes], left: int) -> bytes:
    """What an entry really holds: its own word about its size may be a lie."""
    most = min(LARGEST_ENTRY, left)
    content = file.read(most + 1)
    if len(content) > most:
        raise ThemeError("A file of a theme has at most 20 MiB, all of them together 50 MiB.")
    return content


def _redrawn(raw: bytes) -> bytes:
    """The preview as a PNG of our own making: nothing of the file itself is served."""
    try:
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as picture:
            # Looked at before anything is unpacked: a small file can claim a huge picture.
            if max(picture.size) > MOST_PIXELS:
                raise ThemeError(f"preview.png is at most {MOST_PIXELS} pixels wide and high.")
            small = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ThemeError("preview.png must be a PNG picture.") from error
    small.thumbnail(PREVIEW_BOX, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()
