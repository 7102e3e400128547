"""Connection strings: one line that says which hybrid connection, and with which key.

    Endpoint=sb://HOST[:PORT]/;EntityPath=PATH;SharedAccessKeyName=NAME;SharedAccessKey=KEY[;UseDevelopmentEmulator=true]
    Endpoint=sb://HOST[:PORT]/;EntityPath=PATH;Authentication=Managed Identity

Keys are compared without regard to case; values may hold ``=``. With ``UseDevelopmentEmulator=true`` the address is
``ws://`` and the port 80 unless given (a relay on the same machine); otherwise ``wss://`` and 443.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from relay_bridge.protocol.addresses import authority, check_entity_path, default_port, resource_uri
from relay_bridge.protocol.errors import AddressError, ConnectionStringError
from relay_bridge.protocol.limits import MAX_CONNECTION_STRING, MAX_KEY, MAX_KEY_NAME

_NAMES = {
    name.lower(): name
    for name in (
        "Endpoint", "EntityPath", "SharedAccessKeyName", "SharedAccessKey", "SharedAccessSignature",
        "OperationTimeout", "Authentication", "UseDevelopmentEmulator",
    )
}  # fmt: skip
_TIMEOUT = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)(?:\.\d{1,7})?\Z", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\Z")


@dataclass(frozen=True)
class ConnectionString:
    """A connection string, read and checked. ``repr`` shows neither key nor signature."""

    host: str
    port: int
    entity_path: str | None = None
    key_name: str | None = None
    key: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)  # a ready-made token, which cannot be renewed
    use_tls: bool = True
    operation_timeout: float | None = None  # seconds
    managed_identity: bool = False  # tokens come from Microsoft Entra ID, not from a key in here

    @property
    def resource_uri(self) -> str:
        """What a token for this hybrid connection (or, without a path, this namespace) is signed for."""
        return resource_uri(self.host, self.entity_path or "")

    def format(self) -> str:
        """The text again, with the secret in it: for files of mode 0600, never for a log."""
        endpoint = authority(self.host, self.port, self.use_tls)
        parts = [f"Endpoint=sb://{endpoint}/"]
        if self.entity_path is not None:
            parts.append(f"EntityPath={self.entity_path}")
        if self.key_name is not None:
            parts += [f"SharedAccessKeyName={self.key_name}", f"SharedAccessKey={self.key}"]
        if self.signature is not None:
            parts.append(f"SharedAccessSignature={self.signature}")
        if self.managed_identity:
            parts.append("Authentication=Managed Identity")
        if self.operation_timeout is not None:
            minutes, seconds = divmod(round(self.operation_timeout), 60)
            parts.append(f"OperationTimeout={minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}")
        if not self.use_tls:
            parts.append("UseDevelopmentEmulator=true")
        return ";".join(parts)


def parse_connection_string(text: str) -> ConnectionString:
    """Read a connection string; ``ConnectionStringError`` names the part that is wrong, never its secret."""
    values = _split(text)
    use_tls = not _boolean(values.get("UseDevelopmentEmulator", "false"))
    host, port = _endpoint(values.get("Endpoint"), use_tls)
    key_name, key = values.get("SharedAccessKeyName"), values.get("SharedAccessKey")
    signature = values.get("SharedAccessSignature")
    if (key_name is None) != (key is None):
        missing = "SharedAccessKey" if key is None else "SharedAccessKeyName"
        raise ConnectionStringError(f"the connection string lacks {missing}: key name and key go together")
    if signature is not None and key is not None:
        raise ConnectionStringError("the connection string holds both a SharedAccessKey and a SharedAccessSignature")
    managed_identity = _managed_identity(values.get("Authentication"))
    if managed_identity and (key is not None or signature is not None):
        raise ConnectionStringError("the connection string holds a secret beside Authentication=Managed Identity")
    if len(key_name or "") > MAX_KEY_NAME or len(key or "") > MAX_KEY:
        raise ConnectionStringError(f"SharedAccessKeyName and SharedAccessKey are at most {MAX_KEY} characters each")
    return ConnectionString(
        host=host,
        port=port,
        entity_path=_entity_path(values.get("EntityPath")),
        key_name=key_name,
        key=key,
        signature=signature,
        use_tls=use_tls,
        operation_timeout=_timeout(values.get("OperationTimeout")),
        managed_identity=managed_identity,
    )


def _split(text: str) -> dict[str, str]:
    text = text.strip()
    if not text:
        raise ConnectionStringError("the connection string is empty")
    if len(text) > MAX_CONNECTION_STRING or not text.isprintable():
        raise ConnectionStringError(
            f"a connection string is one printable line of at most {MAX_CONNECTION_STRING} characters"
        )
    values: dict[str, str] = {}
    for number, piece in enumerate(text.split(";"), 1):
        if not piece.strip():
            continue  # a trailing semicolon is common
        name, equals, value = piece.partition("=")
        known = _NAMES.get(name.strip().lower())
        # What stands before a missing "=" may be half a key: it is named by its place, not repeated.
        if not equals:
            raise ConnectionStringError(f"part {number} of the connection string is not NAME=VALUE")
        if known is None:
            raise ConnectionStringError(
                f"part {number} of the connection string has an unknown name; known are {', '.join(_NAMES.values())}"
            )
        if known in values:
            raise ConnectionStringError(f"{known} stands twice in the connection string")
        if not value.strip():
            raise ConnectionStringError(f"{known} is empty in the connection string")
        values[known] = value.strip()
    return values


def _endpoint(value: str | None, use_tls: bool) -> tuple[str, int]:
    if value is None:
        raise ConnectionStringError("the connection string lacks Endpoint=sb://HOST/")
    try:
        split = urlsplit(value)
        host, port = split.hostname, split.port
    except ValueError:
        raise ConnectionStringError("the Endpoint has no usable host or port; it must read sb://HOST[:PORT]/") from None
    if split.scheme != "sb" or not host or not _HOST.match(host) or port == 0:
        raise ConnectionStringError("the Endpoint must read sb://HOST[:PORT]/")
    if split.path not in {"", "/"} or split.query or split.fragment or "@" in split.netloc:
        raise ConnectionStringError("the Endpoint names a host only; the hybrid connection goes into EntityPath")
    return host, port or default_port(use_tls)


def _entity_path(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return check_entity_path(value)
    except AddressError:
        # Not repeated, and without its cause: where a semicolon was forgotten, the key stands behind the path.
        raise ConnectionStringError(
            "EntityPath is no path of a hybrid connection: letters, digits, '.', '-', '_', segments joined by '/'"
        ) from None


def _managed_identity(value: str | None) -> bool:
    if value is None:
        return False
    # With or without the blank, in any case: people type it.
    if value.replace(" ", "").lower() != "managedidentity":
        raise ConnectionStringError("Authentication must be Managed Identity; for a key, leave it out")
    return True


def _boolean(value: str) -> bool:
    try:
        return _BOOLEANS[value.lower()]
    except KeyError:
        raise ConnectionStringError("UseDevelopmentEmulator must be true or false") from None


def _timeout(value: str | None) -> float | None:
    if value is None:
        return None
    match = _TIMEOUT.match(value)
    if not match:
        raise ConnectionStringError("OperationTimeout must read hh:mm:ss")
    hours, minutes, seconds = (int(part) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + seconds)
