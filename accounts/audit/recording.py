"""Writing an event: check it, put it at the end of the chain, all in the caller's transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as translated
from django.utils.translation import gettext_noop

from accounts.audit.context import current_program, current_request
from accounts.audit.keys import AuditKeyError
from accounts.audit.tags import TAGS
from relay_bridge.contract.audit import (
    MAX_NAME,
    MAX_REASON,
    MAX_REQUEST_ID,
    MAX_SOURCE,
    check_facts,
    cut,
    facts_text,
    without_secrets,
)

if TYPE_CHECKING:
    from accounts.audit.models import Event

logger = logging.getLogger(__name__)
Result = Literal["done", "refused", "failed"]


UNAVAILABLE = gettext_noop(
    "This cannot be done now, because it could not be recorded in the audit trail. Try again in a moment; "
    "if it stays so, tell the administrator. Values can still be seen."
)


class AuditUnavailable(Exception):  # noqa: N818 - a state of the house, not a mistake of the caller
    """The event could not be stored. What it was to record must not happen; reading goes on.

    Trying again helps once the database takes writes again.
    """

    def __init__(self, tag: str) -> None:
        super().__init__(UNAVAILABLE)
        self.tag = tag

    @property
    def told(self) -> str:
        """The sentence for the person, in the language spoken now; as text the error is English, for programs."""
        return translated(UNAVAILABLE)


def record(
    tag: str,
    *,
    actor: Any,
    result: Result,
    site_id: UUID | None = None,
    site: str = "",
    subject: str = "",
    reason: str = "",
    request: HttpRequest | None = None,
    facts: Mapping[str, str] | None = None,
    must_be_signed: bool = True,
) -> Event:
    """Store one event and answer it. ``actor``: the person, or None for a program or somebody unknown.

    ``subject``: what it happened to, by its lasting name; ``reason``: in words, cut at 300 characters, keys and tokens
    taken out. ``request``: by default the one being answered; it gives source address and request id.
    ``AuditUnavailable`` when the database takes no writes, or, unless ``must_be_signed`` is False, when the key that
    signs the trail is missing or another one. ``ValueError`` for a tag or fact outside the closed list,
    and for a fact that looks like a secret: a mistake in the calling code.
    """
    known = TAGS.get(tag)
    if known is None:
        raise ValueError(f"{tag!r} is not in the closed list of tags (accounts/audit/tags.py).")
    if result not in {"done", "refused", "failed"}:
        raise ValueError(f"The result of {tag} is done, refused or failed, not {result!r}.")
    checked = check_facts(tag, known, dict(facts or {}))
    request = request or current_request()
    person = actor if actor is not None and actor.pk is not None else None
    values = {
        "at": time.time_ns() // 1_000_000,
        "tag": tag,
        "result": result,
        "actor": str(person.subject) if person is not None else "",
        "username": cut(person.get_username() if person is not None else current_program(), MAX_NAME),
        "site_id": str(site_id) if site_id is not None else "",
        "site": cut(site, MAX_NAME),
        "subject": cut(without_secrets(subject), MAX_NAME),
        "reason": cut(without_secrets(reason), MAX_REASON),
        "source": cut(_source(request), MAX_SOURCE),
        "request_id": cut(getattr(request, "request_id", ""), MAX_REQUEST_ID),
        "facts": facts_text(checked),
    }
    return _append(values, must_be_signed=must_be_signed)


def try_record(tag: str, **values: Any) -> Event | None:
    """The same for what only reads: when the event cannot be stored, the log says so and the reading goes on.

    It is also stored while nothing can be signed: an event that can be read is better than none.
    """
    try:
        return record(tag, must_be_signed=False, **values)
    except AuditUnavailable:
        logger.error("An event %s is missing from the audit trail: the database takes no writes.", tag)  # noqa: TRY400
        return None


def person_subject(person: Any) -> str:
    """A person as the subject of an event: the lasting UUID first, then the name as it is now."""
    return f"{person.subject} {person.get_username()}"[:MAX_NAME]


arecord = database_sync_to_async(record)
atry_record = database_sync_to_async(try_record)


def _append(values: dict[str, Any], *, must_be_signed: bool) -> Event:
    from accounts.audit.chain import append  # noqa: PLC0415 - models exist only once the apps are loaded
    from accounts.audit.checkpoints import own_key  # noqa: PLC0415

    try:
        own_key()  # before the event, for the first one makes it
    except (AuditKeyError, OSError) as error:
        if must_be_signed:
            logger.error("The audit trail takes no events that must be signed. %s", error)  # noqa: TRY400
            raise AuditUnavailable(values["tag"]) from error
    except DatabaseError as error:
        logger.exception("The audit trail cannot be read.")
        raise AuditUnavailable(values["tag"]) from error
    try:
        # Its own savepoint: a failure here leaves the caller's transaction usable for saying so.
        with transaction.atomic():
            event = append(values)
    except DatabaseError as error:
        logger.exception("The audit trail takes no events.")
        raise AuditUnavailable(values["tag"]) from error
    return event


def _source(request: HttpRequest | None) -> str:
    if request is None:
        return ""
    from accounts.sign_in_limits import source_address  # noqa: PLC0415 - needs axes' models

    return source_address(request) or ""
