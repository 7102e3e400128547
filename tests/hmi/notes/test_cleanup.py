"""``manage.py notes_cleanup``: old notes go with their photos, the rest stays, and the trail says how much it was."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from PIL import Image

from accounts import audit
from accounts.audit.models import Event
from hmi.notes import photos, writing
from hmi.notes.models import Note
from hmi.sites.access import SiteAccess, get_site_for
from tests.hmi.live.people import give, make_person, make_site
from tests.support.full_disk import no_events

pytestmark = pytest.mark.django_db
KEPT = 30  # days


class Desk:
    """Eva writes notes at North, as if days ago."""

    def __init__(self) -> None:
        self.eva = make_person("eva")
        give(self.eva, "field-operator", make_site())
        self.access: SiteAccess = get_site_for(self.eva, "north", scope="note:write")

    def note(self, text: str, days: float, *, photo: bool = False, corrects: Note | None = None) -> Note:
        kept = photos.make_photo(io.BytesIO(picture()), len(picture())) if photo else None
        before = corrects.pk if corrects is not None else None
        written = writing.write(self.access, self.eva, ("TK-101", "Tank 101"), text, photo=kept, corrects=before)
        Note.objects.filter(pk=written.pk).update(at=timezone.now() - dt.timedelta(days=days))
        return written


@pytest.fixture
def desk(settings: Any, tmp_path: Path) -> Desk:
    settings.PHOTO_DIR, settings.NOTES_KEEP_DAYS = tmp_path / "photos", KEPT
    return Desk()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "grey").save(out, "JPEG")
    return out.getvalue()


def clean() -> str:
    out = io.StringIO()
    call_command("notes_cleanup", stdout=out)
    return out.getvalue().strip()


def test_old_notes_go_with_their_photos_and_young_ones_stay(desk: Desk, settings: Any) -> None:
    old = desk.note("drips", KEPT + 0.1, photo=True)
    withdrawn = desk.note("wrong tank", KEPT + 2, photo=True)
    writing.withdraw(desk.access, desk.eva, withdrawn.pk)
    photos.forget(withdrawn.photo)  # what the commit would do, which a test of the database takes back
    young = desk.note("dry again", KEPT - 0.1, photo=True, corrects=old)
    assert photos.names() == {old.photo, young.photo}
    assert clean() == "Removed 2 note(s) and 0 photo(s) without a note."
    (left,) = Note.objects.all()
    assert (left.pk, left.text, left.corrects_id) == (young.pk, "dry again", None)
    assert photos.names() == {young.photo} and (settings.PHOTO_DIR / young.photo).stat().st_size
    (event,) = Event.objects.filter(tag="note:asset:expired")
    before = (timezone.now() - dt.timedelta(days=KEPT)).date().isoformat()
    assert json.loads(event.facts) == {"count": "2", "before": before} and event.username
    assert clean() == "Removed 0 note(s) and 0 photo(s) without a note."
    assert Event.objects.filter(tag="note:asset:expired").count() == 1


def test_photo_without_a_note_goes_once_nobody_can_be_about_to_keep_it(desk: Desk, settings: Any) -> None:
    note = desk.note("leak", 0, photo=True)
    data = photos.make_photo(io.BytesIO(picture()), len(picture()))
    stray, fresh = photos.store(data), photos.store(data)
    long_ago = time.time() - 2 * 3600
    for name in (stray, note.photo):
        os.utime(settings.PHOTO_DIR / name, (long_ago, long_ago))
    other = settings.PHOTO_DIR / "holiday.jpg"
    other.write_text("not ours")
    os.utime(other, (long_ago, long_ago))
    assert clean() == "Removed 0 note(s) and 1 photo(s) without a note."
    assert photos.names() == {note.photo, fresh}
    assert other.exists()


def test_nothing_goes_that_cannot_be_recorded(desk: Desk) -> None:
    note = desk.note("drips", KEPT + 1, photo=True)
    with no_events(), pytest.raises(audit.AuditUnavailable):
        clean()
    assert Note.objects.filter(pk=note.pk).exists() and photos.names() == {note.photo}


def test_a_site_without_notes_needs_no_folder(settings: Any, tmp_path: Path) -> None:
    settings.PHOTO_DIR = tmp_path / "nowhere" / "photos"
    assert clean() == "Removed 0 note(s) and 0 photo(s) without a note."
