"""What the kind of an alarm is called on a screen: as the plant calls it, where that says anything new."""

from __future__ import annotations

# Types of limit alarms (OPC 10000-9, 5.8.19 to 5.8.22): while such an alarm is not active, a server may name its type
# alone, and "TK-101 level ExclusiveLevel" tells an operator nothing.
_SAY_NOTHING = {"Alarm", "Condition", "Limit", "AcknowledgeableCondition"} | {
    way + kind for way in ("Exclusive", "NonExclusive") for kind in ("Limit", "Level", "Deviation", "RateOfChange")
}


def condition_word(cond: str, name: str) -> str:
    """``cond`` of a row, to stand behind its ``name``; empty where it is only a type that stands behind every limit, or
    the name ends with it: "TK-103 level high"."""
    said, word = _letters(name), _letters(cond)
    ends_with_it = bool(word) and said.endswith(word) and not said.endswith(2 * word)
    return "" if cond in _SAY_NOTHING or ends_with_it else cond


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
