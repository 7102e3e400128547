"""What the audit trail says of grants: one event for each change that was stored, whichever door it came through.

It hangs on the saving itself, inside its transaction: a change that cannot be recorded does not happen. Taking access
away does not wait for the trail: it happens although it cannot be recorded, and the log says so.
"""

from __future__ import annotations

import datetime as dt

from accounts import audit
from accounts.audit.changes import Before, watch
from accounts.audit.context import current_person
from accounts.audit.recording import person_subject
from hmi.sites.grants import Approval, Grant

_WATCHED = ("valid_from", "valid_until", "reason", "revoked_at", "approval")


def connect() -> None:
    """Called once, when the app is ready."""
    watch(Grant, _WATCHED, added=_given, changed=_changed)


def _given(grant: Grant) -> None:
    facts = {"approval": grant.approval}
    if grant.granted_by is not None:
        facts["by"] = person_subject(grant.granted_by)
    _note("grant:role:given", grant, grant.reason, facts)


def _changed(grant: Grant, changed: frozenset[str], _before: Before) -> None:
    if "approval" in changed and grant.approval == Approval.APPROVED:
        facts = {"by": person_subject(grant.approved_by)} if grant.approved_by is not None else {}
        _note("grant:role:approved", grant, grant.reason, facts)
    elif "approval" in changed and grant.approval == Approval.REFUSED:
        _note("grant:role:refused", grant, grant.end_reason, must=False)
    elif "revoked_at" in changed and grant.revoked_at is not None:
        _note("grant:role:revoked", grant, grant.end_reason, must=False)
    else:
        names = " ".join(name for name in _WATCHED if name in changed)
        _note("grant:role:changed", grant, grant.reason, {"changed": names})


def _note(tag: str, grant: Grant, reason: str, more: dict[str, str] | None = None, *, must: bool = True) -> None:
    facts = {
        "person": person_subject(grant.user),
        "role": grant.role.slug,
        "from": _utc(grant.valid_from),
        "until": _utc(grant.valid_until),
        "epoch": str(grant.epoch),
    } | (more or {})
    store = audit.record if must else audit.try_record
    store(
        tag, actor=current_person(), result="done", subject=str(grant.pk), site_id=grant.site_id, site=grant.site.slug,
        reason=reason, facts=facts,
    )  # fmt: skip


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
