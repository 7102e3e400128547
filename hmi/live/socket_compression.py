"""Live sockets go compressed on daphne too: permessage-deflate (RFC 7692), which daphne can but never agrees to.

One frame is much like the last, so a phone gets about a quarter of the bytes. What changed is still encoded once for
everybody; deflating it is each socket's own, since each has its own number and history (docs/benchmarks.md, *Fan-out*).
uvicorn agrees to it by itself.
"""

from __future__ import annotations

import sys
from typing import Any

# With zlib's largest window each socket would hold 256 KiB; with these 32 KiB, and a frame of a 50-tag screen still
# finds the five before it.
WINDOW_BITS = 12
MEMORY_LEVEL = 5
PHONES_WINDOW_BITS = 9  # of what phones say: a dozen bytes
LONGEST_MESSAGE = 64 * 1024  # bytes of a phone's message once unpacked; what it may say is bounded again, lower


def compress_sockets() -> None:
    """Make a daphne that is about to start agree to permessage-deflate. Under another server it does nothing."""
    daphne = sys.modules.get("daphne.server")
    if daphne is None:
        return

    class CompressingFactory(daphne.WebSocketFactory):  # type: ignore[name-defined]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.setProtocolOptions(perMessageCompressionAccept=accept)

    daphne.WebSocketFactory = CompressingFactory  # type: ignore[attr-defined] # it has no setting for this


def accept(offers: list[Any]) -> Any:
    """What is agreed to of what a browser offers, or ``None`` (autobahn's ``perMessageCompressionAccept``)."""
    from autobahn.websocket.compress import (  # noqa: PLC0415 - only where daphne has loaded it anyway
        PerMessageDeflateOffer,
        PerMessageDeflateOfferAccept,
    )

    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(
                offer,
                request_max_window_bits=PHONES_WINDOW_BITS if offer.accept_max_window_bits else 0,
                window_bits=min(WINDOW_BITS, offer.request_max_window_bits or WINDOW_BITS),
                mem_level=MEMORY_LEVEL,
                max_message_size=LONGEST_MESSAGE,
            )
    return None
