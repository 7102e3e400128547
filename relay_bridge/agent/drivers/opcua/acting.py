"""Writing a value and calling a method: one attempt each, in the exact type, and the truth about what became of it.

This module is imported only for a site that allows writes (``OpcUaSettings.acting``); without it the driver has no way
to change anything at its source.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.abilities import OutcomeUnknown, WriteFacts
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.data_types import ABSTRACT, builtin_types, type_name
from relay_bridge.agent.drivers.opcua.deadlines import bounded, within
from relay_bridge.agent.drivers.opcua.descriptions import property_path, range_of, target_of
from relay_bridge.agent.drivers.opcua.encoding import encode
from relay_bridge.agent.drivers.opcua.node_ids import NodeIdError, parse_node
from relay_bridge.agent.drivers.opcua.problems import status_words
from relay_bridge.agent.drivers.opcua.refusals import asking, node_of, refused
from relay_bridge.agent.drivers.opcua.source import OpcUaDriver
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Value, quality_class

logger = logging.getLogger(__name__)
MAX_ARGUMENTS = 20
PREPARE = 1.5  # seconds to ask for types; between the last look at time and switch and the write must be no more
_MAY_WRITE: Final = 0x02  # CurrentWrite in AccessLevelType (OPC 10000-3, 8.57)
# With these a server does not know itself whether the device behind it has acted.
_OPEN: Final = frozenset(
    {
        0x80010000,  # BadUnexpectedError
        0x80020000,  # BadInternalError
        0x80050000,  # BadCommunicationError
        0x80090000,  # BadUnknownResponse
        0x800A0000,  # BadTimeout
        0x80820000,  # BadTcpInternalError
        0x80840000,  # BadRequestInterrupted
        0x80850000,  # BadRequestTimeout
        0x80860000,  # BadSecureChannelClosed
        0x80AE0000,  # BadConnectionClosed
    }
)


class ActingOpcUaDriver(OpcUaDriver):
    """An ``OpcUaDriver`` that may also act (``ActingDriver``). Who may write what is decided long before, elsewhere."""

    capabilities = OpcUaDriver.capabilities | {"write", "methods"}

    async def write(self, tag: str, value: Value, deadline: float) -> None:
        """Write ``value`` once, within ``deadline`` seconds.

        RequestRefused when nothing was changed for certain (``type`` and ``range`` of the node's own data type,
        ``source_refused`` by the server, ``source_down`` before anything was sent); OutcomeUnknown when no answer
        came after it was sent, or one that leaves it open.
        """
        doing = "the write"
        end = time.monotonic() + deadline
        connection = self.live()
        with asking(doing):
            node = node_of(connection, self._tag(tag).address, doing)
            asking_type = _type_of(connection, node)
            builtin = await within(min(deadline, PREPARE), asking_type, "reading the type to write")
        variant = encode(value, builtin)
        request = ua.WriteParameters()
        request.NodesToWrite = [ua.WriteValue(NodeId=node, AttributeId=ua.AttributeIds.Value, Value=_bare(variant))]
        results = await _once(connection, doing, lambda: connection.session.write(request), end)
        _judge(doing, int(results[0].value))

    async def call(self, node: str, method: str, arguments: Sequence[Any], deadline: float) -> None:
        """Call ``method`` on the object ``node`` once, within ``deadline`` seconds; errors as of ``write``."""
        doing = "the command"
        end = time.monotonic() + deadline
        connection = self.live()
        with asking(doing):
            try:
                target, what = (node_of(connection, parse_node(text), doing) for text in (node, method))
            except NodeIdError:
                raise RequestRefused("bad_request", "The command names no node of the source.") from None
            typed = _arguments(connection, what, arguments)
            variants = await within(min(deadline, PREPARE), typed, "reading the arguments to give")
        request = ua.CallMethodRequest(ObjectId=target, MethodId=what, InputArguments=variants)
        results = await _once(connection, doing, lambda: connection.session.call([request]), end)
        _judge(doing, int(results[0].StatusCode.value))

    async def write_facts(self, tag: str, deadline: float) -> WriteFacts:
        """What the server says of writing this tag: the data type, the EURange, and this user's right."""
        doing = "the question what may be written"
        connection = self.live()
        with asking(doing):
            node = node_of(connection, self._tag(tag).address, doing)
            return await within(deadline, _facts(connection, node, doing), doing)


async def _once(connection: Connection, doing: str, send: Any, end: float) -> list[Any]:
    """The results of one request that is sent at most once. Before it is sent everything is a refusal."""
    rest = end - time.monotonic()
    if rest <= 0:
        raise RequestRefused("source_down", f"The source was too slow for {doing}; nothing was sent.")
    if not connection.is_open:
        raise RequestRefused("source_down", f"The connection to the source ended before {doing}; nothing was sent.")
    try:
        work: Awaitable[list[Any]] = send()
        results = await bounded(rest, work)
    except ua.UaStatusCodeError as error:
        _judge(doing, error.code)
        raise OutcomeUnknown(f"{doing}: {status_words(error.code)}") from error  # a fault that is no failure
    except TimeoutError as error:
        raise OutcomeUnknown(f"{doing} was sent; the process server did not answer in time") from error
    except Exception as error:
        # Whatever it is, it came after the request may have left: nothing else may be claimed.
        logger.debug("The answer to %s was lost.", doing, exc_info=True)
        raise OutcomeUnknown(f"{doing} was sent; its answer was lost") from error
    if len(results) != 1:
        raise OutcomeUnknown(f"{doing} was sent; the answer was not understood")
    return results


