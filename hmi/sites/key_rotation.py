"""New keys for a conduit while it is in use. Nobody's request fails, and afterwards the old key opens nothing.

    Send     by itself: the key not in use is made new, tried at the relay, put into its file; when everything that
             was begun with the old key is over, the old key is made new as well
    Listen   in two steps, because its holder is the agent: ``begin_listen_rotation`` writes the new connection string
             for the site; once the agent is seen online with it, ``finish_listen_rotation`` makes the old key new

An open session goes on through both: the relay looks at a key when a socket is opened, and the session inside rests
on the pinned certificates alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from hmi.sites.conduit_changes import record_change
from hmi.sites.conduit_info import read_send_key
from hmi.sites.errors import SiteUnreachable
from hmi.sites.key_proof import prove_send_key
from hmi.sites.models import Conduit
from hmi.sites.relay_management import changing_relay, check_same_relay
from hmi.sites.secret_files import write_private
from hmi.sites.site_session import OPEN_DEADLINE
from relay_bridge.management import (
    LISTEN_RULE,
    ManagementError,
    RotationError,
    prepare_key,
    retire_key,
    rotate,
)
from relay_bridge.management.keys import Which, other
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.fingerprint import fingerprint

SETTLE = OPEN_DEADLINE + 1.0  # seconds: an opening that was begun with the old key is over by then, well or badly
LISTEN_FILE = "relay-listen"


def rotate_send_key(
    conduit: Conduit,
    now: datetime,
    by: str = "",
    *,
    repair: bool = False,
    settle: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Both keys of the Send rule are new afterwards; answers the new one's fingerprint. Takes ``settle`` seconds.

    Interrupted at any point it may be done again: what the file holds is good at every moment. ``repair``: go on
    although the file's key opens nothing any more. Raises ``ManagementError``.
    """

    def hand_over(connection: ConnectionString) -> None:
        prove_send_key(connection, conduit.agent_pin)
        write_private(conduit.send_key_path, f"{connection.key}\n")
        conduit.send_key_changed = now
        conduit.save(update_fields=["send_key_changed"])
        sleep(SETTLE if settle is None else settle)

    if not conduit.agent_pin:
        raise RotationError(f"{conduit.site.name} was cut off; there is no key to rotate.")
    with changing_relay() as management:
        check_same_relay(conduit, management.get_rule_keys(conduit.entity_path, conduit.send_key_name).primary)
        used = _send_key(conduit, repair=repair)
        try:
            fresh = rotate(management, conduit.entity_path, conduit.send_key_name, used, hand_over, repair=repair)
        except ManagementError as error:
            if conduit.send_key_changed == now:
                what = "Send key replaced, but the one before is still good"
                record_change(conduit, what, by, now, tag="conduit:send-key:replaced")
                raise RotationError(
                    f"{error} The new key is in use, but the one before is still good: rotate again to end that."
                ) from error
            raise
    mark = fingerprint(fresh.key or "")
    record_change(conduit, f"Send key rotated, the new one is {mark}", by, now, tag="conduit:send-key:rotated")
    return mark


def begin_listen_rotation(conduit: Conduit, out: Path, now: datetime, by: str = "") -> tuple[Path, str]:
    """Write the connection string with the agent's new key into ``out``, mode 0600; answers the file and the key's
    fingerprint. Begun before and not finished, the same key is written again. Raises ``ManagementError``, ``OSError``.
    """
    path = conduit.entity_path
    fresh = other(_slot(conduit))
    with changing_relay() as management:
        keys = management.get_rule_keys(path, LISTEN_RULE)
        check_same_relay(conduit, keys.primary)
        connection = keys.get(fresh)
        if conduit.listen_rotation is None:
            connection = prepare_key(management, path, LISTEN_RULE, _slot(conduit))
            conduit.listen_rotation = now
            conduit.save(update_fields=["listen_rotation"])
            mark = fingerprint(connection.key or "")
            what = f"Listen key {mark} made for the agent; the one before is still good"
            record_change(conduit, what, by, now, tag="conduit:listen-key:made")
    file = out / LISTEN_FILE
    write_private(file, f"{connection.format()}\n")
    return file, fingerprint(connection.key or "")


def finish_listen_rotation(conduit: Conduit, now: datetime, by: str = "", *, force: bool = False) -> None:
    """Make the old Listen key new: an agent that has not taken the new one is refused from its next renewal on.

    Refused while nobody listens, unless ``force``. Raises ``ManagementError``.
    """
    if conduit.listen_rotation is None:
        raise RotationError(
            f"No rotation of the Listen key of {conduit.site.name} has begun; begin one with --out DIR."
        )
    path, fresh = conduit.entity_path, other(_slot(conduit))
    with changing_relay() as management:
        check_same_relay(conduit, management.get_rule_keys(path, LISTEN_RULE).primary)
        if not force and not management.listener_count(path):
            raise RotationError(
                f"Nobody listens at {path}, so the agent has not been seen with its new key. Bring it online first, "
                "or add --force if the old key must go now."
            )
        retire_key(management, path, LISTEN_RULE, fresh)
        conduit.listen_slot, conduit.listen_rotation, conduit.listen_key_changed = fresh, None, now
        conduit.save(update_fields=["listen_slot", "listen_rotation", "listen_key_changed"])
    what = "Listen key rotated, the one before opens nothing any more"
    record_change(conduit, what, by, now, tag="conduit:listen-key:rotated")


def _slot(conduit: Conduit) -> Which:
    return "secondary" if conduit.listen_slot == Conduit.Slot.SECONDARY else "primary"


def _send_key(conduit: Conduit, *, repair: bool) -> str:
    try:
        return read_send_key(conduit)
    except SiteUnreachable as error:
        if repair:
            return ""
        raise RotationError(f"{conduit.site.name}: {error.reason}; add --repair to give it a new one.") from error
