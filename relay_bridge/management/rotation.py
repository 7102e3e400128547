"""Changing a rule's keys while they are in use: the key nobody uses is made new, handed over, proved; then the other.

    1. prepare_key      the key not in use is regenerated     the old one still opens everything
    2. (the caller)     the holder gets it and is seen to use it
    3. retire_key       the old one is regenerated            from here on it opens nothing

``rotate`` does all three where the holder is this process itself. What is open stays open throughout: the relay looks
at a key when a socket is opened and when a token is renewed.
"""

from __future__ import annotations

from collections.abc import Callable

from relay_bridge.management.errors import Refused
from relay_bridge.management.keys import RuleKeys, Which, other
from relay_bridge.management.plane import RelayManagement
from relay_bridge.protocol.connection_string import ConnectionString


class RotationError(Refused):
    """The keys are not as this step needs them; nothing was changed."""


def prepare_key(management: RelayManagement, path: str, rule: str, in_use: Which) -> ConnectionString:
    """A new key in the place that is not in use; its connection string, for the holder."""
    fresh = other(in_use)
    return management.regenerate(path, rule, fresh).get(fresh)


def retire_key(management: RelayManagement, path: str, rule: str, now_in_use: Which) -> RuleKeys:
    """Make the other key new, so that whoever holds the old one is refused. The holder must use the new one by now."""
    return management.regenerate(path, rule, other(now_in_use))


def rotate(
    management: RelayManagement,
    path: str,
    rule: str,
    key: str,
    hand_over: Callable[[ConnectionString], None],
    *,
    repair: bool = False,
) -> ConnectionString:
    """Both keys of ``rule`` are new afterwards, and ``hand_over`` has taken the returned one.

    ``key`` is the one in use now. ``hand_over(connection)`` must return only when everybody uses the new one; when it
    raises, the old key still works. ``RotationError`` when ``key`` is none of the rule's: then it was changed by
    somebody else, and a look is better than a guess; after the look, ``repair`` goes on all the same.
    """
    in_use = management.get_rule_keys(path, rule).which_is(key)
    if in_use is None and repair:
        in_use = "secondary"
    if in_use is None:
        raise RotationError(
            f"The key in use is none of the two of rule {rule!r} of hybrid connection {path!r}: "
            "somebody else has changed them at the relay. Find out who; then rotate with --repair."
        )
    connection = prepare_key(management, path, rule, in_use)
    hand_over(connection)
    retire_key(management, path, rule, other(in_use))
    return connection
