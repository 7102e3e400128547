"""Notes as they are read: who, when, what, and what became of them."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from hmi.notes.models import Note
from hmi.screens.presenters.words import since_text

_EXCERPT = 120  # characters


@dataclass(frozen=True)
class ShownNote:
    """``photo``: the address of the picture, empty when there is none. ``own``: the viewer may withdraw it.

    ``corrected``: a later note says better; ``corrects``: the moment of the one that this one corrects.
    """

    id: str
    moment: str
    author: str
    asset: str
    asset_name: str
    asset_href: str
    text: str
    photo: str
    width: int
    height: int
    withdrawn: str
    corrected: bool
    corrects: str
    own: bool

    @property
    def excerpt(self) -> str:
        line = " ".join(self.text.split())
        return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"


def show_notes(
    notes: Iterable[Note], slug: str, zone: zoneinfo.ZoneInfo, now: int, user_id: int
) -> tuple[ShownNote, ...]:
    """``now`` in epoch ms; moments of another day get their date. Notes come with their ``corrections``."""
    notes = list(notes)
    moments = {note.pk: note.at for note in notes}

    def moment(at: Any) -> str:
        return since_text(int(at.timestamp() * 1000), zone, now) if at is not None else ""

    return tuple(
        ShownNote(
            id=str(note.pk),
            moment=moment(note.at),
            author=note.author_name,
            asset=note.asset,
            asset_name=note.asset_name,
            asset_href=reverse("notes:asset", args=[slug, note.asset]),
            text=note.text,
            photo=reverse("notes:photo", args=[slug, note.pk]) if note.photo else "",
            width=note.photo_width,
            height=note.photo_height,
            withdrawn=moment(note.withdrawn_at),
            corrected=any(later.withdrawn_at is None for later in note.corrections.all()),
            corrects=moment(moments.get(note.corrects_id)) if note.corrects_id else "",
            own=note.author_id == user_id and note.withdrawn_at is None,
        )
        for note in notes
    )
