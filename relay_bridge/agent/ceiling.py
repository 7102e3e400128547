"""The ceiling: what the site allows anybody, whatever their token says. Only configured tags have a name here.

A request names a tag by the agent's own id and by nothing else, compared exactly; there is no way to spell a
NodeId, an address or a host (docs/threats.md, T10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.config_file import OpcUaSource
from relay_bridge.agent.config_rest import DeltaVEdgeSource, RestSource, user_name
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.errors import RequestRefused

MAX_REASON = 200  # characters of a source's reason on the wire
_START = 4  # characters by which private names are looked up


class Ceiling:
    """Looks up what a request names, and keeps the plant's own names out of what is answered."""

    def __init__(self, config: SiteConfig) -> None:
        self._tags = {tag.id: tag for tag in config.tags}
        self._private = _by_start(_plant_names(config))
        self.tags_per_session = config.limits.tags_per_session

    def require(self, tags: Iterable[str]) -> list[TagConfig]:
        """The tags, each once, in the order asked; ``RequestRefused`` when one is not offered here."""
        known, unknown = self.divide(tags)
        if unknown:
            raise RequestRefused("not_found", "This site does not offer one of the tags.", detail={"tag": unknown[0]})
        return known

    def divide(self, tags: Iterable[str]) -> tuple[list[TagConfig], list[str]]:
        """The tags that exist, and the names of those that do not."""
        known: list[TagConfig] = []
        unknown: list[str] = []
        for name in dict.fromkeys(tags):
            tag = self._tags.get(name)
            if tag is None:
                unknown.append(name)
            else:
                known.append(tag)
        return known, unknown

    def check_count(self, watched: int) -> None:
        """Refuse a session that would watch more tags than the site allows one."""
        if watched > self.tags_per_session:
            raise RequestRefused("too_large", f"One session may watch at most {self.tags_per_session} tags.")

    def scrub(self, text: str) -> str:
        """A source's own words without the plant's addresses and hosts, cut to what the wire allows."""
        # Of thousands of names those are tried whose first characters are in the text: alarms come by the thousand.
        starts = {"", *(text[at : at + _START] for at in range(len(text)))} & self._private.keys()
        for name in sorted((name for start in starts for name in self._private[start]), key=len, reverse=True):
            text = text.replace(name, "the source")
        return text[:MAX_REASON]


def _by_start(names: Iterable[str]) -> dict[str, list[str]]:
    """The names by their first characters; those that have fewer stand under no text: they are always tried."""
    by_start: dict[str, list[str]] = {}
    for name in names:
        by_start.setdefault(name[:_START] if len(name) >= _START else "", []).append(name)
    return by_start


def _plant_names(config: SiteConfig) -> set[str]:
    names: set[str] = set()
    for source in config.sources:
        if isinstance(source, OpcUaSource):
            split = urlsplit(source.url)
            names |= {source.url, split.netloc, split.hostname or ""}
            names |= {text for text in (source.user,) if text}
        elif isinstance(source, RestSource | DeltaVEdgeSource):
            split = urlsplit(source.url)
            names |= {source.url, split.netloc, split.hostname or "", user_name(source) or ""}
    names |= {name for command in config.commands for name in (command.node, command.method)}
    return {name for name in names if name} | set(_nodes(config.tags))


def _nodes(tags: Sequence[TagConfig]) -> Iterable[str]:
    """Nodes as a source addresses them (``i=2258``, ``nsu=...;s=...``, ``GROUP#/place``); a plain word is the trade's
    own, and stands in the names of alarms too."""
    return (tag.node for tag in tags if tag.node != tag.id and len(tag.node) > 3 and set(tag.node) & set("=#/"))
