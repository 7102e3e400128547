"""The closed list of scopes: kinds of permission. Both ends read this one list; unknown means refuse."""

from __future__ import annotations

SCOPES: dict[str, str] = {
    "status:read": "See that the site exists and how its link is",
    "data:live": "See live values",
    "data:history": "See trends and history",
    "alarm:read": "See alarms",
    "alarm:ack": "Acknowledge alarms",
    "alarm:shelve": "Shelve alarms",
    "note:write": "Write notes",
    "setpoint:write": "Change setpoints",
    "command:execute": "Start and stop equipment",
    "diag:read": "See diagnostics",
    "audit:read": "Read the audit trail",
}
# Scopes that touch the process; never carried by a stream or a shared token.
WRITE_SCOPES: frozenset[str] = frozenset({"setpoint:write", "command:execute"})
# Scopes that show process data; administrators and auditors hold none of them (separation of duties).
PROCESS_SCOPES: frozenset[str] = frozenset(
    {"data:live", "data:history", "alarm:read", "alarm:ack", "alarm:shelve", "setpoint:write", "command:execute"}
)
# What each method of the process API needs; None: no token. The agent asks by this table, and the web app by the same
# one before it sends anything. A method that is not here is offered by neither.
SCOPE_OF_METHOD: dict[str, str | None] = {
    "hello": None,
    "auth": None,
    "drop": None,  # giving up a right never needs one
    "keys": None,
    "ping": None,
    "trail": None,
    "catalog": "data:live",
    "read": "data:live",
    "sub": "data:live",
    "unsub": "data:live",
    "rate": "data:live",
    "hist": "data:history",
    "alarms": "alarm:read",
    "journal": "alarm:read",
    "ack": "alarm:ack",
    "shelve": "alarm:shelve",
    "write": "setpoint:write",
    "cmd": "command:execute",
    "wstat": "status:read",
    "trace": "status:read",
}


def parse_scopes(text: str) -> frozenset[str]:
    """Split a space-delimited scope string (RFC 6749, 3.3); ``ValueError`` names the first unknown scope."""
    scopes = frozenset(text.split())
    unknown = sorted(scopes - SCOPES.keys())
    if unknown:
        raise ValueError(f"unknown scope {unknown[0]!r}")
    return scopes


def format_scopes(scopes: frozenset[str] | set[str]) -> str:
    """The canonical scope string: the closed list's order, so that equal sets are equal strings."""
    return " ".join(scope for scope in SCOPES if scope in scopes)
