"""Calls about authorization rules and their keys, of the namespace and of a hybrid connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, get_args

from relay_bridge.emulator.management.arm import NAMESPACE, Answer, ArmError, Call, page, properties_of, value_of
from relay_bridge.emulator.management.desk import Desk, Handler
from relay_bridge.emulator.management.entities import find_rule, new_key
from relay_bridge.emulator.management.hybrid_connections import CONNECTION, check_not_declared
from relay_bridge.emulator.management.resources import keys_out, names_of, path_of, rule_out
from relay_bridge.emulator.management.state import State
from relay_bridge.emulator.namespace import RIGHTS, Right, Rule
from relay_bridge.protocol.limits import MAX_KEY, MAX_KEY_NAME, MAX_RULES

_RULE_NAME: Final = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,{MAX_KEY_NAME - 2}}}[A-Za-z0-9])?\Z")
_BY_LOWER: Final[dict[str, Right]] = {right.lower(): right for right in get_args(Right)}

Change = Callable[[tuple[Rule, ...]], tuple[Rule, ...]]


async def list_rules(desk: Desk, call: Call) -> Answer:
    path = _path(desk, call)
    names, space = names_of(call, desk.namespace), desk.entities.namespace()
    return page(call, desk.entities.rules(path), lambda rule: rule_out(names, path, rule, space))


async def get(desk: Desk, call: Call) -> Answer:
    path = _path(desk, call)
    rule = desk.entities.rule(path, call.names["rule"])
    return Answer(rule_out(names_of(call, desk.namespace), path, rule, desk.entities.namespace()))


async def put(desk: Desk, call: Call) -> Answer:
    """Make one with new keys, or change the rights of one that exists; its keys stay."""
    path = _path(desk, call)
    name = call.names["rule"]
    rights = _rights(properties_of(call.body()))

    def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        rule = find_rule(rules, name)
        if rule is not None:
            return tuple(replace(each, rights=rights) if each is rule else each for each in rules)
        if not _RULE_NAME.match(name):
            message = f"A rule's name is 1 to {MAX_KEY_NAME} letters, digits, '.', '-' and '_'."
            raise ArmError(400, "BadRequest", message)
        if len(desk.entities.rules(path)) >= MAX_RULES:
            raise ArmError(409, "QuotaExceeded", f"At most {MAX_RULES} authorization rules are allowed here.")
        return (*rules, Rule(name, rights, new_key(), new_key()))

    await _change_rules(desk, path, name, change)
    return await get(desk, call)


async def delete(desk: Desk, call: Call) -> Answer:
    """204 when there is none. Its keys open nothing new from now on; open sockets stay."""
    path = _path(desk, call)
    name = call.names["rule"]
    existed = False

    def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        nonlocal existed
        rule = find_rule(rules, name)
        existed = rule is not None
        return tuple(each for each in rules if each is not rule)

    await _change_rules(desk, path, name, change)
    return Answer(status=200 if existed else 204)


async def list_keys(desk: Desk, call: Call) -> Answer:
    path = _path(desk, call)
    rule = desk.entities.rule(path, call.names["rule"])
    return Answer(keys_out(_written(desk, path), rule, desk.endpoint))


async def regenerate_keys(desk: Desk, call: Call) -> Answer:
    """A new primary or secondary key, by chance or the caller's own."""
    path = _path(desk, call)
    name = call.names["rule"]
    body = call.body()
    kind = str(body.get("keyType") or "").lower()
    if kind not in {"primarykey", "secondarykey"}:
        raise ArmError(400, "BadRequest", "keyType must be PrimaryKey or SecondaryKey.")
    key = value_of(body, "key", str, "a text", default=None) or new_key()
    if len(key) > MAX_KEY or not (key.isascii() and key.isprintable()) or ";" in key or key.strip() != key:
        message = f"key is at most {MAX_KEY} printable ASCII characters without semicolons or outer spaces."
        raise ArmError(400, "BadRequest", message)

    def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        rule = find_rule(rules, name)
        if rule is None:
            raise ArmError(404, "ResourceNotFound", f"The authorization rule {name[:256]!r} was not found.")
        new = replace(rule, primary_key=key) if kind == "primarykey" else replace(rule, secondary_key=key)
        return tuple(new if each is rule else each for each in rules)

    await _change_rules(desk, path, name, change)
    return await list_keys(desk, call)


async def _change_rules(desk: Desk, path: str | None, name: str, change: Change) -> None:
    """Apply ``change`` to what ARM made at ``path``. Raises ``ArmError`` 409 for what the file declares."""

    def apply(state: State) -> State:
        space = desk.entities.namespace()
        if path is None:
            if find_rule(desk.entities.declared.rules, name) is not None:
                message = (
                    f"The rule {name[:256]!r} is declared in the relay's configuration file "
                    "and can only be changed there."
                )
                raise ArmError(409, "DeclaredInConfiguration", message)
            rules = change(space.rules)
            if rules == space.rules:
                return state
            return replace(state, namespace=replace(space, rules=rules))
        check_not_declared(desk, path)
        made = desk.entities.connection(path)
        rules = change(made.connection.rules)
        if rules == made.connection.rules:
            return state
        made = replace(made, connection=replace(made.connection, rules=rules))
        return replace(state, hybrid_connections={**state.hybrid_connections, path.lower(): made})

    await desk.entities.change(apply)


def _path(desk: Desk, call: Call) -> str | None:
    """Whose rules these are: a hybrid connection's, or (None) the namespace's. Raises ``ArmError`` 404."""
    desk.check_namespace(call)
    if "connection" not in call.names:
        return None
    path = path_of(call.names["connection"])
    desk.entities.connection(path)
    return path


def _written(desk: Desk, path: str | None) -> str | None:
    """The path in the case in which it was made."""
    return None if path is None else desk.entities.connection(path).connection.path


def _rights(properties: dict[str, Any]) -> frozenset[Right]:
    written = properties.get("rights")
    fits = isinstance(written, list) and 0 < len(written) <= len(RIGHTS)
    if not fits or not all(isinstance(right, str) and right.lower() in _BY_LOWER for right in written or ()):
        raise ArmError(400, "BadRequest", f"rights must be a list of one or more of {', '.join(RIGHTS)}.")
    rights = frozenset(_BY_LOWER[right.lower()] for right in written or ())
    if len(rights) < len(written or ()):
        raise ArmError(400, "BadRequest", "The same right stands twice in rights.")
    if "Manage" in rights and len(rights) < len(RIGHTS):
        raise ArmError(400, "BadRequest", "A rule with Manage must also list Listen and Send.")
    return rights


def _routes(above: str) -> list[tuple[str, str, Handler]]:
    rules = above + "/authorizationRules"
    rule = rules + "/{rule}"
    return [
        ("GET", rules, list_rules),
        ("GET", rule, get),
        ("PUT", rule, put),
        ("DELETE", rule, delete),
        ("POST", rule + "/listKeys", list_keys),
        ("POST", rule + "/regenerateKeys", regenerate_keys),
    ]


ROUTES: Final[list[tuple[str, str, Handler]]] = [*_routes(NAMESPACE), *_routes(CONNECTION)]
