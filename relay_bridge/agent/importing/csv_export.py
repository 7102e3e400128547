"""Tags as CSV (RFC 4180): UTF-8 with a byte order mark, because spreadsheets take it for another alphabet without."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from relay_bridge.agent.importing.csv_columns import COLUMNS, row_of
from relay_bridge.agent.tags import AssetConfig, TagConfig


def export_tags(tags: Iterable[TagConfig], assets: Iterable[AssetConfig]) -> bytes:
    """A header and a row for every tag. What ``csv_import`` makes of it means the same tags and assets."""
    by_id = {asset.id: asset for asset in assets}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(row_of(tag, by_id[tag.asset]) for tag in tags)
    return text.getvalue().encode("utf-8-sig")
