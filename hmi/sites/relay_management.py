"""The relay's management plane as the settings name it, and one change at a time.

with changing_relay() as management:
    management.create_conduit("north")
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from hmi.bridge_settings import ManagementSettings
from hmi.sites.models import Conduit
from hmi.sites.secret_files import PRIVATE_FILE, make_private_dir
from relay_bridge.management import ManagementError, RelayManagement
from relay_bridge.protocol.addresses import authority
from relay_bridge.protocol.connection_string import ConnectionString

MAX_TOKEN_FILE = 16_384  # bytes
LOCK_FILE = ".relay-management.lock"


class NotSet(ManagementError):  # noqa: N818 - says what is the matter
    """No management plane is named in the settings, or its token cannot be read."""


class Busy(ManagementError):  # noqa: N818
    """Another provisioning, rotation or cut-off is under way."""

    retryable = True


class OtherRelay(ManagementError):  # noqa: N818
    """The settings name another relay than the one where a site's conduit is."""


@contextlib.contextmanager
def relay_management() -> Iterator[RelayManagement]:
    """For looking. ``ManagementError`` when the settings name none."""
    named = settings.SIGHTLINE.relay_management
    if named is None:
        raise NotSet(
            "The relay's management plane is not named: set SIGHTLINE_RELAY_MANAGEMENT (docs/conduits.md says how)."
        )
    with _connect(named) as management:
        yield management


@contextlib.contextmanager
def changing_relay() -> Iterator[RelayManagement]:
    """For changing: ``Busy`` while another process of this machine does.

    Two rotations of one key at once would each make void what the other has just handed out.
    """
    folder = settings.SIGHTLINE.secrets_dir
    make_private_dir(folder)
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("A site is being provisioned, rotated or cut off just now; try again in a minute.") from None
        with relay_management() as management:
            yield management
    finally:
        os.close(handle)


def endpoint_of(connection: ConnectionString) -> str:
    """``sb://HOST[:PORT]/`` as a conduit keeps it."""
    return f"sb://{authority(connection.host, connection.port, connection.use_tls)}/"


def check_same_relay(conduit: Conduit, connection: ConnectionString) -> None:
    """``OtherRelay`` unless ``connection`` is at the conduit's own relay.

    A namespace that was changed in the settings may have a hybrid connection of the same name, and another's at that.
    """
    if endpoint_of(connection).lower() != conduit.endpoint.lower():
        raise OtherRelay(
            f"{conduit.site.name} is reached through {conduit.endpoint}, but the management plane in the settings is "
            f"that of {endpoint_of(connection)}: name the right one in SIGHTLINE_RELAY_MANAGEMENT."
        )


def _connect(named: ManagementSettings) -> RelayManagement:
    if named.url:
        return RelayManagement.for_emulator(named.url, _token(named.token_file), named.namespace)
    return RelayManagement.for_azure(named.subscription_id, named.resource_group, named.namespace)


def _token(path: Path | None) -> str:
    if path is None:
        raise NotSet("SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE is not set: it names the file with the emulator's token.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOKEN_FILE + 1)
        token = data.decode("ascii").strip()
    except OSError as error:
        raise NotSet(f"SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE: cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise NotSet(f"SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE: {path} holds no token.") from None
    if not token or len(data) > MAX_TOKEN_FILE:
        raise NotSet(f"SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE: {path} holds no token.")
    return token
