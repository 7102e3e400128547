"""The rights in words, in the language that is spoken now.

The closed list itself (relay_bridge.contract.scopes) is both ends' and knows no languages; a test compares the two.
"""

from __future__ import annotations

from django.utils.translation import gettext as translated
from django.utils.translation import gettext_noop

# Only marks the texts, so that translators get them; what is shown is looked up in the closed list.
MARKED: dict[str, str] = {
    "status:read": gettext_noop("See that the site exists and how its link is"),
    "data:live": gettext_noop("See live values"),
    "data:history": gettext_noop("See trends and history"),
    "alarm:read": gettext_noop("See alarms"),
    "alarm:ack": gettext_noop("Acknowledge alarms"),
    "alarm:shelve": gettext_noop("Shelve alarms"),
    "note:write": gettext_noop("Write notes"),
    "setpoint:write": gettext_noop("Change setpoints"),
    "command:execute": gettext_noop("Start and stop equipment"),
    "diag:read": gettext_noop("See diagnostics"),
    "audit:read": gettext_noop("Read the audit trail"),
}


def scope_words(scope: str) -> str:
    """What ``scope`` lets somebody do; ``KeyError`` for one outside the closed list."""
    return translated(MARKED[scope])
