"""Why a door of a site stayed shut, for the person in front of it; nothing at all for whoever never had a grant there.

Whoever holds or held a grant knows that the site exists, so may read why it is shut now. For everybody else an unknown
site and a closed one are the same: one query, no row, no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async

from accounts.models import Role
from hmi.sites.explain import Reason, Why, explain_access
from hmi.sites.grants import Grant
from hmi.sites.models import Site

# What asking for access can mend. The others need a second factor, a moment, or somebody who switches the site on.
_ASKING_HELPS = frozenset({Why.NO_GRANT, Why.ENDED, Why.REVOKED, Why.REFUSED, Why.ROLE_LACKS, Why.NOT_OURS})


@dataclass(frozen=True)
class Denial:
    """``reason`` is that of the right which the door asks for; ``reason.told`` is the sentence for the person."""

    site: Site
    reason: Reason
    role_slug: str = ""  # of the role that decided it

    @property
    def asking_helps(self) -> bool:
        return self.reason.why in _ASKING_HELPS

    @property
    def role_to_ask(self) -> str:
        """The role that the person held and that opens this, if there was one."""
        return self.role_slug if self.reason.why is not Why.ROLE_LACKS else ""

    @property
    def names_right(self) -> bool:
        """Whether naming the right helps: to know of the site at all is no right that anybody would ask for."""
        return self.reason.scope != "status:read"

    @property
    def site_is_open(self) -> bool:
        """Whether the person is in at the site, though not for this."""
        return self.reason.why is Why.ROLE_LACKS

    @property
    def needs_second_factor(self) -> bool:
        return self.reason.why is Why.SECOND_FACTOR


def find_denial(user: Any, slug: str, scope: str, session: Any = None) -> Denial | None:
    """Why ``get_site_for`` refuses ``scope`` at ``slug``; ``None`` when the person must not know, or may enter."""
    grant = Grant.objects.filter(user_id=user.pk, site__slug=slug).select_related("site").first()
    if grant is None:
        return None
    reasons = explain_access(user, grant.site, session=session)
    reason = next(reason for reason in reasons if reason.scope == scope)
    if reason.allowed:
        return None
    role = Role.objects.filter(grants__id=reason.grant_id).first() if reason.grant_id else None
    return Denial(grant.site, reason, role.slug if role is not None else "")


afind_denial = database_sync_to_async(find_denial)
