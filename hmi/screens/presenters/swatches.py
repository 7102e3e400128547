"""A product's swatch: one of six grey patterns, because colour on these screens means abnormal.

``static/js/words.js`` picks the same pattern when a tank changes its product live.
"""

from __future__ import annotations

PATTERNS = ("dots", "stripes", "bars", "cross", "checks", "rings")


def swatch_of(product: str) -> str:
    """The pattern of a product's name: always the same one, not always a different one; the name says the rest."""
    return PATTERNS[sum(ord(letter) for letter in product) % len(PATTERNS)]
