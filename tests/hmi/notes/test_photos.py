"""Photos: whatever comes, only pixels are kept; what is no photo or too much of one is refused before it is decoded."""

from __future__ import annotations

import io
import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hmi.notes import photos


def made(kind: str, size: tuple[int, int], **more: Any) -> bytes:
    out = io.BytesIO()
    mode = more.pop("mode", "RGB")
    Image.new(mode, size, more.pop("fill", (200, 30, 30))).save(out, kind, **more)
    return out.getvalue()


def keep(data: bytes) -> photos.KeptPhoto:
    return photos.make_photo(io.BytesIO(data), len(data))


def with_place() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SECRETPHONE", 6  # maker; turned by a quarter
    exif.get_ifd(0x8825)[29] = "2026:11:23"  # GPSDateStamp
    return exif


def test_place_time_and_device_are_gone_and_the_picture_stands_upright() -> None:
    data = made("JPEG", (400, 200), exif=with_place(), comment=b"SECRETPLACE", icc_profile=b"SECRETPROFILE" * 20)
    assert b"SECRETPHONE" in data and b"SECRETPLACE" in data and b"SECRETPROFILE" in data
    kept = keep(data + b"SECRETTAIL")
    assert b"SECRET" not in kept.data and b"Exif" not in kept.data
    picture = Image.open(io.BytesIO(kept.data))
    assert picture.format == "JPEG" and picture.size == (200, 400) == (kept.width, kept.height)
    assert not picture.getexif() and set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_longest_side_is_bounded(kind: str) -> None:
    kept = keep(made(kind, (2500, 1000)))
    assert (kept.width, kept.height) == (1600, 640)
    assert keep(made(kind, (30, 20)))[1:3] == (30, 20)  # nothing is blown up


def test_what_is_clear_becomes_white_and_text_chunks_stay_away() -> None:
    from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415

    words = PngInfo()
    words.add_text("Comment", "SECRETPLACE")
    kept = keep(made("PNG", (8, 8), mode="RGBA", fill=(0, 0, 0, 0), pnginfo=words))
    assert b"SECRET" not in kept.data
    assert min(Image.open(io.BytesIO(kept.data)).getpixel((4, 4))) > 250  # type: ignore[arg-type]


def bomb(width: int, height: int) -> bytes:
    """A PNG whose head tells of many pixels and whose body is a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(30_000, 30_000), (7_000, 7_000), (1_000_000, 41)])
def test_many_pixels_are_refused_by_the_head_alone(size: tuple[int, int]) -> None:
    with pytest.raises(photos.PhotoRefused, match="too many pixels"):
        keep(bomb(*size))


def test_what_is_no_photo_is_refused_in_words() -> None:
    whole = made("JPEG", (300, 300))
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    for data in (b"", b"no photo", svg, made("GIF", (9, 9)), made("BMP", (9, 9)), made("TIFF", (9, 9)), whole[:200],
                 whole[: len(whole) // 2], bomb(100, 100)):  # fmt: skip
        with pytest.raises(photos.PhotoRefused, match="no photo that can be read"):
            keep(data)
    with pytest.raises(photos.PhotoRefused, match="10 MB"):
        photos.make_photo(io.BytesIO(whole), photos.MAX_BYTES + 1)


def test_file_is_private_and_only_its_own_name_leads_to_it(settings: Any, tmp_path: Path) -> None:
    settings.PHOTO_DIR = tmp_path / "photos"
    kept = keep(made("JPEG", (20, 20)))
    name = photos.store(kept)
    path = settings.PHOTO_DIR / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.PHOTO_DIR.stat().st_mode) == 0o700
    assert photos.read(name) == kept.data and photos.names() == {name}
    (tmp_path / "secret.jpg").write_bytes(b"x")
    for other in ("../secret.jpg", "secret.jpg", "a" * 40 + ".png", "", f"./{name}"):
        assert photos.read(other) is None
    photos.forget(name)
    photos.forget(name)
    assert photos.read(name) is None
