"""The two keys of an authorization rule, as connection strings; ``repr`` shows none of them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

from relay_bridge.protocol.connection_string import ConnectionString

Which = Literal["primary", "secondary"]


@dataclass(frozen=True)
class RuleKeys:
    """Both keys of one rule. Either opens the relay; having two lets one be changed while the other works."""

    rule: str
    primary: ConnectionString
    secondary: ConnectionString

    def get(self, which: Which) -> ConnectionString:
        return self.primary if which == "primary" else self.secondary

    def which_is(self, key: str) -> Which | None:
        """Whether ``key`` is the primary or the secondary one; None when it is neither (any more)."""
        for which in ("primary", "secondary"):
            if hmac.compare_digest((self.get(which).key or "").encode(), key.encode()):
                return which
        return None


@dataclass(frozen=True)
class ConduitKeys:
    """What a hybrid connection hands out: ``listen`` for the agent alone, ``send`` for the web app alone."""

    path: str
    listen: RuleKeys
    send: RuleKeys
    created: bool = False  # by this very call


def other(which: Which) -> Which:
    return "secondary" if which == "primary" else "primary"
