"""Names of alarms: the same for ever, different for different alarms, and free of what the plant calls them."""

from __future__ import annotations

import base64

import msgspec

from relay_bridge.agent.alarms.identity import MAX_EVENT, alarm_id, occurrence_id
from relay_bridge.agent.drivers.abilities import AlarmRef
from relay_bridge.contract.alarms import AlarmId, OccurrenceId
from relay_bridge.contract.audit import looks_secret


def test_an_id_depends_on_source_condition_and_branch_and_on_nothing_else() -> None:
    refs = [AlarmRef("a", "bc"), AlarmRef("ab", "c"), AlarmRef("a", "b", "c"), AlarmRef("a", "bc", "1")]
    assert len({alarm_id(ref) for ref in refs}) == len(refs)
    assert alarm_id(AlarmRef("a", "bc")) == "e51c36adfbb118778edd"  # as in every version: phones keep ids


def test_ids_and_occurrences_fit_the_contract_and_no_id_looks_like_a_key() -> None:
    for number in range(200):
        name = alarm_id(AlarmRef("main", str(number)))
        msgspec.convert(name, AlarmId)
        assert not looks_secret(name)
    for event in (b"", b"\x00", b"\xff" * 16, b"x" * MAX_EVENT, b"x" * (MAX_EVENT + 1), b"y" * 100_000):
        msgspec.convert(occurrence_id(event), OccurrenceId)


def test_an_occurrence_is_the_event_id_as_base64url_and_of_a_long_one_still_its_own() -> None:
    assert base64.urlsafe_b64decode(occurrence_id(b"\xfb\xff\x01")) == b"\xfb\xff\x01"
    assert occurrence_id(b"x" * 1000) != occurrence_id(b"x" * 1001)
