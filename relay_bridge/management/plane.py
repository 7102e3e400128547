"""``RelayManagement``: the hybrid connections of one namespace. The same code for Azure and for the emulator."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import random as random_module
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from relay_bridge.management.errors import AlreadyExists, ManagementError, NotFound, Refused
from relay_bridge.management.keys import ConduitKeys, RuleKeys, Which

if TYPE_CHECKING:
    from relay_bridge.management.arm_client import ArmClient

logger = logging.getLogger(__name__)

LISTEN_RULE: Final = "listen"
SEND_RULE: Final = "send"
_RIGHTS: Final = {LISTEN_RULE: "Listen", SEND_RULE: "Send"}  # one right each; Manage is given to nobody
# A hybrid connection's name as part of an address of ARM: there a slash would end it.
_PATH = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,258}[A-Za-z0-9])?\Z", re.ASCII)


@dataclass(frozen=True)
class ConduitState:
    """A hybrid connection as the management plane sees it."""

    path: str
    listeners: int  # control channels that are open now; the service lags by a minute or so
    requires_client_authorization: bool
    created: dt.datetime | None = None


class RelayManagement:
    """Made by ``for_azure`` or ``for_emulator``; a context manager that closes its connections.

    Calls block: from a coroutine they belong into a thread. Each has a deadline (``calls.DEADLINE``) and raises
    ``ManagementError``.
    """

    def __init__(self, client: ArmClient) -> None:
        self._client = client

    @classmethod
    def for_azure(
        cls, subscription_id: str, resource_group: str, namespace: str, credential: Any = None, **timing: Any
    ) -> Self:
        """A namespace in Azure. ``credential``: of azure-identity; by default whatever identity this machine has."""
        from relay_bridge.management.arm_client import ArmClient, azure_client  # noqa: PLC0415 - a slow import

        client = azure_client(subscription_id, credential)
        return cls(ArmClient(client, resource_group, namespace, "Azure", Timing(**timing)))

    @classmethod
    def for_emulator(cls, url: str, token: str, namespace: str = "local", **timing: Any) -> Self:
        """The emulator's management port at ``url``: ``https``, or ``http`` on loopback. ``ManagementError`` if not."""
        from relay_bridge.management.arm_client import ArmClient, emulator_client  # noqa: PLC0415 - a slow import

        return cls(ArmClient(emulator_client(url, token), "local", namespace, url, Timing(**timing)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    # --- looking ----------------------------------------------------------------------------------------------------

    def check_namespace(self) -> None:
        """``NotFound``, ``NotAllowed`` or ``Unreachable`` when nothing could be done here."""
        self._client.get_namespace()

    def list_conduits(self) -> list[ConduitState]:
        return self._client.list_hybrid_connections()

    def find_conduit(self, path: str) -> ConduitState | None:
        try:
            return self._client.get_hybrid_connection(_check(path))
        except NotFound:
            self.check_namespace()  # a missing namespace must not look like a missing hybrid connection
            return None

    def get_conduit(self, path: str) -> ConduitState:
        found = self.find_conduit(path)
        if found is None:
            raise NotFound(f"The relay has no hybrid connection {path!r}.", status=404)
        return found

    def listener_count(self, path: str) -> int:
        """How many listeners wait at ``path`` now."""
        return self.get_conduit(path).listeners

    def get_rules(self, path: str) -> dict[str, frozenset[str]]:
        """The rules of ``path`` alone, each with its rights; rules of the namespace hold besides."""
        return self._client.list_rules(_check(path))

    def get_rule_keys(self, path: str, rule: str) -> RuleKeys:
        return self._client.list_keys(_check(path), rule)

    def get_keys(self, path: str) -> ConduitKeys:
        """The keys of both rules."""
        return ConduitKeys(path, self.get_rule_keys(path, LISTEN_RULE), self.get_rule_keys(path, SEND_RULE))

    # --- changing ---------------------------------------------------------------------------------------------------

    def create_conduit(self, path: str, *, must_be_new: bool = False) -> ConduitKeys:
        """The hybrid connection ``path`` with a rule that may only listen and one that may only send.

        What is there already stays as it is, and keeps its keys (``created`` tells); with ``must_be_new`` it is
        ``AlreadyExists``. On failure everything that this call made is removed again.
        """
        with _undoing(path) as undo:
            found = self.find_conduit(path)
            if found is not None and must_be_new:
                raise AlreadyExists(f"The relay already has a hybrid connection {path!r}.")
            if found is not None and not found.requires_client_authorization:
                raise Refused(f"The hybrid connection {path!r} lets anybody connect; delete it and make it anew.")
            if found is None:
                # Before the call: one that was cut off on the way back has made it all the same.
                undo.callback(self._client.delete_hybrid_connection, path)
                self._client.put_hybrid_connection(path)
            have = {} if found is None else self.get_rules(path)
            for rule, right in _RIGHTS.items():
                self._ensure_rule(path, rule, right, have.get(rule), undo if found is not None else None)
            keys = self.get_keys(path)
            undo.pop_all()
        if found is None:
            logger.info("Hybrid connection %s was made, with the rules %s.", path, ", ".join(_RIGHTS))
        return ConduitKeys(path, keys.listen, keys.send, created=found is None)

    def regenerate(self, path: str, rule: str, which: Which) -> RuleKeys:
        """A new key in the place of one of the two; the one that was there opens nothing new from now on."""
        keys = self._client.regenerate_key(_check(path), rule, which)
        logger.info("The %s key of rule %s of hybrid connection %s is a new one.", which, rule, path)
        return keys

    def delete_conduit(self, path: str) -> bool:
        """Delete ``path``: the relay closes every socket of it. False when it was not there."""
        if self.find_conduit(path) is None:
            return False
        self._client.delete_hybrid_connection(path)
        logger.info("Hybrid connection %s was deleted.", path)
        return True

    def _ensure_rule(
        self, path: str, rule: str, right: str, has: frozenset[str] | None, undo: contextlib.ExitStack | None
    ) -> None:
        if has == frozenset({right}):
            return
        if has is not None:
            raise Refused(
                f"The rule {rule!r} of hybrid connection {path!r} has the rights {', '.join(sorted(has))}; "
                f"it must have {right} alone. Delete that rule, or the hybrid connection, first."
            )
        if undo is not None:  # of a new hybrid connection the rules go along with it
            undo.callback(self._client.delete_rule, path, rule)
        self._client.put_rule(path, rule, right)


@dataclass(frozen=True)
class Timing:
    """Where time and chance come from; tests hand in their own."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random_module.random


@contextlib.contextmanager
def _undoing(path: str) -> Any:
    """Callbacks that run when the block fails; one that fails too is said in the error that is raised."""
    undo = contextlib.ExitStack()
    try:
        yield undo
    except BaseException as error:
        try:
            undo.close()
        except ManagementError as left:
            raise Refused(
                f"{error} Besides, what was made of hybrid connection {path!r} could not be removed: {left} "
                "Delete it before you try again."
            ) from error
        raise


def _check(path: str) -> str:
    if not _PATH.match(path):
        raise Refused(
            f"{path[:80]!r} cannot be a hybrid connection's name here: 1 to 260 letters, digits, dots, hyphens and "
            "underscores, a letter or digit first and last."
        )
    return path
