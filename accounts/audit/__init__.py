"""The audit trail: who did what, where, when, with which result. Append-only, hash-chained, checked by a command.

    from accounts import audit
    audit.record("grant:role:revoked", actor=request.user, result="done", site_id=site.pk, site=site.slug)

``record`` belongs to the transaction it is called in: the change and its event are stored together or not at all, so
record a *refusal* outside the transaction that the refusal rolls back. ``AuditUnavailable``: the event could not be
stored. Whoever acknowledges, writes or changes rights lets it travel, so that the action does not happen; whoever only
reads uses ``try_record``, which logs it and goes on. A command without a signed-in person wraps its work in
``with audit.acting_as(name)``. Tags are a closed list: accounts/audit/tags.py.
"""

from accounts.audit.context import acting_as
from accounts.audit.recording import AuditUnavailable, arecord, atry_record, person_subject, record, try_record

__all__ = ["AuditUnavailable", "acting_as", "arecord", "atry_record", "person_subject", "record", "try_record"]
