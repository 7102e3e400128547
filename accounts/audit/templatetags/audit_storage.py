"""``{% audit_storage as storage %}``: how full the trail's storage is, for the pages of auditors and administrators."""

from __future__ import annotations

from django import template

from accounts.audit.storage import storage, storage_words
from relay_bridge.contract.storage import Storage

register = template.Library()


@register.simple_tag
def audit_storage() -> Storage:
    return storage()


@register.simple_tag
def audit_storage_words(found: Storage) -> str:
    return storage_words(found)
