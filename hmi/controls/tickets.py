"""What an open dialog carries: its key and what the person saw, signed by the server, for this person and thing alone.

The key is made when the dialog is drawn, 128 bits, so the same dialog sent twice is the same wish. Nothing is stored
until it is sent, and nothing that decides anything is taken from the form unsigned but the new value and the reason.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from django.core import signing
from django.utils.translation import gettext as _

from hmi.controls.offers import Offer
from hmi.sites.access import SiteAccess
from relay_bridge.contract.acting import ActValue
from relay_bridge.contract.readings import Reading

KEY_BYTES = 16  # 128 bits of chance
MAX_AGE = 900  # seconds that a dialog may stand open
MAX_TICKET = 2000  # characters
_SALT = "hmi.controls.dialog"


class Ticket(NamedTuple):
    """``expected`` and ``shown``: the value that stood in the dialog, as the site told it and as text."""

    key: str
    expected: ActValue
    shown: str


class TicketRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The message is a sentence for the person."""


def issue_ticket(access: SiteAccess, offer: Offer, reading: Reading, shown: str) -> str:
    """The hidden field of a new dialog. A command's ``expected`` is the state it starts from."""
    expected = reading.value if offer.expect is None else offer.expect
    return signing.dumps([secrets.token_urlsafe(KEY_BYTES), expected, shown, *_whose(access, offer)], salt=_SALT)


def read_ticket(text: str, access: SiteAccess, offer: Offer) -> Ticket:
    """The dialog that sent a form; ``TicketRefused`` when it is not this person's for this thing, or too old."""
    if len(text) > MAX_TICKET:
        raise TicketRefused(_("This form did not come from this dialog. Open the dialog again."))
    try:
        key, expected, shown, *whose = signing.loads(text, salt=_SALT, max_age=MAX_AGE)
    except signing.SignatureExpired:
        raise TicketRefused(_("This dialog stood open for too long. Open it again and look at the value.")) from None
    except (signing.BadSignature, ValueError, TypeError):
        raise TicketRefused(_("This form did not come from this dialog. Open the dialog again.")) from None
    if whose != _whose(access, offer):
        raise TicketRefused(_("This form belongs to another person or another thing. Open the dialog again."))
    return Ticket(key, expected, shown)


def _whose(access: SiteAccess, offer: Offer) -> list[Any]:
    return [access.user_id, str(access.site.id), str(offer.kind), offer.target]
