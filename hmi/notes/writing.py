"""Writing and withdrawing notes, each in one transaction with its event in the audit trail, and reading them.

``audit.AuditUnavailable`` travels: what cannot be recorded is not done.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import unicodedata
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from hmi.notes import photos
from hmi.notes.models import MAX_TEXT, Note
from hmi.notes.photos import KeptPhoto
from hmi.sites.access import SiteAccess
from relay_bridge.contract.audit import without_secrets

WRITE, READ = "note:write", "data:live"
MAX_AN_HOUR = 40  # notes of one person
PAGE = 25
# May stand in a text because writing needs them: joiners of emoji, and of Persian and Indic scripts.
_JOINERS = frozenset("\u200c\u200d")


class NoteRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The message is a sentence for the person."""


def clean_text(text: str) -> str:
    """What was typed without control characters and without what turns or hides the line around it (UAX 9).

    Lines stay; more than two line ends in a row become two.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(each for each in text if each == "\n" or each in _JOINERS or unicodedata.category(each)[0] != "C")
    lines = [" ".join(line.split()) for line in text.split("\n")]
    while any(lines[at : at + 2] == ["", ""] for at in range(len(lines))):
        at = next(at for at in range(len(lines)) if lines[at : at + 2] == ["", ""])
        del lines[at]
    return "\n".join(lines).strip("\n")


def check_text(text: str, *, has_photo: bool) -> str:
    """The text as it is kept. ``NoteRefused`` when there is neither a text nor a photo, or too much text."""
    text = clean_text(text)
    if not text and not has_photo:
        raise NoteRefused(_("Write something, or take a photo."))
    if len(text) > MAX_TEXT:
        raise NoteRefused(_("A note has at most %(most)d characters; this one has %(count)d.")
                          % {"most": MAX_TEXT, "count": len(text)})  # fmt: skip
    return text


def write(
    access: SiteAccess,
    person: Any,
    asset: tuple[str, str],
    text: str,
    *,
    photo: KeptPhoto | None = None,
    corrects: UUID | None = None,
) -> Note:
    """``asset``: its id and its name at the site. ``text`` as ``check_text`` left it.

    ``NoteRefused`` when somebody writes too many, or corrects what cannot be corrected.
    """
    now = timezone.now()
    recent = Note.objects.filter(author=person, at__gt=now - dt.timedelta(hours=1))
    if recent.count() >= MAX_AN_HOUR:
        raise NoteRefused(_("You have written many notes within an hour. Wait a little."))
    before = None
    if corrects is not None:
        before = of_site(access).filter(pk=corrects, asset=asset[0], withdrawn_at=None).first()
        if before is None:
            raise NoteRefused(_("The note that you want to correct is not there any more."))
    name = photos.store(photo) if photo is not None else ""
    try:
        with transaction.atomic():
            note = Note.objects.create(
                site=access.site, asset=asset[0], asset_name=asset[1][:250], author=person, author_name=str(person),
                at=now, text=text, photo=name, photo_hash=photo.digest if photo else "",
                photo_width=photo.width if photo else 0, photo_height=photo.height if photo else 0, corrects=before,
            )  # fmt: skip
            _record("note:asset:written", access, note, person, _content_facts(note))
    except BaseException:
        photos.forget(name)  # a file without its row would be a photo that nobody may see and nobody can remove
        raise
    return note


@transaction.atomic
def withdraw(access: SiteAccess, person: Any, key: UUID) -> Note | None:
    """Take an own note back: text and photo go, a line that says so stays. None when there is nothing to take back."""
    note = Note.objects.select_for_update().filter(site_id=access.site.id, author=person, pk=key).first()
    if note is None or note.withdrawn_at is not None:
        return None
    facts = _content_facts(note)
    name = note.photo
    note.text, note.photo, note.withdrawn_at = "", "", timezone.now()
    note.save(update_fields=["text", "photo", "withdrawn_at"])
    _record("note:asset:withdrawn", access, note, person, facts)
    transaction.on_commit(lambda: photos.forget(name))
    return note


def of_site(access: SiteAccess) -> QuerySet[Note]:
    """Every note at the site; whoever sees live values there may read them."""
    return Note.objects.filter(site_id=access.site.id)


def read_page(access: SiteAccess, asset: str, before: dt.datetime | None, most: int = PAGE) -> tuple[list[Note], bool]:
    """Newest first, of one asset or of the whole site (empty), and whether there are older ones."""
    rows = of_site(access).prefetch_related("corrections")
    if asset:
        rows = rows.filter(asset=asset)
    if before is not None:
        rows = rows.filter(at__lt=before)
    found = list(rows[: most + 1])
    return found[:most], len(found) > most


def between(access: SiteAccess, start: dt.datetime, end: dt.datetime, most: int) -> list[Note]:
    """Those of a time that were not withdrawn, oldest first."""
    return list(of_site(access).filter(at__gte=start, at__lt=end, withdrawn_at=None).order_by("at", "pk")[:most])


def find(access: SiteAccess, key: UUID) -> Note | None:
    return of_site(access).filter(pk=key).first()


awrite = database_sync_to_async(write)
awithdraw = database_sync_to_async(withdraw)
aread_page = database_sync_to_async(read_page)
abetween = database_sync_to_async(between)
afind = database_sync_to_async(find)


def _content_facts(note: Note) -> dict[str, str]:
    """What shows later which words (``hash``) and which photo (``file_hash``) it was, without repeating them."""
    facts = {"asset": without_secrets(note.asset), "hash": hashlib.sha256(note.text.encode()).hexdigest()}
    if note.photo:
        facts["file_hash"] = note.photo_hash
    if note.corrects_id is not None:
        facts["corrects"] = str(note.corrects_id)
    return facts


def _record(tag: str, access: SiteAccess, note: Note, person: Any, facts: dict[str, str]) -> None:
    audit.record(
        tag, actor=person, result="done", site_id=access.site.pk, site=access.site.slug, subject=str(note.pk),
        facts=facts,
    )  # fmt: skip
