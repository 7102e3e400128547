"""What is typed into the search, as words to look for. Pure text: no site, no person."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MAX_QUERY = 300  # characters that are looked at: a whole label address may be pasted
MAX_TOKENS = 6
MAX_TOKEN = 128  # characters
MAX_TEXT = 200  # characters of a name that are searched
_PIECES = re.compile(r"[^\W_]+")
# The address of a label as a scanner types it; only the path counts, so it never leads to another web app.
_LABEL = re.compile(r"https?://[^/\s]{1,255}/t/([a-z0-9-]{1,50})/([A-Za-z0-9][A-Za-z0-9._-]{0,127})/?\Z")


@dataclass(frozen=True)
class Query:
    """``text`` as it is shown again; ``tokens`` folded."""

    text: str = ""
    tokens: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        return " ".join(self.tokens)


def read_query(typed: str) -> Query:
    text = "".join(letter for letter in typed[:MAX_QUERY] if letter.isprintable()).strip()
    tokens = [token[:MAX_TOKEN] for token in fold(text).split() if _PIECES.search(token)]
    return Query(text, tuple(dict.fromkeys(tokens))[:MAX_TOKENS])


def read_label(typed: str) -> tuple[str, str] | None:
    """Site and asset of a label's address, else None."""
    found = _LABEL.match(typed[:MAX_QUERY].strip())
    return None if found is None else (found[1], found[2])


def fold(text: str) -> str:
    """Upper and lower case, wide letters and invisible characters make no difference (Unicode NFKC, category Cf)."""
    plain = unicodedata.normalize("NFKC", text[:MAX_QUERY]).casefold()
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")


def words_of(*texts: str) -> frozenset[str]:
    """Everything that may be typed the beginning of: each word, each part of it, and it without its separators.

    ``TK-101.level`` is found by ``tk-1``, ``101.le``, ``level`` and ``tk101``.
    """
    return frozenset().union(*(_words_in(text[:MAX_TEXT]) for text in texts))


@lru_cache(maxsize=4096)  # names of areas and tags come again and again
def _words_in(text: str) -> frozenset[str]:
    words: set[str] = set()
    for word in fold(text).split():
        pieces = list(_PIECES.finditer(word))
        if pieces:
            words.add(word)
            words.add("".join(piece[0] for piece in pieces))
            words.update(word[piece.start() :] for piece in pieces)
    return frozenset(words)
