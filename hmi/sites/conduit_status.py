"""How a conduit is, from both sides: what the relay says of it, and what the web app knows of its keys."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from hmi.sites.conduit_info import read_send_key
from hmi.sites.errors import SiteUnreachable
from hmi.sites.models import Conduit
from hmi.sites.relay_management import check_same_relay
from relay_bridge.management import LISTEN_RULE, SEND_RULE, RelayManagement

OLD_KEY = dt.timedelta(days=180)  # a key older than this is pointed out
LONG_ROTATION = dt.timedelta(days=7)  # so is a rotation that nobody finishes
_RIGHTS = {LISTEN_RULE: {"Listen"}, SEND_RULE: {"Send"}}


@dataclass(frozen=True)
class ConduitStatus:
    """``listeners`` is None for a conduit that the relay does not have. ``warnings`` are sentences."""

    listeners: int | None
    rules: dict[str, frozenset[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def look_at(management: RelayManagement, conduit: Conduit, now: dt.datetime) -> ConduitStatus:
    """Ask the relay about one conduit. Raises ``ManagementError``."""
    path = conduit.entity_path
    found = management.find_conduit(path)
    if found is None:
        gone = () if not conduit.agent_pin else ("The relay has no such hybrid connection: nobody can be reached.",)
        return ConduitStatus(None, warnings=gone)
    rules = management.get_rules(path)
    warnings = []
    if SEND_RULE in rules:
        keys = management.get_rule_keys(path, SEND_RULE)
        check_same_relay(conduit, keys.primary)
        try:
            if keys.which_is(read_send_key(conduit)) is None:
                warnings.append("The Send key on this machine opens nothing: somebody changed it at the relay.")
        except SiteUnreachable as error:
            warnings.append(f"The Send key cannot be used: {error.reason}.")
    if not found.requires_client_authorization:
        warnings.append("It lets anybody connect without a key.")
    for rule, rights in _RIGHTS.items():
        if rules.get(rule) != rights:
            has = ", ".join(sorted(rules[rule])) if rule in rules else "not there"
            warnings.append(f"The rule {rule!r} should have {', '.join(rights)} alone; it is: {has}.")
    warnings += [f"There is a rule that nobody here made: {rule!r}." for rule in sorted(rules.keys() - _RIGHTS.keys())]
    if not found.listeners:
        warnings.append("Nobody listens.")
    elif found.listeners > 1:
        warnings.append(f"{found.listeners} listeners share it: one agent makes one. Somebody may have its Listen key.")
    return ConduitStatus(found.listeners, rules, (*warnings, *_old_keys(conduit, now)))


def key_ages(conduit: Conduit, now: dt.datetime) -> dict[str, int]:
    """Days since the Send and the Listen key were last made new."""
    return {"Send": (now - conduit.send_key_changed).days, "Listen": (now - conduit.listen_key_changed).days}


def _old_keys(conduit: Conduit, now: dt.datetime) -> list[str]:
    found = [
        f"The {name} key is {days} days old." for name, days in key_ages(conduit, now).items() if days > OLD_KEY.days
    ]
    if conduit.listen_rotation is not None and now - conduit.listen_rotation > LONG_ROTATION:
        found.append(f"A new Listen key waits since {conduit.listen_rotation:%Y-%m-%d}: finish its rotation.")
    return found
