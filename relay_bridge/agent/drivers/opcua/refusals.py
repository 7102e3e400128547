"""What a request to the source can end with, as the process API says it: source_down, source_refused, unsupported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asyncua import ua

from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.node_ids import NodeAddress
from relay_bridge.agent.drivers.opcua.problems import SourceLost, status_words, words
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN

# About a node these mean something else than about a session.
_DENIED = {
    "BadUserAccessDenied": "the process server does not allow it to the user that the agent signs in as",
    "BadNotWritable": "the process server lets nobody write it",
    "BadNotReadable": "the process server lets nobody read it",
    "BadOutOfRange": "the process server takes no such value",
    "BadTypeMismatch": "the process server takes another kind of value",
    "BadNodeIdUnknown": "the process server has no such node",
    "BadMethodInvalid": "the process server has no such method",
}


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """Turns what the library and the network raise while ``doing`` into ``RequestRefused``."""
    try:
        yield
    except SourceLost as lost:
        raise RequestRefused("source_down", f"The source did not serve {doing}: {lost.reason}.") from lost
    except ua.UaStatusCodeError as error:
        raise refused(doing, error.code) from error
    except (ua.UaError, ValueError, TypeError) as error:  # an answer that cannot be understood
        raise RequestRefused("source_refused", f"The source did not serve {doing}: {words(error, doing)}.") from error


def refused(doing: str, status: int) -> RequestRefused:
    """The server said no with this StatusCode."""
    name = ua.StatusCode(status).name
    why = f"{_DENIED[name]} ({name})" if name in _DENIED else status_words(status)
    return RequestRefused("source_refused", f"The source refused {doing}: {why}.", status=status)


def node_of(connection: Connection, address: NodeAddress, doing: str) -> Any:
    """The node at this server, or the refusal that it has none."""
    node = address.resolve(connection.namespaces)
    if node is None:
        raise refused(doing, BAD_NODE_ID_UNKNOWN)
    return node
