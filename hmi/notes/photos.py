"""A photo out of a phone's camera as we keep it: decoded, turned upright, made smaller, written anew as JPEG.

Nothing of the file that came is kept: no place, no time, no device (EXIF, XMP, IPTC, comments, colour profiles, what
hangs behind the end), because only pixels pass. What would need much memory to decode is refused by what its head says,
before a pixel is read; so is everything that is not JPEG, PNG or WebP.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import threading
from pathlib import Path
from typing import IO, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 10 * 1024 * 1024  # of the file that is sent
MAX_SIDE = 1600  # pixels of the longer side that is kept
FORMATS = ("JPEG", "PNG", "WEBP")
TYPE = "image/jpeg"
QUALITY = 82
# Pixels by what the head says. A JPEG is decoded at a fraction of its size, the others as a whole: four bytes a pixel.
MAX_PIXELS = {"JPEG": 80_000_000, "PNG": 40_000_000, "WEBP": 40_000_000}
_HEAVY = threading.BoundedSemaphore(1)  # one decoding at a time in this process: memory, not speed, is what is short


class PhotoRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The message is a sentence for the person."""


class KeptPhoto(NamedTuple):
    """A JPEG without metadata, its size in pixels and its SHA-256."""

    data: bytes
    width: int
    height: int
    digest: str


def make_photo(file: IO[bytes], size: int) -> KeptPhoto:
    """From what a phone sent, ``size`` bytes. ``PhotoRefused`` for whatever is no photo, or too much of one.

    Blocks for up to a second or two: run it in a thread.
    """
    if size > MAX_BYTES:
        raise PhotoRefused(_("The photo has more than 10 MB. Take it with a smaller size."))
    with _HEAVY:
        try:
            return _remake(file)
        except PhotoRefused:
            raise
        except (Image.DecompressionBombError, MemoryError):
            raise PhotoRefused(_too_big()) from None
        # Whatever a damaged or made-up file does to a decoder, it is no photo for us.
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError,
                ArithmeticError, AttributeError, NotImplementedError, RuntimeError):  # fmt: skip
            raise PhotoRefused(_("This is no photo that can be read. Send a JPEG, PNG or WebP picture.")) from None


def store(photo: KeptPhoto) -> str:
    """Write it under a name that nobody can guess, readable by this account alone; answers the name."""
    folder = _folder()
    name = f"{secrets.token_hex(20)}.jpg"
    path = folder / name
    with path.open("xb") as file:
        path.chmod(0o600)
        file.write(photo.data)
    return name


def read(name: str) -> bytes | None:
    """None when the file is gone."""
    try:
        return _path(name).read_bytes()
    except FileNotFoundError:
        return None


def forget(name: str) -> None:
    """Remove the file; one that is gone already is what was wished."""
    if name:
        _path(name).unlink(missing_ok=True)


def names() -> set[str]:
    """Of every photo on the disk; what else lies in the folder is nobody's to remove."""
    return {path.name for path in _folder().glob("*.jpg") if _is_ours(path.name)}


def _remake(file: IO[bytes]) -> KeptPhoto:
    file.seek(0)
    with Image.open(file, formats=FORMATS) as opened:
        kind = opened.format or ""
        width, height = opened.size
        if width * height > MAX_PIXELS.get(kind, 0) or min(width, height) < 1:
            raise PhotoRefused(_too_big())
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))  # JPEG only: decodes at 1/2, 1/4 or 1/8, never below this
        picture = ImageOps.exif_transpose(opened)
        picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGB", picture.size, "white")
        ground.paste(picture, mask=picture.getchannel("A"))
        picture = ground
    picture = picture.convert("RGB")
    # Pixels alone go into a new picture: Pillow would carry "info" over into the file.
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=QUALITY, optimize=True)
    data = out.getvalue()
    return KeptPhoto(data, clean.width, clean.height, hashlib.sha256(data).hexdigest())


def _too_big() -> str:
    return _("The picture has too many pixels. Take it with a smaller size.")


def _folder() -> Path:
    folder: Path = settings.PHOTO_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _path(name: str) -> Path:
    """Only a name that ``store`` made leads anywhere."""
    if not _is_ours(name):
        raise FileNotFoundError(name)
    return _folder() / name


def _is_ours(name: str) -> bool:
    stem, dot, ending = name.partition(".")
    return (dot, ending) == (".", "jpg") and len(stem) == 40 and all(letter in "0123456789abcdef" for letter in stem)
