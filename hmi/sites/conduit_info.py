"""Everything needed to open a session to one site, read once from rows and files, and then plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError

from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Conduit
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

MAX_KEY_FILE = 1024  # bytes


@dataclass(frozen=True)
class ConduitInfo:
    """``connection`` holds the Send key (its ``repr`` hides it); ``agent_pin`` is PEM text; the paths are our own."""

    site_id: UUID
    slug: str
    name: str
    connection: ConnectionString
    agent_pin: str = field(repr=False)
    own_cert: Path
    own_key: Path
    audience: str
    stamp: str  # changes with everything that an open session rests on; the Send key only opens new ones


def get_conduit_info(site_id: UUID) -> ConduitInfo:
    """The conduit of an enabled site; ``SiteUnreachable`` when it has none, was cut off, or its key cannot be read."""
    conduit = Conduit.objects.select_related("site").filter(site_id=site_id, site__enabled=True).first()
    if conduit is None:
        raise SiteUnreachable("This site", "it is switched off, or was never set up", 0.0)
    site = conduit.site
    if not conduit.agent_pin:
        raise SiteUnreachable(site.name, "it was cut off, or was never set up", 0.0)
    return ConduitInfo(
        site_id=site.id,
        slug=site.slug,
        name=site.name,
        connection=_connection(conduit),
        agent_pin=conduit.agent_pin,
        own_cert=settings.SIGHTLINE.web_app_cert,
        own_key=settings.SIGHTLINE.web_app_key,
        audience=site.audience,
        stamp=_stamp(conduit),
    )


def conduit_stamps(site_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The present ``stamp`` of each of these sites that is switched on; one query however many there are."""
    conduits = Conduit.objects.select_related("site").filter(site_id__in=list(site_ids), site__enabled=True)
    return {conduit.site_id: _stamp(conduit) for conduit in conduits}


aget_conduit_info = database_sync_to_async(get_conduit_info)
aconduit_stamps = database_sync_to_async(conduit_stamps)


def _stamp(conduit: Conduit) -> str:
    facts = (
        conduit.endpoint, conduit.entity_path, conduit.use_emulator, conduit.send_key_name, conduit.send_key_ref,
        conduit.agent_pin, conduit.keys_changed.isoformat(),
    )  # fmt: skip
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _connection(conduit: Conduit) -> ConnectionString:
    # A rule that manages the namespace reaches every site: this process must never hold its key (threat T27).
    if "manage" in conduit.send_key_name.lower():
        raise SiteUnreachable(
            conduit.site.name,
            "its key to the relay may do too much; an administrator must make one that only sends",
            0.0,
        )
    text = f"Endpoint={conduit.endpoint};EntityPath={conduit.entity_path};" + (
        f"SharedAccessKeyName={conduit.send_key_name};SharedAccessKey={read_send_key(conduit)}"
    )
    if conduit.use_emulator:
        text += ";UseDevelopmentEmulator=true"
    try:
        return parse_connection_string(text)
    except ConnectionStringError as error:
        raise SiteUnreachable(conduit.site.name, f"its conduit is wrong: {error}", 0.0) from error


def read_send_key(conduit: Conduit) -> str:
    """The key in the conduit's file; ``SiteUnreachable`` when it cannot be read."""
    try:
        with conduit.send_key_path.open("rb") as file:
            key = file.read(MAX_KEY_FILE + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise SiteUnreachable(
            conduit.site.name, f"its Send key cannot be read from {conduit.send_key_ref}", 0.0
        ) from error
    if not key or len(key) > MAX_KEY_FILE:
        raise SiteUnreachable(conduit.site.name, f"{conduit.send_key_ref} holds no Send key", 0.0)
    return key
