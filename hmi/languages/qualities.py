"""What is wrong with a value, in the language that is spoken now; ``static/js/words.js`` says the same live."""

from __future__ import annotations

from django.utils.translation import gettext as said  # of a text marked elsewhere: here, by gettext_noop
from django.utils.translation import gettext_noop

from relay_bridge.contract.readings import quality_class, quality_words

# The words of relay_bridge/contract/readings.py, which knows no languages: marked here, and a test holds them together.
WORDS = (
    gettext_noop("forced"),
    gettext_noop("last usable value"),
    gettext_noop("no communication, last usable value"),
    gettext_noop("substitute"),
    gettext_noop("initial value"),
    gettext_noop("sensor not accurate"),
    gettext_noop("out of range"),
    gettext_noop("no comms"),
    gettext_noop("waiting for data"),
    gettext_noop("tag unknown at the source"),
    gettext_noop("not supported"),
    gettext_noop("not a number"),
    gettext_noop("configuration"),
    gettext_noop("not connected"),
    gettext_noop("device failure"),
    gettext_noop("sensor failure"),
    gettext_noop("out of service"),
)
CLASSES = (gettext_noop("good"), gettext_noop("uncertain"), gettext_noop("bad"))


def class_text(code: int) -> str:
    """``good``, ``uncertain`` or ``bad``."""
    return said(quality_class(code))


def reason_text(code: int) -> str:
    """Why it is not plain good; its class where there are no better words, empty for plain good."""
    words = quality_words(code)
    return said(words) if words else ""
