"""NodeIds as they are configured: by namespace URI, because indices may change at every restart of a server."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from asyncua import ua

_PATTERN = re.compile(r"(?:nsu=(?P<uri>[^;]+);|ns=(?P<index>\d{1,5});)?(?P<kind>[sigb])=(?P<identifier>.+)", re.DOTALL)


class NodeIdError(ValueError):
    """Text that names no node."""


@dataclass(frozen=True)
class NodeAddress:
    """A node, independent of a server's numbering as far as it was written so."""

    uri: str | None
    index: int
    identifier: str | int | uuid.UUID | bytes

    def resolve(self, namespaces: Sequence[str]) -> ua.NodeId | None:
        """The NodeId at a server with this namespace table; ``None`` when the server lacks the namespace."""
        if self.uri is None:
            return ua.NodeId(self.identifier, self.index)
        try:
            return ua.NodeId(self.identifier, namespaces.index(self.uri))
        except ValueError:
            return None


def parse_node(text: str) -> NodeAddress:
    """``nsu=URI;s=TEXT`` and its kin (OPC 10000-6, 5.1.12); raises NodeIdError.

    The identifier is taken as it stands: it may hold ``;``, ``=``, quotes and any Unicode. In the URI ``%3B`` and
    ``%25`` stand for ``;`` and ``%``.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise NodeIdError(f'"{text[:80]}" names no node; say nsu=NAMESPACE-URI;s=IDENTIFIER')
    uri = unquote(match["uri"]) if match["uri"] else None
    index = int(match["index"] or 0)
    if index > 65535:
        raise NodeIdError(f'"{text[:80]}": a namespace index is at most 65535')
    return NodeAddress(uri, index, _identifier(match["kind"], match["identifier"], text))


def format_node(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """How a node of a server with this namespace table is written in a configuration; ``parse_node`` reads it.

    A namespace that the table lacks is written by its number.
    """
    identifier = node.Identifier
    if isinstance(identifier, bytes):
        kind, text = "b", base64.b64encode(identifier).decode()
    elif isinstance(identifier, int):
        kind, text = "i", str(identifier)
    else:
        kind, text = ("g" if isinstance(identifier, uuid.UUID) else "s"), str(identifier)
    index = int(node.NamespaceIndex)
    if index == 0:
        return f"{kind}={text}"
    if index >= len(namespaces) or not namespaces[index]:
        return f"ns={index};{kind}={text}"
    uri = namespaces[index].replace("%", "%25").replace(";", "%3B")
    return f"nsu={uri};{kind}={text}"


def _identifier(kind: str, identifier: str, text: str) -> str | int | uuid.UUID | bytes:
    try:
        if kind == "i":
            return _numeric(identifier)
        if kind == "g":
            return uuid.UUID(identifier)
        if kind == "b":
            return base64.b64decode(identifier, validate=True)
    except (ValueError, binascii.Error) as error:
        raise NodeIdError(f'"{text[:80]}": the identifier does not fit its kind "{kind}="') from error
    return identifier


def _numeric(identifier: str) -> int:
    if not (identifier.isascii() and identifier.isdecimal()):
        raise ValueError("digits only")
    number = int(identifier)
    if number >= 2**32:
        raise ValueError("at most 4294967295")
    return number
