"""``{{ value|day }}`` and ``{{ value|moment }}``: days and moments on pages, by ``hmi/languages/dates.py``.

Django's own ``date`` filter would write English months where its formats and our catalogue disagree.
"""

from __future__ import annotations

from datetime import date, datetime

from django import template
from django.utils import timezone

from hmi.languages.dates import date_text

register = template.Library()


@register.filter
def day(value: date | None) -> str:
    """``3 Dec 2026``; a moment counts as the day that it is in the page's time zone. Empty for nothing."""
    if value is None:
        return ""
    return date_text(_local(value) if isinstance(value, datetime) else value)


@register.filter
def moment(value: datetime | None) -> str:
    """``3 Dec 2026 14:02 UTC``, in the page's time zone, which it names. Empty for nothing."""
    if value is None:
        return ""
    local = _local(value)
    return f"{date_text(local)} {local:%H:%M %Z}"


def _local(value: datetime) -> datetime:
    return timezone.localtime(value) if timezone.is_aware(value) else timezone.make_aware(value)
