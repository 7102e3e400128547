"""Bytes of one 50-tag screen: what a phone pays for while a site's overview is open, and what compression takes off.

The phone offers permessage-deflate (RFC 7692) as browsers do. Beside what came over the wire stand the frames as they
were before it, and what they would be if each were deflated on its own, which all phones could share.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from dataclasses import dataclass

import msgspec

from benchmarks.measured_site import PUBLIC_URL, SLUG, BenchSite
from benchmarks.phones import Crowd
from benchmarks.sizes import FEW, TANKS, Size

# What changes each second: levels, and level rates (which move the derived state of each tank).
CASES: dict[str, tuple[int, int]] = {"all": (TANKS, 0), "few": (FEW, 0), "none": (0, 0), "moving": (TANKS, TANKS)}
WINDOW_BITS = -15  # raw deflate with the largest window
LEVEL = 6
FRAME_HEADER = 2  # bytes of a WebSocket frame below 126 bytes; 4 below 64 KiB (RFC 6455, 5.2)


@dataclass(frozen=True)
class ScreenFigure:
    """Bytes a minute, WebSocket headers included, TCP and TLS not. ``plain``: before compression, and ``derived``: the
    share of rates and forecasts in that.
    """

    case: str
    frames: float
    down: float
    up: float
    plain: float
    alone: float
    derived: float


@dataclass(frozen=True)
class ScreenBytes:
    rows: list[ScreenFigure]
    snapshot: int  # bytes of the first frame of a page


async def measure(site: BenchSite, size: Size) -> ScreenBytes:
    web, port = await site.start_web("daphne")
    crowd = Crowd(port, SLUG, PUBLIC_URL, "sightline")
    crowd.keep_texts = True
    try:
        await crowd.grow(site.people[:1])
        snapshot = max(len(text) for text in crowd.tally.texts)
        rows = [await _case(site, crowd, size, case) for case in size.screens]
    finally:
        crowd.leave()
        site.change(0)
        web.stop()
    return ScreenBytes(rows, snapshot)


async def _case(site: BenchSite, crowd: Crowd, size: Size, case: str) -> ScreenFigure:
    site.change(*CASES[case])
    await asyncio.sleep(size.settle_seconds)
    await crowd.begin_window()
    begun = time.perf_counter()
    await asyncio.sleep(size.screen_seconds)
    tally = await crowd.end_window()
    minutes = (time.perf_counter() - begun) / 60
    derived = sum(map(derived_bytes, tally.texts))
    return ScreenFigure(
        case=case,
        frames=len(tally.texts) / minutes,
        down=tally.wire_bytes / minutes,
        up=tally.sent_bytes / minutes,
        plain=sum(map(framed, tally.texts)) / minutes,
        alone=sum(framed(deflated(text)) for text in tally.texts) / minutes,
        derived=derived / max(1, sum(map(len, tally.texts))),
    )


def derived_bytes(text: bytes) -> int:
    """How much of a frame says what was worked out from readings: alarm state, movement, rate, times to limits."""
    state = msgspec.json.decode(text).get("x")
    return len(msgspec.json.encode(state)) if state else 0


def framed(text: bytes) -> int:
    """The length of a frame with its header."""
    return len(text) + (FRAME_HEADER if len(text) < 126 else FRAME_HEADER + 2)


def deflated(text: bytes) -> bytes:
    """What permessage-deflate makes of ``text`` without what came before it."""
    squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS)
    squeezed = squeezer.compress(text) + squeezer.flush(zlib.Z_SYNC_FLUSH)
    return squeezed[:-4]  # RFC 7692, 7.2.1: the empty block at the end is left out
