"""The six languages, each under its own name, and what is written differently in them."""

from __future__ import annotations

SOURCE = "en"  # the language of the texts in the code
LANGUAGES = [
    ("en", "English"),
    ("sv", "Svenska"),
    ("nb", "Norsk bokm\u00e5l"),
    ("da", "Dansk"),
    ("fi", "Suomi"),
    ("de", "Deutsch"),
]
TRANSLATED = [code for code, _ in LANGUAGES if code != SOURCE]
CODES = frozenset(code for code, _ in LANGUAGES)


def language_now() -> str:
    """The code of the language that is spoken now; English where none is, as in the programs that run alone."""
    from django.utils.translation import get_language  # noqa: PLC0415 - the settings read this module

    code = (get_language() or SOURCE).split("-")[0]
    return code if code in CODES else SOURCE


def decimal_mark() -> str:
    """What stands before the decimals: a comma in all our languages but English. ``static/js/texts.js`` agrees."""
    return "." if language_now() == SOURCE else ","
