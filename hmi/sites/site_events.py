"""What the audit trail says of sites: made, switched off and on, changed. Conduits: conduit_changes.py."""

from __future__ import annotations

from accounts.audit.changes import Before, note, watch
from hmi.sites.models import Site

_FACTS = ("slug", "name", "time_zone")


def connect() -> None:
    """Called once, when the app is ready."""
    watch(Site, (*_FACTS, "enabled"), added=lambda site: _note("site:row:added", site), changed=_changed)


def _changed(site: Site, changed: frozenset[str], _before: Before) -> None:
    if "enabled" in changed:
        _note("site:access:switched-on" if site.enabled else "site:access:switched-off", site)
    names = " ".join(name for name in _FACTS if name in changed)
    if names:
        _note("site:row:changed", site, {"changed": names})


def _note(tag: str, site: Site, facts: dict[str, str] | None = None) -> None:
    note(tag, subject=site.name, site_id=site.pk, site=site.slug, facts=facts)
