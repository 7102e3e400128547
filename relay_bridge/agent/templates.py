"""``[[template]]``: what several tanks share, put under each ``[[tank]]`` that names it before the tank is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay_bridge.agent.config_file import TemplateSection
from relay_bridge.agent.errors import ConfigError

PLACE = "{id}"  # in a template's prefix: the tank's id
# Tables are joined key by key; everything else is the tank's own or the template's.
_TABLES = ("map", "unit", "decimals", "range", "deadband", "enums", "limits", "severity", "gauge")
_BY_KEY = ("map", "unit", "decimals", "range", "deadband", "enums")


def with_templates(
    templates: Sequence[tuple[TemplateSection, Mapping[str, Any]]], tanks: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The ``[[tank]]`` entries as if each had been written out. ``ConfigError`` names a template that is not there.

    Entries are raw, because only in them can be seen what a tank says itself; what is wrong in a tank is found when
    the result is read.
    """
    by_name: dict[str, Mapping[str, Any]] = {}
    for template, raw in templates:
        if template.name in by_name:
            raise ConfigError(f'The template "{template.name}" is configured twice.')
        by_name[template.name] = raw
    used: set[str] = set()
    whole = []
    for tank in tanks:
        name = tank.get("template")
        if not isinstance(name, str):
            _refuse_without(tank)
            whole.append(dict(tank))
            continue
        if name not in by_name:
            known = ", ".join(sorted(by_name)[:10]) or "none"
            raise ConfigError(
                f'{_where(tank)}: there is no [[template]] with name = "{name[:80]}"; known are: {known}.'
            )
        used.add(name)
        whole.append(_joined(by_name[name], tank))
    idle = sorted(by_name.keys() - used)
    if idle:
        raise ConfigError(f'[[template]] "{idle[0]}": no [[tank]] uses it; take it out, or write template in a tank.')
    return whole


def _joined(template: Mapping[str, Any], tank: Mapping[str, Any]) -> dict[str, Any]:
    joined = {key: value for key, value in template.items() if key != "name"}
    if isinstance(prefix := joined.get("prefix"), str) and "prefix" not in tank:
        joined["prefix"] = prefix.replace(PLACE, str(tank.get("id", "")))
    for key, value in tank.items():
        shared = joined.get(key)
        both = key in _TABLES and isinstance(shared, dict) and isinstance(value, dict)
        joined[key] = {**shared, **value} if both else value  # type: ignore[dict-item]
    return _left_out(joined, tank)


def _left_out(joined: dict[str, Any], tank: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that this tank has not, in all tables that go by key."""
    without = tank.get("without", [])
    if not isinstance(without, list) or not all(isinstance(key, str) for key in without):
        return joined  # said when the entry is read
    for key in without:
        if key not in joined.get("map", {}):
            raise ConfigError(f'{_where(tank)}: without speaks of "{key[:80]}", which is not in its template\'s map.')
        if key in tank.get("map", {}):
            raise ConfigError(f'{_where(tank)}: "{key[:80]}" is in its map and in without; one of them is meant.')
    for table in _BY_KEY:
        if isinstance(joined.get(table), dict):
            joined[table] = {key: value for key, value in joined[table].items() if key not in without}
    if "level" in without and "limits" not in tank:
        joined.pop("limits", None)
    return joined


def _refuse_without(tank: Mapping[str, Any]) -> None:
    if tank.get("without"):
        raise ConfigError(f"{_where(tank)}: without is for tanks with a template; leave the key out of map instead.")


def _where(tank: Mapping[str, Any]) -> str:
    name = tank.get("id")
    return f'[[tank]] "{name[:60]}"' if isinstance(name, str) else "[[tank]]"
