"""Acknowledge, confirm and shelve over OPC UA: one method call on the condition, once, and what its answer means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.abilities import AckFailure, AckRefused, AlarmRef, OutcomeUnknown
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.descriptions import target_of
from relay_bridge.agent.drivers.opcua.node_ids import NodeIdError, parse_node
from relay_bridge.agent.drivers.opcua.problems import SourceLost, status_words, words
from relay_bridge.contract.errors import RequestRefused

# Methods of the types: they may be called on every instance (OPC 10000-4, 5.12.2.2).
ACKNOWLEDGE: Final = ua.ObjectIds.AcknowledgeableConditionType_Acknowledge
CONFIRM: Final = ua.ObjectIds.AcknowledgeableConditionType_Confirm
TIMED_SHELVE: Final = ua.ObjectIds.ShelvedStateMachineType_TimedShelve
UNSHELVE: Final = ua.ObjectIds.ShelvedStateMachineType_Unshelve
REFUSALS: Final[dict[int, tuple[AckFailure, str]]] = {
    ua.StatusCodes.BadEventIdUnknown: ("stale", "The alarm has changed since it was seen."),
    ua.StatusCodes.BadConditionBranchAlreadyAcked: ("already", "It is acknowledged already."),
    ua.StatusCodes.BadConditionBranchAlreadyConfirmed: ("already", "It is confirmed already."),
    ua.StatusCodes.BadConditionAlreadyShelved: ("already", "It is shelved already."),
    ua.StatusCodes.BadConditionNotShelved: ("already", "It is not shelved."),
    ua.StatusCodes.BadUserAccessDenied: ("denied", "The process server does not let this agent's user do that."),
    ua.StatusCodes.BadNodeIdInvalid: ("gone", "The process server does not know this alarm any more."),
    ua.StatusCodes.BadNodeIdUnknown: ("gone", "The process server does not know this alarm any more."),
}
_WORDS: Final[dict[int, str]] = {
    ua.StatusCodes.BadMethodInvalid: "The process server does not offer that for this alarm.",
    ua.StatusCodes.BadNotSupported: "The process server does not offer that for this alarm.",
    ua.StatusCodes.BadNotImplemented: "The process server does not offer that for this alarm.",
    ua.StatusCodes.BadConditionDisabled: "The alarm is disabled at the process server.",
    ua.StatusCodes.BadShelvingTimeOutOfRange: "The process server does not shelve for so long.",
}
# With these a server does not know itself what became of the call.
_OPEN: Final = frozenset(
    {
        ua.StatusCodes.BadUnexpectedError,
        ua.StatusCodes.BadInternalError,
        ua.StatusCodes.BadCommunicationError,
        ua.StatusCodes.BadUnknownResponse,
        ua.StatusCodes.BadTimeout,
        ua.StatusCodes.BadRequestTimeout,
        ua.StatusCodes.BadConnectionClosed,
        ua.StatusCodes.BadSecureChannelClosed,
    }
)
_TRANSLATE_SHARE = 0.4  # of the deadline for finding where shelving is done


async def acknowledge(
    connection: Connection, ref: AlarmRef, event: bytes, comment: str, *, confirm: bool, deadline: float
) -> None:
    """Acknowledge (or confirm) exactly this occurrence. ``AckRefused``, ``OutcomeUnknown``, ``RequestRefused``."""
    arguments = [ua.Variant(event, ua.VariantType.ByteString), ua.Variant(ua.LocalizedText(comment))]
    method = ua.NodeId(CONFIRM if confirm else ACKNOWLEDGE)
    await _call(connection, condition_node(connection, ref), method, arguments, deadline)


async def shelve(connection: Connection, ref: AlarmRef, milliseconds: int, deadline: float) -> None:
    """Shelve for that long, or bring back with 0; errors as above. The standard's methods take no comment."""
    condition = condition_node(connection, ref)
    name, method = ("TimedShelve", TIMED_SHELVE) if milliseconds else ("Unshelve", UNSHELVE)
    place, own = await _shelving(connection, condition, name, deadline * _TRANSLATE_SHARE)
    arguments = [ua.Variant(float(milliseconds), ua.VariantType.Double)] if milliseconds else []
    left = deadline * (1 - _TRANSLATE_SHARE)
    await _call(connection, place or condition, own or ua.NodeId(method), arguments, left)


def condition_node(connection: Connection, ref: AlarmRef) -> Any:
    """The condition at this server as it numbers its namespaces now; ``AckRefused`` when it has it no more."""
    try:
        node = parse_node(ref.condition).resolve(connection.namespaces)
    except NodeIdError:
        node = None
    if node is None:
        raise AckRefused("gone", REFUSALS[ua.StatusCodes.BadNodeIdUnknown][1], ua.StatusCodes.BadNodeIdUnknown)
    return node


async def _shelving(connection: Connection, condition: Any, method: str, deadline: float) -> tuple[Any, Any]:
    """The condition's ShelvingState and its own method, each None where the server shows none (OPC 10000-9, 5.8.17).

    By the standard the methods of the type do, and the condition stands for its ShelvingState; not every server knows.
    """
    paths = [_path(condition, ["ShelvingState"]), _path(condition, ["ShelvingState", method])]
    try:
        work = connection.session.translate_browsepaths_to_nodeids(paths)
        results = await connection.call("shelving an alarm", work, deadline)
    except SourceLost as lost:  # nothing was asked of the alarm yet
        raise RequestRefused("source_down", f"The alarm was not shelved: {lost.reason}.") from lost
    except ua.UaError:
        return None, None
    found = [target_of(result) for result in results[:2]]
    return (found[0], found[1]) if len(found) == 2 else (None, None)


def _path(start: Any, names: Sequence[str]) -> Any:
    path = ua.BrowsePath()
    path.StartingNode = start
    path.RelativePath.Elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences),
            IsInverse=False,
            IncludeSubtypes=True,
            TargetName=ua.QualifiedName(name, 0),
        )
        for name in names
    ]
    return path


async def _call(connection: Connection, node: Any, method: Any, arguments: Sequence[Any], deadline: float) -> None:
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = node, method
    request.InputArguments = list(arguments)
    try:
        results = await connection.call("asking for it", connection.session.call([request]), deadline)
    except SourceLost as lost:
        raise OutcomeUnknown(lost.reason) from lost
    except ua.UaStatusCodeError as error:
        raise refusal(error.code) from error
    except ua.UaError as error:  # an answer that cannot be understood
        raise OutcomeUnknown(words(error, "asking for it")) from error
    if len(results) != 1:
        raise OutcomeUnknown("the process server gave no result")
    status = results[0].StatusCode
    if not status.is_good():
        raise refusal(int(status.value))


def refusal(status: int) -> AckRefused | RequestRefused | OutcomeUnknown:
    """What a StatusCode means for whoever asked."""
    code = status & 0xFFFF0000
    if code in _OPEN:
        return OutcomeUnknown(status_words(status))
    if code in REFUSALS:
        word, message = REFUSALS[code]
        return AckRefused(word, message, status)
    message = _WORDS.get(code) or f"Not done: {status_words(status)}."
    return RequestRefused("source_refused", message, status=status)
