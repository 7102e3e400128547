"""What is made of an event's fields, whatever a server puts into them; and what StatusCodes mean for who asked."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.abilities import AckRefused, OutcomeUnknown
from relay_bridge.agent.drivers.opcua.alarm_calls import refusal
from relay_bridge.agent.drivers.opcua.alarm_fields import BASIC, LIMITS, Fields, alarm_event, event_filter, node_text
from relay_bridge.agent.drivers.opcua.node_ids import parse_node
from relay_bridge.contract.errors import RequestRefused

FIELDS = (*BASIC, *LIMITS)
SPACES = ["http://opcfoundation.org/UA/", "urn:a;b%", "urn:farm"]
CONDITION = ua.NodeId("TK.Alarm", 2)
NOW = 1_795_370_000_000
GOOD = {
    "EventId": b"1", "EventType": ua.NodeId(ua.ObjectIds.OffNormalAlarmType), "SourceNode": ua.NodeId("TK.Level", 2),
    "SourceName": "TK", "Message": ua.LocalizedText("hi"), "Severity": 700, "": CONDITION, "Retain": True,
    "ConditionName": "level", "AckedState/Id": False, "ActiveState/Id": True,
    "Time": datetime(2026, 11, 22, tzinfo=UTC),
}  # fmt: skip


def made(**changes):
    values = {**GOOD, **{name.replace("__", "/"): value for name, value in changes.items()}}
    variants = [ua.Variant(values.get(path)) for _, path in FIELDS]
    return alarm_event(Fields.of(FIELDS, variants), "main", SPACES, {ua.NodeId("TK.Level", 2): "configured"}, NOW)


def test_an_ordinary_alarm() -> None:
    event = made()
    assert (event.ref.condition, event.ref.branch, event.node) == ("nsu=urn:farm;s=TK.Alarm", "", "configured")
    assert (event.name, event.condition_type, event.severity, event.message) == ("TK level", "OffNormal", 700, "hi")
    assert (event.active, event.acknowledged, event.retain, event.confirmed) == (True, False, True, None)


def test_the_filter_asks_for_the_condition_itself_and_for_nothing_less_than_is_read() -> None:
    clauses = event_filter(FIELDS).SelectClauses
    assert len(clauses) == len(FIELDS)
    (itself,) = [clause for clause in clauses if not clause.BrowsePath]
    assert itself.AttributeId == ua.AttributeIds.NodeId
    assert itself.TypeDefinitionId == ua.NodeId(ua.ObjectIds.ConditionType)


def test_a_status_code_in_place_of_a_value_is_no_value() -> None:
    none = ua.StatusCode(ua.StatusCodes.BadStateNotActive)
    assert made(LimitState__CurrentState=none).limit_state == ""
    assert made(LimitState__CurrentState=ua.LocalizedText("HighHigh")).limit_state == "HighHigh"
    assert made(ConfirmedState__Id=none).confirmed is None


def test_the_most_important_of_several_limits_counts() -> None:
    assert made(HighState__Id=True, HighHighState__Id=True).limit_state == "HighHigh"
    assert made(LowState__Id=True, LowLowState__Id=False).limit_state == "Low"


@pytest.mark.parametrize("missing", ["", "Retain", "AckedState__Id"])
def test_what_is_no_alarm_is_none(missing: str) -> None:
    assert made(**{missing: None}) is None
    assert made(**{"": ua.NodeId()}) is None


def test_shelving_and_suppression() -> None:
    timed = ua.NodeId(ua.ObjectIds.ShelvedStateMachineType_TimedShelved)
    once = ua.NodeId(ua.ObjectIds.ShelvedStateMachineType_OneShotShelved)
    state, left = "ShelvingState__CurrentState__Id", "ShelvingState__UnshelveTime"
    assert made(**{state: timed, left: 60_000.0}).shelved_until == NOW + 60_000
    assert made(**{state: timed, left: 1e300}).shelved_until == -1
    assert made(**{state: once}).shelved_until == -1
    assert made(**{state: timed, left: 5.0, "SuppressedOrShelved": True}).suppressed is False
    assert made(SuppressedOrShelved=True).suppressed is True
    assert made(SuppressedState__Id=False, SuppressedOrShelved=True).suppressed is False


def test_times_before_there_was_opc_ua_are_no_times() -> None:
    assert made(Time=datetime(1601, 1, 1)).time == NOW  # noqa: DTZ001 - as the library gives it
    assert made(ActiveState__TransitionTime=datetime(1970, 1, 1, tzinfo=UTC)).since == 0


def test_a_name_loses_the_index_that_some_servers_put_before_it() -> None:
    assert made(SourceName="2:TK").name == "TK level"
    assert made(SourceName=None).name == "level"


def test_a_node_is_told_so_that_it_finds_back_whatever_it_is_called() -> None:
    nodes = [
        ua.NodeId("a;s=b\n", 1), ua.NodeId(7, 2), ua.NodeId(uuid.UUID(int=5), 2), ua.NodeId(b"\x00\xff", 1),
        ua.NodeId(2253), ua.NodeId("x", 9),
    ]  # fmt: skip
    for node in nodes:
        assert parse_node(node_text(node, SPACES)).resolve(SPACES) == node


def test_no_field_of_any_kind_breaks_it() -> None:
    dice = random.Random(3)
    values = [
        None, True, 0, -1, 2**40, 1.5, float("nan"), "text", "\udce6", b"bytes", ua.LocalizedText("x"), ua.NodeId(5, 2),
        ua.LocalizedText(None), ua.NodeId(), ua.NodeId("s", 60), datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC), ua.StatusCode(0x80000000), [1, 2], ua.QualifiedName("q", 1),
    ]  # fmt: skip
    seen = 0
    for _ in range(3000):
        chosen = {path: dice.choice(values) if dice.random() < 0.3 else GOOD.get(path) for _, path in FIELDS}
        variants = [Loose(chosen[path]) for _, path in FIELDS]
        try:
            seen += alarm_event(Fields.of(FIELDS, variants), "main", SPACES, {}, NOW) is not None
        except (ValueError, OverflowError) as error:
            pytest.fail(f"{chosen}: {error!r}")
    assert seen > 500


class Loose(ua.Variant):
    """A variant of anything, also of what the library would refuse to build."""

    def __init__(self, value) -> None:
        object.__setattr__(self, "Value", value)


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("BadEventIdUnknown", AckRefused, "stale"),
        ("BadConditionBranchAlreadyAcked", AckRefused, "already"),
        ("BadConditionBranchAlreadyConfirmed", AckRefused, "already"),
        ("BadUserAccessDenied", AckRefused, "denied"),
        ("BadNodeIdInvalid", AckRefused, "gone"),
        ("BadNodeIdUnknown", AckRefused, "gone"),
        ("BadMethodInvalid", RequestRefused, "source_refused"),
        ("BadShelvingTimeOutOfRange", RequestRefused, "source_refused"),
        ("BadArgumentsMissing", RequestRefused, "source_refused"),
        ("BadTimeout", OutcomeUnknown, None),
        ("BadInternalError", OutcomeUnknown, None),
    ],
)
def test_every_status_has_its_meaning_in_words(name: str, kind: type, word: str | None) -> None:
    status = getattr(ua.StatusCodes, name)
    for flagged in (status, status | 0x0400):
        error = refusal(flagged)
        assert type(error) is kind
        assert getattr(error, "word", getattr(error, "code", None)) == word
        assert str(error)


@pytest.mark.parametrize(
    ("code", "quality"),
    [
        (ua.StatusCodes.Good, "good"),
        (ua.StatusCodes.GoodLocalOverride, "good"),
        (ua.StatusCodes.UncertainSensorNotAccurate, "uncertain"),
        (ua.StatusCodes.UncertainSensorNotAccurate | 0x480, "uncertain"),
        (ua.StatusCodes.BadNoCommunication, "bad"),
        (ua.StatusCodes.BadSensorFailure, "bad"),
        # In place of the field: the server has none to tell.
        (ua.StatusCodes.BadNodeIdUnknown, "good"),
        (ua.StatusCodes.BadNotReadable, "good"),
    ],
)
def test_the_quality_of_the_value_behind_it_is_told(code: int, quality: str) -> None:
    assert made(Quality=ua.StatusCode(code)).quality == quality


@pytest.mark.parametrize("odd", [None, 7, "bad", True])
def test_a_quality_that_is_none_is_good(odd: object) -> None:
    assert made(Quality=odd).quality == "good"


def test_a_condition_that_is_put_out_of_use_leaves_the_list_without_doubt() -> None:
    none = ua.StatusCode(ua.StatusCodes.BadConditionDisabled)
    gone = made(
        EnabledState__Id=False, Retain=True, Quality=ua.StatusCode(ua.StatusCodes.BadSensorFailure),
        AckedState__Id=none, ActiveState__Id=none,
    )  # fmt: skip
    assert (gone.retain, gone.active, gone.quality) == (False, False, "good")
