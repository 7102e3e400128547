"""The closed list is the whole language: what the code records stands in it, and what stands in it is recorded."""

from __future__ import annotations

import re
from pathlib import Path

from accounts.audit.tags import TAGS
from relay_bridge.contract.audit import ACTION_WORDS, AGENT_TAGS

ROOT = Path(__file__).resolve().parents[3]
TAG = re.compile(r'"([a-z]+(?:-[a-z0-9]+)*(?::[a-z]+(?:-[a-z0-9]+)*){2})"')
LISTS = {ROOT / "accounts/audit/tags.py", ROOT / "relay_bridge/contract/audit.py"}


def named_in_the_code() -> set[str]:
    files = [path for folder in ("accounts", "hmi", "relay_bridge") for path in (ROOT / folder).rglob("*.py")]
    return {
        found
        for path in files
        if path not in LISTS
        for found in TAG.findall(path.read_text())
        if not found.startswith("urn:")
    }


def test_every_tag_that_is_recorded_is_listed() -> None:
    assert named_in_the_code() <= TAGS.keys()


def test_every_tag_that_is_listed_is_recorded_somewhere() -> None:
    derived = {name for name in AGENT_TAGS if name.startswith("token:")}  # from contract/refusals.py
    acting = {f"agent:{family}:{word}" for family in ("write", "command") for word in ACTION_WORDS}
    assert not TAGS.keys() - named_in_the_code() - derived - acting


def test_every_word_of_an_action_is_recorded_somewhere() -> None:
    """Tags of writes and commands are put together from a family and a word, and the word stands in the code."""
    source = "\n".join(path.read_text() for path in sorted((ROOT / "relay_bridge/agent").rglob("*.py")))
    recorded = set(re.findall(r'"([a-z]+)"', source)) | set(re.findall(r'f"agent:\{[^}]+\}:([a-z]+)"', source))
    in_a_choice = set(re.findall(r"f\"agent:\{family\}:\{'(\w+)' if reason else '(\w+)'\}", source)[0])
    assert recorded | in_a_choice >= ACTION_WORDS.keys()


def test_own_tags_stand_in_alphabetical_order() -> None:
    own = [name for name in TAGS if name not in AGENT_TAGS]
    assert own == sorted(own)
