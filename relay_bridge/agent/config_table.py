"""The tables of docs/site-agent.md: every section and key of site.toml, as the agent reads it.

``python -m relay_bridge.agent.config_table`` prints them, and with the page's path puts them there, together with the
table of findings; a test compares them with the page, so that neither is ahead.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from msgspec import inspect

from relay_bridge.agent import acting_config, config_file, config_rest, findings
from relay_bridge.agent.config_words import COMMON, WORDS
from relay_bridge.contract.messages import Limits

# heading, prefix of its words, shape
SECTIONS: Final[tuple[tuple[str, str, type[msgspec.Struct]], ...]] = (
    ("[site]", "site", config_file.SiteSection),
    ("[relay]", "relay", config_file.RelaySection),
    ("[trust]", "trust", config_file.TrustSection),
    ('[[source]] with kind = "opcua"', "opcua", config_file.OpcUaSource),
    ('[[source]] with kind = "rest"', "rest", config_rest.RestSource),
    ('[source.login] with kind = "bearer"', "login-bearer", config_rest.BearerLogin),
    ('[source.login] with kind = "basic"', "login-basic", config_rest.BasicLogin),
    ('[source.login] with kind = "token"', "login-token", config_rest.TokenLogin),
    ("[[source.group]]", "group", config_rest.RestGroup),
    ("[source.history]", "history-rest", config_rest.RestHistory),
    ("[source.history.aggregate]", "aggregate", config_rest.RestAggregate),
    ("[source.alarm_list]", "alarm_list", config_rest.RestAlarms),
    ("[source.alarm_list.ack]", "ack", config_rest.RestAck),
    ("[source.write]", "write-rest", config_rest.RestWrite),
    ('[[source]] with kind = "deltav-edge"', "deltav-edge", config_rest.DeltaVEdgeSource),
    ('[[source]] with kind = "memory"', "memory", config_file.MemorySource),
    ("[[tag]]", "tag", config_file.TagSection),
    ("[[template]]", "template", config_file.TemplateSection),
    ("[[tank]]", "tank", config_file.TankSection),
    ("[[browse]]", "browse", config_file.BrowseSection),
    ("[[write]]", "write", acting_config.WriteSection),
    ("[[command]]", "command", acting_config.CommandSection),
    ("[limits]", "limits", config_file.LimitsSection),
    ("[history]", "history", config_file.HistorySection),
    ("[alarms]", "alarms", config_file.AlarmsSection),
    ("[acting]", "acting", config_file.ActingSection),
    ("[switch]", "switch", config_file.SwitchSection),
    ("[status]", "status", config_file.StatusSection),
    ("[audit]", "audit", config_file.AuditSection),
)
_NAMES = {Limits: "table of ll, l, h, hh", config_file.Severities: "table of ll, l, h, hh"}


def tables() -> str:
    """All of them, in the order of the file."""
    return "\n".join(_table(heading, prefix, shape) for heading, prefix, shape in SECTIONS)


def words_for(prefix: str, key: str) -> str:
    """What a key means; ``KeyError`` for one that nobody described."""
    return WORDS.get(f"{prefix}.{key}") or COMMON[key]


def _table(heading: str, prefix: str, shape: type[msgspec.Struct]) -> str:
    rows = [f"**`{heading}`**", "", "| key | may be | default | meaning |", "| --- | --- | --- | --- |"]
    info = cast(inspect.StructType, inspect.type_info(shape))
    for field in info.fields:
        key, kind = field.encode_name, _escape(_words(field.type))
        rows.append(f"| `{key}` | {kind} | {_default(field)} | {_escape(words_for(prefix, key))} |")
    return "\n".join(rows) + "\n"


def _words(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        parts = [_words(part) for part in kind.types if not isinstance(part, inspect.NoneType)]
        return " or ".join(dict.fromkeys(parts))
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(f"`{value}`" for value in sorted(map(str, kind.values)))
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        low, high = (kind.ge if kind.ge is not None else kind.gt), (kind.le if kind.le is not None else kind.lt)
        name = "whole number" if isinstance(kind, inspect.IntType) else "number"
        return name + _span(low, high)
    if isinstance(kind, inspect.StrType):
        return "text" if kind.max_length is None else f"text, up to {kind.max_length}"
    if isinstance(kind, inspect.StructType):
        return _NAMES.get(kind.cls, "table")
    if isinstance(kind, inspect.BoolType):
        return "`true`, `false`"
    if isinstance(kind, inspect.DictType):
        return "table"
    if isinstance(kind, inspect.AnyType):
        return "anything"
    return "list"


def _span(low: Any, high: Any) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f", {_number(low)} or more"
    return f", {_number(low)} to {_number(high)}" if low is not None else f", up to {_number(high)}"


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory() if callable(field.default_factory) else None
    if value is None or isinstance(value, msgspec.Struct) or value in ([], {}, ""):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def put_into(page: str) -> str:
    """``page`` with the tables in the place between their marks."""
    for name, text in (("keys", tables()), ("findings", findings.table())):
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- /{name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"The page has no place for {name}: {begin.strip()} ... {end}")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


if __name__ == "__main__":
    if len(sys.argv) > 1:
        place = Path(sys.argv[1])
        place.write_text(put_into(place.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(tables(), end="")  # noqa: T201 - that is what it is for
