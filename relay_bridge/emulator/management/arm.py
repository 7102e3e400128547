"""Paths, versions, errors and bodies as Azure Resource Manager writes them. A calculation: nothing here waits.

A call is a method and a path of one of the ``ROUTES`` given to a ``Router``; its words are matched without regard to
case, its names as they are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl, unquote

API_VERSIONS: Final = ("2026-01-01", "2021-11-01", "2017-04-01")
MAX_BODY: Final = 65_536  # bytes of a request; the largest one that is of use has a userMetadata of 1,024 characters
PAGE: Final = 100  # entries of a list before ``nextLink``
MAX_PATH: Final = 2_048  # characters

SUBSCRIPTION: Final = "/subscriptions/{subscription}"
PROVIDER: Final = "/providers/Microsoft.Relay"
GROUP: Final = SUBSCRIPTION + "/resourceGroups/{group}" + PROVIDER
NAMESPACE: Final = GROUP + "/namespaces/{namespace}"

T = TypeVar("T")


class ArmError(Exception):
    """Ends a call with ``status`` and the body ``{"error": {"code", "message"}}``. Never holds a key."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


@dataclass(frozen=True)
class Call:
    """One call: the names in its path, its body, and what is needed to write addresses back to the caller."""

    method: str
    path: str  # as written, without the query
    names: dict[str, str]
    query: dict[str, str] = field(default_factory=dict, repr=False)  # names in lower case
    content: bytes = field(default=b"", repr=False)
    base_url: str = ""

    def body(self) -> dict[str, Any]:
        """The body as an object. Raises ``ArmError`` 400."""
        return parse_body(self.content)


@dataclass(frozen=True)
class Answer:
    """Status and JSON content; None is an empty body."""

    content: Any = field(default=None, repr=False)
    status: int = 200


class Router(Generic[T]):
    """Which handler a method and a path belong to. A route is (method, pattern, handler)."""

    def __init__(self, routes: Sequence[tuple[str, str, T]]) -> None:
        self._routes = [(method, pattern.strip("/").split("/"), handler) for method, pattern, handler in routes]

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]]:
        """The handler and the names in ``path`` (still percent-encoded). Raises ``ArmError`` 404 or 405."""
        if len(path) > MAX_PATH:
            raise ArmError(414, "RequestUriTooLong", f"A path has at most {MAX_PATH} characters.")
        segments = [unquote(segment) for segment in path.strip("/").split("/")]
        methods = set()
        for allowed, pattern, handler in self._routes:
            names = _match(pattern, segments)
            if names is None:
                continue
            if allowed == method:
                return handler, names
            methods.add(allowed)
        if methods:
            allow = ", ".join(sorted(methods))
            raise ArmError(405, "MethodNotAllowed", f"Here only {allow} can be asked.", headers={"Allow": allow})
        raise ArmError(404, "InvalidResourceType", "The relay's management port has no such address.")


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    names = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith("{"):
            if not segment:
                return None
            names[wanted[1:-1]] = segment
        elif wanted.lower() != segment.lower():
            return None
    return names


def parse_query(text: str) -> dict[str, str]:
    """The parameters of a query, names in lower case; the first of several wins. Raises ``ArmError`` 400."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=32)
    except ValueError as error:
        raise ArmError(400, "InvalidQuery", "The query has more parameters than this port reads.") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), value)
    return found


def check_api_version(query: dict[str, str]) -> None:
    """Raises ``ArmError`` 400 when ``api-version`` is missing or is none that this port speaks."""
    supported = ", ".join(API_VERSIONS)
    version = query.get("api-version")
    if version is None:
        message = f"The api-version query parameter (?api-version=) is required; supported are {supported}."
        raise ArmError(400, "MissingApiVersionParameter", message)
    if version not in API_VERSIONS:
        raise ArmError(400, "InvalidApiVersionParameter", f"The api-version is unknown; supported are {supported}.")


def parse_body(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises ``ArmError`` 400; what was written is never repeated, it may be a key."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArmError(400, "InvalidRequestContent", "The request body is not JSON.") from error
    if not isinstance(body, dict):
        raise ArmError(400, "InvalidRequestContent", "The request body must be a JSON object.")
    return body


def value_of(table: dict[str, Any], name: str, kind: type, wanted: str, *, default: Any = None) -> Any:
    """A member of a body; ``default`` when it is missing or null. Raises ``ArmError`` 400."""
    value = table.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        raise ArmError(400, "InvalidRequestContent", f"{name} must be {wanted}.")
    return value


def properties_of(body: dict[str, Any]) -> dict[str, Any]:
    """The ``properties`` of a resource, empty when there are none. Raises ``ArmError`` 400."""
    found: dict[str, Any] = value_of(body, "properties", dict, "an object", default={})
    return found


def page(call: Call, items: Sequence[T], write: Callable[[T], dict[str, Any]]) -> Answer:
    """One page of a list, ``nextLink`` with the rest. Raises ``ArmError`` 400 for a link that is none of ours."""
    start = call.query.get("$skip", "0")
    if not (start.isascii() and start.isdigit() and len(start) < 9):
        raise ArmError(400, "InvalidQuery", "$skip must be a number.")
    first, end = int(start), int(start) + PAGE
    content: dict[str, Any] = {"value": [write(item) for item in items[first:end]]}
    if end < len(items):
        version = call.query.get("api-version", API_VERSIONS[0])
        content["nextLink"] = f"{call.base_url}{call.path}?api-version={version}&$skip={end}"
    return Answer(content)


def moment(unix: float) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error_body(error: ArmError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}
