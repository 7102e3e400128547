"""Draws the app's icons with the standard library alone: ``python -m hmi.screens.draw_icons static/icons``.

The mark is a sight glass: a tank's wall, the glass beside it, and the level line through both. The same numbers make
the SVG and the PNGs.
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

UNIT = 64  # the drawing is 64 x 64
SAMPLES = 4  # per pixel and axis, for smooth edges
GROUND, INK, GLASS, LIQUID = "#2b2f33", "#e6e6e6", "#8f979d", "#c9cfd3"
SAFE_SHARE = 0.8  # a maskable icon is cut to a circle of this share of its side (W3C manifest, maskable icons)


class Block(NamedTuple):
    """A rectangle of the drawing with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    colour: str


MARK = (
    Block(12, 10, 26, 44, 3, INK),  # the tank's wall
    Block(16, 14, 18, 36, 1, GROUND),
    Block(16, 30, 18, 20, 1, LIQUID),
    Block(43, 10, 9, 44, 4.5, GLASS),  # the glass
    Block(46, 14, 3, 36, 1.5, GROUND),
    Block(46, 30, 3, 20, 1.5, LIQUID),
    Block(8, 28.5, 48, 3, 1.5, INK),  # the sight line
)


def draw_svg() -> str:
    shapes = "".join(
        f'<rect x="{b.x}" y="{b.y}" width="{b.width}" height="{b.height}" rx="{b.radius}" fill="{b.colour}"/>'
        for b in (Block(0, 0, UNIT, UNIT, 12, GROUND), *MARK)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {UNIT} {UNIT}">{shapes}</svg>\n'


def draw_png(size: int, *, maskable: bool) -> bytes:
    """The icon as a PNG of ``size`` pixels; maskable ones are full to the edge with the mark inside the safe circle."""
    shrink = SAFE_SHARE if maskable else 1.0
    shapes = [Block(0, 0, UNIT, UNIT, 0 if maskable else 12, GROUND)]
    for b in MARK:
        shift = UNIT * (1 - shrink) / 2
        x, y = b.x * shrink + shift, b.y * shrink + shift
        shapes.append(Block(x, y, b.width * shrink, b.height * shrink, b.radius * shrink, b.colour))
    layers = [(shape, _rgb(shape.colour)) for shape in shapes]
    rows = bytearray()
    for row in range(size):
        rows.append(0)  # no filter
        for column in range(size):
            rows += _pixel(layers, column, row, size)
    return _png(size, bytes(rows))


def _pixel(layers: list[tuple[Block, tuple[int, int, int]]], column: int, row: int, size: int) -> bytes:
    scale = UNIT / size
    if size % UNIT == 0 and _inside_one(layers, column, row, scale):
        samples = [(0.5, 0.5)]
    else:
        steps = [(i + 0.5) / SAMPLES for i in range(SAMPLES)]
        samples = [(dx, dy) for dx in steps for dy in steps]
    sums = [0, 0, 0, 0]
    for dx, dy in samples:
        x, y = (column + dx) * scale, (row + dy) * scale
        for block, colour in reversed(layers):
            if _covers(block, x, y):
                for channel in range(3):
                    sums[channel] += colour[channel]
                sums[3] += 255
                break
    seen = sums[3] // 255
    mean = [round(total / seen) if seen else 0 for total in sums[:3]]
    return bytes([*mean, round(sums[3] / len(samples))])


def _inside_one(layers: list[tuple[Block, tuple[int, int, int]]], column: int, row: int, scale: float) -> bool:
    """Whether all four corners of the pixel see the same block, so that one sample is enough."""
    corners = [((column + dx) * scale, (row + dy) * scale) for dx in (0.01, 0.99) for dy in (0.01, 0.99)]
    tops = {next((i for i in range(len(layers) - 1, -1, -1) if _covers(layers[i][0], x, y)), -1) for x, y in corners}
    return len(tops) == 1


def _covers(block: Block, x: float, y: float) -> bool:
    left, top = x - block.x, y - block.y
    if not (0 <= left <= block.width and 0 <= top <= block.height):
        return False
    dx = max(block.radius - left, left - (block.width - block.radius), 0)
    dy = max(block.radius - top, top - (block.height - block.radius), 0)
    return dx * dx + dy * dy <= block.radius * block.radius or dx == 0 or dy == 0


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(size: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)  # 8 bits a channel, RGBA
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sightline.svg").write_text(draw_svg(), encoding="utf-8")
    for size in (192, 512):
        (folder / f"sightline-{size}.png").write_bytes(draw_png(size, maskable=False))
        (folder / f"sightline-maskable-{size}.png").write_bytes(draw_png(size, maskable=True))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "static/icons"))
