"""``{% audit_storage as storage %}`` and more: the state of the trail, for the pages of auditors and administrators."""

from __future__ import annotations

from django import template

from accounts.audit.checkpoints import is_signable
from accounts.audit.storage import storage, storage_words
from relay_bridge.contract.storage import Storage

register = template.Library()


@register.simple_tag
def audit_storage() -> Storage:
    return storage()


@register.simple_tag
def audit_storage_words(found: Storage) -> str:
    return storage_words(found)


@register.simple_tag
def audit_is_signable() -> bool:
    """Whether the key that signs the trail is there and the right one."""
    return is_signable()