def _judge(doing: str, status: int) -> None:
    """Return for a good StatusCode; a bad one is a refusal, unless it leaves open what happened."""
    if status & 0xFFFF0000 in _OPEN or quality_class(status) == "uncertain":
        raise OutcomeUnknown(f"{doing} was sent; {status_words(status)}")
    if quality_class(status) == "bad":
        raise refused(doing, status)


def _bare(variant: Any) -> Any:
    """A value alone: servers that keep status and times themselves refuse a write that brings any (10000-4, 5.11.4).

    The library would send the status Good with every value.
    """
    return ua.DataValue(Value=variant, StatusCode=None, SourceTimestamp=None, ServerTimestamp=None)


# --- types -------------------------------------------------------------------------------------------------------


async def _type_of(connection: Connection, node: Any) -> int:
    """The built-in type that the node's value has; RequestRefused ``type`` for what cannot be written here."""
    wanted = (ua.AttributeIds.DataType, ua.AttributeIds.ValueRank, ua.AttributeIds.Value)
    data_type, rank, value = await _attributes(connection, [(node, attribute) for attribute in wanted])
    if not data_type.StatusCode.is_good():
        raise refused("the write", int(data_type.StatusCode.value))
    if isinstance(rank.Value.Value, int) and rank.Value.Value >= 0:
        raise RequestRefused("type", "The source holds a list there; only single values can be written.")
    asked = data_type.Value.Value
    builtin = (await builtin_types(connection, [asked], "reading a data type")).get(asked, 0)
    if builtin in ABSTRACT:  # "a number": the kind is that of the value which is there
        variant = value.Value
        builtin = 0 if variant is None or variant.Value is None else int(variant.VariantType.value)
    return builtin


async def _arguments(connection: Connection, method: Any, given: Sequence[Any]) -> list[Any]:
    """The arguments in the types that the method states (OPC 10000-3, 5.7)."""
    values = await _property_values(connection, [method], "InputArguments")
    stated = values[0] if isinstance(values[0], list) else []
    if len(stated) != len(given) or len(given) > MAX_ARGUMENTS:
        raise RequestRefused("type", f"The command takes {len(stated)} arguments, and {len(given)} are configured.")
    kinds = [argument.DataType for argument in stated]
    builtin = await builtin_types(connection, kinds, "reading a data type")
    return [encode(value, builtin.get(kind, 0)) for kind, value in zip(kinds, given, strict=True)]


async def _facts(connection: Connection, node: Any, doing: str) -> WriteFacts:
    wanted = (ua.AttributeIds.DataType, ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel)
    answers = await _attributes(connection, [(node, attribute) for attribute in wanted])
    if not answers[0].StatusCode.is_good():
        raise refused(doing, int(answers[0].StatusCode.value))
    asked = answers[0].Value.Value
    builtin = (await builtin_types(connection, [asked], doing)).get(asked)
    levels = [answer.Value.Value if answer.StatusCode.is_good() else None for answer in answers[1:]]
    stated = [level for level in levels if isinstance(level, int)]
    low, high = range_of((await _property_values(connection, [node], "EURange"))[0])
    return WriteFacts(
        data_type=None if builtin is None else type_name(builtin),
        low=low,
        high=high,
        # The Value attribute is ruled by the access levels; UserWriteMask is about the other attributes (5.6.2).
        may_write=all(level & _MAY_WRITE for level in stated) if stated else None,
    )


async def _attributes(connection: Connection, wanted: Sequence[tuple[Any, Any]]) -> list[Any]:
    async def read(chunk: list[tuple[Any, Any]]) -> list[Any]:
        parameters = ua.ReadParameters()
        parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=what) for node, what in chunk]
        answer: list[Any] = await connection.session.read(parameters)
        return answer

    return await connection.in_chunks("reading", wanted, connection.limits.read, read)


async def _property_values(connection: Connection, nodes: Sequence[Any], name: str) -> list[Any]:
    """The value of this property of each node, None where there is none."""

    async def translate(chunk: list[Any]) -> list[Any]:
        answer: list[Any] = await connection.session.translate_browsepaths_to_nodeids(chunk)
        return answer

    paths = [property_path(node, name) for node in nodes]
    found = await connection.in_chunks("reading", paths, connection.limits.translate, translate)
    targets = [target_of(result) for result in found]
    answers = iter(await _attributes(connection, [(t, ua.AttributeIds.Value) for t in targets if t is not None]))
    values = [next(answers) if target is not None else None for target in targets]
    return [None if data is None or not data.StatusCode.is_good() else data.Value.Value for data in values]
