"""Texts of others on one line among ours: nothing unseen in them, and nothing of ours turned by them (UAX 9)."""

from __future__ import annotations

import unicodedata

# Control characters, what turns or parts a line, and what has no width: it must neither hide nor move what follows.
_UNSEEN = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x00AD, 0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x2030),
     *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC)],
    " ",
)  # fmt: skip
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_CONTROLS = frozenset({"RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})


def plain(text: str, longest: int) -> str:
    """One line of at most ``longest`` characters without control characters and without invisible ones."""
    if text.isascii() and text.isprintable() and "  " not in text and len(text) <= longest:
        return text.strip()
    line = " ".join(text.translate(_UNSEEN).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def apart(text: str) -> str:
    """``text`` to stand within a sentence of ours where no element can part the two: isolated if it could turn it."""
    if text.isascii():
        return text
    # Without controls of its own: they could end the isolate, or outlast it.
    line = "".join(letter for letter in text if unicodedata.bidirectional(letter) not in _CONTROLS)
    turns = any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line)
    return f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}" if turns else line
