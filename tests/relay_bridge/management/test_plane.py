"""Hybrid connections made, looked at and deleted through the real SDK at the real relay."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.management import AlreadyExists, ManagementError, NotAllowed, NotFound, Refused, RelayManagement
from tests.relay_bridge.management.conftest import Plane

HC = {"name": "north", "properties": {"requiresClientAuthorization": True, "listenerCount": 0}}


def test_conduit_has_two_rules_of_one_right_each(management: RelayManagement, relay: RelayEmulator) -> None:
    keys = management.create_conduit("north")

    assert keys.created
    assert management.get_rules("north") == {"listen": {"Listen"}, "send": {"Send"}}
    assert {len({each.primary.key, each.secondary.key}) for each in (keys.listen, keys.send)} == {2}
    connection = keys.listen.primary
    assert (connection.host, connection.port, connection.use_tls) == ("127.0.0.1", relay.port, False)
    assert (connection.entity_path, connection.key_name) == ("north", "listen")
    state = management.get_conduit("north")
    assert (state.path, state.listeners, state.requires_client_authorization) == ("north", 0, True)
    assert [each.path for each in management.list_conduits()] == ["north"]


def test_what_is_there_is_reported_and_keeps_its_keys(management: RelayManagement) -> None:
    first = management.create_conduit("north")
    again = management.create_conduit("north")
    assert not again.created
    assert (again.listen, again.send) == (first.listen, first.send)
    with pytest.raises(AlreadyExists, match="already has a hybrid connection 'north'"):
        management.create_conduit("north", must_be_new=True)
    assert management.get_keys("north").send == first.send


def test_no_key_is_in_any_text(management: RelayManagement, token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    keys = management.create_conduit("north")
    management.regenerate("north", "send", "primary")
    management.delete_conduit("north")
    said = repr(keys) + repr(management.__dict__) + caplog.text
    for rule in (keys.listen, keys.send):
        for connection in (rule.primary, rule.secondary):
            assert connection.key and connection.key not in said
    assert token not in said


def test_deleted_is_gone_and_deleting_again_is_no_error(management: RelayManagement) -> None:
    management.create_conduit("north")
    assert management.delete_conduit("north")
    assert management.find_conduit("north") is None
    assert not management.delete_conduit("north")
    for call in (management.listener_count, management.get_keys, management.get_rules):
        with pytest.raises(NotFound):
            call("north")


def test_regenerated_key_is_another_and_the_other_one_stays(management: RelayManagement) -> None:
    before = management.create_conduit("north").send
    after = management.regenerate("north", "send", "secondary")
    assert after.primary == before.primary
    assert after.secondary.key != before.secondary.key
    assert management.get_rule_keys("north", "send") == after
    assert after.which_is(after.secondary.key or "") == "secondary"
    assert after.which_is(before.secondary.key or "") is None


def test_wrong_token_and_wrong_namespace_are_told_apart(relay: RelayEmulator, token: str) -> None:
    with RelayManagement.for_emulator(relay.management_url, "not-the-token-at-all") as stranger:
        with pytest.raises(NotAllowed, match="token") as caught:
            stranger.create_conduit("north")
        assert not caught.value.retryable
    with (
        RelayManagement.for_emulator(relay.management_url, token, "elsewhere") as lost,
        pytest.raises(NotFound, match="check namespace"),
    ):
        lost.find_conduit("north")


@pytest.mark.parametrize("path", ["", "a/b", "../x", "north?x", "-north", "n" * 261, "nörd"])
def test_name_that_would_break_the_address_is_refused(management: RelayManagement, path: str) -> None:
    with pytest.raises(Refused, match="cannot be a hybrid connection's name"):
        management.create_conduit(path)


def test_failure_on_the_way_removes_what_was_made(asking: RelayManagement, plane: Plane) -> None:
    missing = (404, {}, {"error": {"code": "ResourceNotFound", "message": "no"}})
    refused = (403, {}, {"error": {"code": "AuthorizationFailed", "message": "no listKeys"}})
    made = (200, {}, HC)
    plane.answers = [missing, (200, {}, {"location": "x"}), made, made, made, refused, (200, {}, b""), missing]
    with pytest.raises(NotAllowed, match="Azure Relay Owner"):
        asking.create_conduit("north")
    methods = [method for method, _, _ in plane.asked]
    assert methods == ["GET", "GET", "PUT", "PUT", "PUT", "POST", "DELETE"]
    assert plane.asked[-1][1].split("?")[0].endswith("/hybridConnections/north")


def test_what_cannot_be_removed_is_said(asking: RelayManagement, plane: Plane) -> None:
    missing = (404, {}, {"error": {"code": "ResourceNotFound", "message": "no"}})
    refused = (403, {}, {"error": {"code": "AuthorizationFailed", "message": "no"}})
    plane.answers = [missing, (200, {}, {"location": "x"}), refused]
    with pytest.raises(ManagementError, match="'north' could not be removed"):
        asking.create_conduit("north")


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([{"name": "listen", "properties": {"rights": ["Listen", "Manage", "Send"]}}], "must have Listen alone"),
        ([{"name": "listen", "properties": {"rights": ["Listen"]}}, {"name": "send", "properties": {}}], "Send alone"),
    ],
)
def test_rule_with_more_than_its_right_is_never_used(
    asking: RelayManagement, plane: Plane, rules: list[object], words: str
) -> None:
    plane.answers = [(200, {}, HC), (200, {}, {"value": rules})]
    with pytest.raises(Refused, match=words):
        asking.create_conduit("north")
    assert {method for method, _, _ in plane.asked} == {"GET"}


def test_conduit_that_lets_anybody_in_is_refused(asking: RelayManagement, plane: Plane) -> None:
    plane.answers = [(200, {}, {"name": "north", "properties": {"requiresClientAuthorization": False}})]
    with pytest.raises(Refused, match="lets anybody connect"):
        asking.create_conduit("north")
