"""What the audit trail is told of an enrolment, whoever does it: an administrator, a command, or the agent itself."""

from __future__ import annotations

from typing import Literal

from accounts import audit
from accounts.audit.context import current_person
from hmi.sites.enrolment_rows import Enrolment

AGENT = "an agent that enrolls"  # in the place of a person's name


def record(
    enrolment: Enrolment,
    tag: str,
    *,
    by: str | None = None,
    result: Literal["done", "refused"] = "done",
    reason: str = "",
) -> None:
    """``by``: a person's username, empty for whoever runs the command, None for the agent at the other end."""
    facts = {"thumbprint": enrolment.thumbprint} if enrolment.thumbprint else {}
    with audit.acting_as(AGENT if by is None else by):
        audit.record(
            tag,
            actor=current_person(),
            result=result,
            site_id=enrolment.site_id,
            site=enrolment.site.slug,
            subject=enrolment.pk.hex[:8],
            reason=reason,
            facts=facts,
        )
