"""Uploaded logos: judged by what they are, and drawn anew, so that nothing of the file itself is ever served."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from apps.common.errors import InvalidInputError

MOST_BYTES = 1024 * 1024
MOST_PIXELS = 4096
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
BOX = (320, 64)  # twice the size it is shown at
SMALL_ENOUGH = 16 * 1024


@dataclass(frozen=True, slots=True)
class Drawn:
    """A logo as it is served."""

    png: bytes
    digest: str
    width: int
    height: int


def redraw(raw: bytes) -> Drawn:
    """PNG, JPEG, WebP or GIF up to 1 MiB as a small PNG; InvalidInputError for anything else, SVG among it."""
    if len(raw) > MOST_BYTES:
        raise InvalidInputError(fields={"logo": "At most 1 MB."})
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
            # Looked at before anything is unpacked: a small file can claim a huge picture.
            if max(picture.size) > MOST_PIXELS:
                raise InvalidInputError(fields={"logo": f"At most {MOST_PIXELS} pixels wide and high."})
            small = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInputError(fields={"logo": "A PNG, JPEG, WebP or GIF picture."}) from error
    small.thumbnail(BOX, Image.Resampling.LANCZOS)
    png = _encoded(small)
    if len(png) > SMALL_ENOUGH:
        png = _encoded(small.quantize(64, method=Image.Quantize.FASTOCTREE))
    return Drawn(png, hashlib.sha256(png).hexdigest()[:16], *small.size)


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
