"""Labels for tanks and units: a QR code (ISO/IEC 18004) of one address of this web app, and the same in words.

A label holds the site's short word and the asset's id and nothing else. It opens nothing: whoever scans it signs in
and needs a grant, as everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import segno
from django.conf import settings
from django.urls import reverse

from hmi.sites.models import Site
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID

MAX_LABELS = 300  # of one print
MAX_WORDS = 60  # characters of the text below the id
QUIET_ZONE = 4  # modules around a code, as the standard asks


class NoLabels(ValueError):  # noqa: N818 - the sentence is for the person who typed
    """What was typed gives no labels; the sentence says which line, and what a line looks like."""


@dataclass(frozen=True)
class Label:
    """``path`` draws the dark modules of the QR code of ``address`` into a square of ``size`` by ``size`` (SVG)."""

    asset: str
    words: str
    site: str
    address: str
    path: str
    size: int


def make_labels(site: Site, typed: str) -> list[Label]:
    """One label for each line ``TK-101`` or ``TK-101 Gasoline, north side``; ``NoLabels``."""
    lines = [line.strip() for line in typed.splitlines() if line.strip()]
    if not lines:
        raise NoLabels("Type the id of at least one tank or unit, one a line.")
    if len(lines) > MAX_LABELS:
        raise NoLabels(f"{len(lines)} lines are too many for one print: {MAX_LABELS} at most.")
    labels = {}
    for number, line in enumerate(lines, start=1):
        asset, _, words = line.partition(" ")
        if len(asset) > MAX_ID or not re.match(ID_PATTERN, asset):
            raise NoLabels(f"Line {number} does not begin with an id like TK-101: letters, digits, dots and hyphens.")
        words = " ".join(words.split())
        if len(words) > MAX_WORDS or not words.isprintable():
            raise NoLabels(f"The text of line {number} is not {MAX_WORDS} plain characters at most.")
        labels[asset] = make_label(site, asset, words)
    return list(labels.values())


def make_label(site: Site, asset: str, words: str = "") -> Label:
    address = label_address(site.slug, asset)
    # Error correction Q: a quarter of the code may be scratched or dirty.
    rows = [bytes(row) for row in segno.make_qr(address, error="q").matrix_iter(border=QUIET_ZONE)]
    return Label(asset, words, site.name, address, _draw(rows), len(rows))


def _draw(rows: list[bytes]) -> str:
    """One rectangle for each run of dark modules in a row."""
    runs = (
        (run.start(), y, run.end() - run.start()) for y, row in enumerate(rows) for run in re.finditer(rb"\x01+", row)
    )
    return "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in runs)


def label_address(slug: str, asset: str) -> str:
    """Absolute, as phones see the web app: https everywhere but on the machine of a demo."""
    return settings.PUBLIC_URL + reverse("screens:label", args=[slug, asset])
