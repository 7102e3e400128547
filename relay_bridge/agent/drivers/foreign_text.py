"""Text from a process server as it may travel: one line, nothing that hides or turns round what stands beside it.

A name may hold anything. Control characters break a line of a log, the characters that set the direction of writing
(Unicode Standard Annex 9, 2) make ``off`` stand where ``on`` was meant, and half a surrogate pair cannot be sent at
all. Joiners stay: scripts need them.
"""

from __future__ import annotations

from typing import Final

MAX_WORDS: Final = 500  # characters of a name or a message
CUT: Final = "~"  # what a text that was cut ends in
_NOTHING = (0x00, 0xAD, 0x061C, 0x200B, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2060, 0x206A))
_BLANKS = (*range(0x01, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_TABLE: Final = dict.fromkeys(_BLANKS, " ") | dict.fromkeys(_NOTHING)


def foreign_text(text: str, most: int | None = None) -> str:
    """``text`` as it may travel, of at most ``most`` characters; a longer one ends in ``CUT``.

    Bytes that were no UTF-8 (as asyncua marks them) are taken for Windows-1252, which plants still write.
    """
    if most is not None:
        is_long, text = len(text) > most, text[:most]
    else:
        is_long = False
    if not (text.isascii() and text.isprintable()):
        text = _sendable(text).translate(_TABLE)
    return text[: most - 1] + CUT if is_long and most else text


def _sendable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        try:
            return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
        except UnicodeEncodeError:  # half a surrogate pair that was written as such
            return text.encode("utf-8", "replace").decode()
    return text
