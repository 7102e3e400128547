"""Reads the pixels of a screenshot, with the standard library alone (PNG, 8 bits a channel, RGB or RGBA)."""

from __future__ import annotations

import struct
import zlib


def read_pixels(png: bytes) -> set[tuple[int, int, int]]:
    """The distinct colours of the picture."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert (depth, kind) in {(8, 2), (8, 6)}
    step = 3 if kind == 2 else 4
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        if name == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, stride = zlib.decompress(data), width * step
    colours: set[tuple[int, int, int]] = set()
    before = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = _unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, step)
        colours.update(zip(line[0::step], line[1::step], line[2::step], strict=True))
        before = line
    return colours


def saturation(colour: tuple[int, int, int]) -> float:
    """Of HSV; for the nearly black, where it says nothing to an eye, 0."""
    high, low = max(colour), min(colour)
    return 0.0 if high < 16 else (high - low) / high


def _unfilter(kind: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    """PNG (W3C), 9.2: the five filters of a line."""
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        up = above[i]
        if kind == 1:
            line[i] = (line[i] + left) & 255
        elif kind == 2:
            line[i] = (line[i] + up) & 255
        elif kind == 3:
            line[i] = (line[i] + (left + up) // 2) & 255
        elif kind == 4:
            corner = above[i - step] if i >= step else 0
            guess = left + up - corner
            near = min((left, up, corner), key=lambda each: abs(guess - each))
            line[i] = (line[i] + near) & 255
    return line
