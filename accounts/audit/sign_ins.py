"""What is recorded of signing in and out, from Django's and axes' own signals: it holds for every way to sign in.

A name that belongs to no account is not stored: people type passwords into the wrong field. Nobody is kept from
signing in or out because the event could not be stored; looking at values must go on.
"""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from accounts.audit.floods import try_record_refusal
from accounts.audit.recording import person_subject, try_record

UNKNOWN = "no such account"
PAUSED = "the account is locked for a while"
SOURCE_PAUSED = "too many failures from this address"


def connect() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="audit.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="audit.signed_out")
    user_login_failed.connect(_failed, dispatch_uid="audit.sign_in_failed")
    user_locked_out.connect(_locked, dispatch_uid="audit.locked_out")


def _signed_in(sender: Any, request: Any, user: Any, **_facts: Any) -> None:
    # Left there by accounts.sign_in_steps: how the person signed in, and which use notice stood above the form.
    said = {
        "methods": " ".join(getattr(request, "sign_in_methods", ())),
        "notice": getattr(request, "sign_in_notice", ""),
    }
    facts = {name: text for name, text in said.items() if text}
    subject = person_subject(user)
    try_record("person:session:signed-in", actor=user, result="done", subject=subject, request=request, facts=facts)


def _signed_out(sender: Any, request: Any, user: Any, **_facts: Any) -> None:
    if user is None:
        return
    reason = getattr(request, "session_end_reason", "")  # set by whatever ends a session by itself
    tag = "person:session:ended" if reason else "person:session:signed-out"
    try_record(tag, actor=user, result="done", subject=person_subject(user), reason=reason, request=request)


def note_pause(request: Any, person: Any) -> None:
    """A code that was not looked at, because five wrong ones came before it."""
    _note_failure(request, person_subject(person), PAUSED)


def note_refused_source(request: Any) -> None:
    """A sign-in that was not looked at, because its source failed too often. For whom it was is not looked up."""
    _note_failure(request, "", SOURCE_PAUSED)


def _failed(sender: Any, credentials: dict[str, Any], request: Any = None, **_facts: Any) -> None:
    was_locked = getattr(request, "axes_locked_out", False) and not _was_counted(request)
    account = _account(request, str(credentials.get("username") or ""))
    subject = person_subject(account) if account is not None else ""
    _note_failure(request, subject, PAUSED if was_locked else ("" if account is not None else UNKNOWN))


def _note_failure(request: Any, subject: str, reason: str) -> None:
    if request is None:  # a script that asks Django to authenticate
        try_record("person:sign-in:failed", actor=None, result="refused", subject=subject, reason=reason)
        return
    try_record_refusal("person:sign-in:failed", subject=subject, reason=reason, request=request)


def _locked(sender: Any, request: Any, username: str, **_facts: Any) -> None:
    # axes says so again at every attempt on a locked account; those are recorded as failed sign-ins.
    if not _was_counted(request):
        return
    account = _account(request, username or "")
    try_record(
        "person:sign-in:locked",
        actor=None,
        result="done",
        subject=person_subject(account) if account is not None else "",
        reason="" if account is not None else UNKNOWN,
        request=request,
    )


def _was_counted(request: Any) -> bool:
    """Whether axes counted this attempt: it counts none on an account that was locked before."""
    return getattr(request, "axes_failures_since_start", None) is not None


def _account(request: Any, username: str) -> Any:
    """Whose sign-in it was: said by accounts.sign_in_steps, which counts under other names too, or as it was typed."""
    said = getattr(request, "failed_person", None)
    return said if said is not None else get_user_model().objects.filter(username__iexact=username[:150]).first()
