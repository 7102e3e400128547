"""Other applications may be offered looking, never acting, and nothing they did not ask for."""

from __future__ import annotations

from oauth2_provider.scopes import get_scopes_backend

from accounts.oauth_scopes import ClosedScopes
from relay_bridge.contract.scopes import SCOPES, WRITE_SCOPES


def test_the_toolkit_uses_the_closed_list():
    backend = get_scopes_backend()
    assert isinstance(backend, ClosedScopes)
    assert backend.get_all_scopes() == SCOPES


def test_other_applications_are_offered_no_writing():
    offered = set(ClosedScopes().get_available_scopes())
    assert offered <= SCOPES.keys()
    assert not offered & (WRITE_SCOPES | {"alarm:ack", "alarm:shelve", "note:write", "audit:read", "diag:read"})


def test_nothing_is_given_by_default():
    assert ClosedScopes().get_default_scopes() == []
