"""A source's own words as they may leave the site: one line, bounded, without its addresses, hosts and NodeIds."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from relay_bridge.contract.audit import cut

MAX_NAME, MAX_KIND, MAX_MESSAGE, MAX_USER, MAX_COMMENT = 100, 60, 200, 100, 200  # characters
_LOOK_AT = 2000  # characters: what a source writes beyond is not even looked at
_KEPT = 4096  # texts whose clean form is remembered: a plant repeats itself
HIDDEN = "the source"
# A node in any spelling of OPC 10000-6, 5.1.12, an address with a scheme, an IPv4 address with or without a port.
_ADDRESSES = re.compile(
    r"(?:nsu=[^;\s]{1,300};|ns=\d{1,5};)[isgb]=\S+|\b[A-Za-z][A-Za-z0-9+.-]{1,20}://\S+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b"
)


class Words:
    """``scrub`` takes the configured names of the plant out of a text (``Ceiling.scrub``)."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        self._scrub = scrub
        self._clean = lru_cache(maxsize=_KEPT)(self._cleaned)

    def clean(self, text: str, most: int) -> str:
        """``text`` in at most ``most`` characters."""
        return cut(self._clean(text[:_LOOK_AT]), most) if text else ""

    def _cleaned(self, text: str) -> str:
        return self._scrub(_ADDRESSES.sub(HIDDEN, cut(text, _LOOK_AT))).strip()
