"""What is checked of a ``[[source]]`` when the file is read: address, security, files, and its secret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from relay_bridge.agent.config_file import AnySource, MemorySource, OpcUaSource
from relay_bridge.agent.config_rest import DeltaVEdgeSource, RestSource, secret_reference
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.secret_files import check_private_mode, read_secret
from relay_bridge.agent.tags import TagConfig


def absolute_source(source: AnySource, base: Path) -> AnySource:
    if isinstance(source, MemorySource):
        return source
    if isinstance(source, RestSource | DeltaVEdgeSource):
        return msgspec.structs.replace(
            source, server_cert=_absolute(source.server_cert, base), ca_cert=_absolute(source.ca_cert, base)
        )
    return msgspec.structs.replace(
        source,
        server_cert=_absolute(source.server_cert, base),
        client_cert=_absolute(source.client_cert, base),
        client_key=_absolute(source.client_key, base),
    )


def _absolute(path: str | None, base: Path) -> str | None:
    return None if path is None else str(base / path)


def check_source(source: AnySource, tags: Sequence[TagConfig]) -> None:
    where = f'[[source]] "{source.id}"'
    if isinstance(source, MemorySource):
        own = {tag.id for tag in tags if tag.source == source.id}
        stray = sorted(set(source.values) - own)
        if stray:
            raise ConfigError(f'{where}: values speaks of "{stray[0]}", which is no tag of this source.')
        return
    _check_url(where, source.url)
    if isinstance(source, RestSource | DeltaVEdgeSource):
        _check_files(where, source, ("server_cert", "ca_cert"))
    else:
        _check_security(where, source)


def _check_url(where: str, url: str) -> None:
    """The address as the connection will read it: what it would trip over for ever is said now."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{where}: url must name a host, and after the colon a port from 1 to 65535.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f'{where}: url may hold no user name or password: use the keys "user" and "password".')


def _check_security(where: str, source: OpcUaSource) -> None:
    if not source.allow_insecure:
        if source.security == "None":
            raise ConfigError(f'{where}: security = "None" needs allow_insecure = true beside it.')
        if source.server_cert is None:
            raise ConfigError(f'{where}: lacks the key "server_cert", the pinned certificate of the server.')
    if source.security != "None" and (source.client_cert is None or source.client_key is None):
        raise ConfigError(f'{where}: security = "{source.security}" needs client_cert and client_key.')
    if (source.user is None) != (source.password is None):
        raise ConfigError(f"{where}: user and password go together.")
    _check_files(where, source, ("server_cert", "client_cert"))
    if source.client_key is not None:
        check_private_mode(Path(source.client_key), where=f"{where}: client_key")


def _check_files(where: str, source: AnySource, keys: Sequence[str]) -> None:
    for key in keys:
        file = getattr(source, key)
        if file is not None and not Path(file).is_file():
            raise ConfigError(f"{where}: {key}: there is no file {file}.")


def read_passwords(sources: Sequence[AnySource], base: Path) -> dict[str, str]:
    references = {source.id: _secret_of(source) for source in sources}
    return {
        source: read_secret(reference, where=f'[[source]] "{source}": {key}', base=base)
        for source, (key, reference) in references.items()
        if reference is not None
    }


def _secret_of(source: AnySource) -> tuple[str, str | None]:
    """The key that refers to the source's secret, and the reference."""
    if isinstance(source, RestSource | DeltaVEdgeSource):
        return secret_reference(source)
    return "password", source.password if isinstance(source, OpcUaSource) else None
