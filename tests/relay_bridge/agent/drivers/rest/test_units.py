"""Groups, nodes and answers: where a tag stands and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.rest.grouping import make_units
from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble
from relay_bridge.agent.drivers.rest.units import BAD_CONFIGURATION_ERROR
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, UNCERTAIN, Reading
from tests.relay_bridge.agent.drivers.rest.support import NOW, tag

ROWS = RestGroup(
    id="rows", path="/all", rows="/data", row_id="/name", value="/v", time="/t", time_format="ms", quality="/q",
    quality_map={"true": "good", "false": "bad"},
)  # fmt: skip


def read(group: RestGroup, document: Any, *nodes: str, kind: str = "number") -> list[Reading]:
    units, _ = make_units([group], [tag(str(i), node, kind) for i, node in enumerate(nodes)])
    found = units[0].open(document, NOW)
    return [found.reading(str(i)) for i in range(len(nodes))]


def test_a_document_with_places_for_value_time_and_quality() -> None:
    group = RestGroup(id="g", path="/x", value="/v", time="/t", quality="/q", quality_as="opcda", max_age_s=60)
    document = {
        "a": {"v": 1.5, "t": "2026-11-22T18:33:10Z", "q": 192},
        "b": {"v": 2, "t": "2026-11-22T18:30:00Z", "q": 192},
        "c": {"v": 3, "t": "noon", "q": 192},
        "d": {"v": 4, "t": "2026-11-22T18:33:10Z", "q": 0},
    }  # fmt: skip
    now = 1_795_372_400_000  # 2026-11-22T18:33:20Z
    units, _ = make_units([group], [tag(name, f"g#/{name}") for name in "abcde"])
    found = units[0].open(document, now)
    assert found.reading("a") == Reading(1.5, now - 10_000, 0)
    assert found.reading("b") == Reading(2, now - 200_000, 0x408F0000)  # older than a minute
    assert found.reading("c") == Reading(3, now, UNCERTAIN)  # how old it is cannot be told
    assert found.reading("d") == Reading(4, now - 10_000, 0x80000000)
    assert found.reading("e") == Reading(None, now, BAD_NODE_ID_UNKNOWN)


def test_rows_are_found_by_their_id() -> None:
    document = {
        "data": [
            {"name": "TK/1", "v": 1, "t": NOW, "q": True}, {"name": 7, "v": 2, "t": NOW, "q": False}, "rubbish", None,
            {"name": "twice", "v": 3}, {"name": "twice", "v": 4}, {"name": ["x"], "v": 5}, {"v": 6},
        ]
    }  # fmt: skip
    good, bad, twice, nobody = read(ROWS, document, "rows#TK/1", "rows#7", "rows#twice", "rows#none")
    assert good == Reading(1, NOW, 0)
    assert bad == Reading(2, NOW, 0x80000000)
    assert twice.quality == BAD_CONFIGURATION_ERROR and twice.value is None  # which of them is meant?
    assert nobody.quality == BAD_NODE_ID_UNKNOWN


@pytest.mark.parametrize("document", [{}, {"data": {}}, {"data": None}, [], "x", 5, None, {"data": []}])
def test_another_shape_is_trouble(document: Any) -> None:
    with pytest.raises(Trouble, match="another shape"):
        read(ROWS, document, "rows#TK-1")


def test_one_entity_a_call_and_two_tags_of_it_share_the_call() -> None:
    group = RestGroup(id="e", path="/tags/{id}?x=1", value="/v")
    units, _ = make_units([group], [tag("a", "e#A/1"), tag("b", "e#B"), tag("c", "e#A/1", "text")])
    assert [unit.path for unit in units] == ["/tags/A%2F1?x=1", "/tags/B?x=1"]
    found = units[0].open({"v": 5}, NOW)
    assert found.reading("a").value == 5 and found.reading("c").value == "5"
    assert units[1].open({}, NOW).reading("b").quality == BAD_NODE_ID_UNKNOWN


def test_ids_are_asked_for_in_batches() -> None:
    group = RestGroup(id="k", path="/read", rows="/readResults", row_id="/id", value="/v", ids="ids", batch=2)
    tags = [tag(str(number), f"k#Channel.Dev ice.T&{number % 3}") for number in range(5)]
    units, _ = make_units([group], tags)
    assert [unit.path for unit in units] == [
        "/read?ids=Channel.Dev%20ice.T%260&ids=Channel.Dev%20ice.T%261", "/read?ids=Channel.Dev%20ice.T%262",
    ]  # fmt: skip
    assert list(units[0].tags) == ["0", "1", "3", "4"]


@pytest.mark.parametrize(
    ("facts", "node", "words"),
    [
        ({}, "plain", "GROUP#PLACE"), ({}, "other#/x", "the groups are g"), ({}, "g#x", "no JSON pointer"),
        ({"path": "/x/{id}"}, "g#..", 'may not be "."'), ({"path": "/x/{name}"}, "g#a", "not known"),
        ({"rows": "/x"}, "g#a", "go together"), ({"rows": "/x", "row_id": "/i", "path": "/{id}"}, "g#a", "no rows"),
        ({"ids": "ids"}, "g#a", "needs rows"), ({"body": "{}"}, "g#/a", "go together"),
        ({"method": "POST"}, "g#/a", "go together"), ({"quality": "/q"}, "g#/a", "quality needs quality_map"),
        ({"quality_map": {"1": "good"}}, "g#/a", "needs quality"), ({"max_age_s": 5}, "g#/a", "needs time"),
        ({"value": "/a~3"}, "g#/a", "no JSON pointer"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_the_start(facts: dict, node: str, words: str) -> None:
    group = RestGroup(**{"id": "g", "path": "/x", **facts})
    with pytest.raises(SettingsError, match=words):
        make_units([group], [tag("a", node)])


def test_a_group_twice() -> None:
    group = RestGroup(id="g", path="/x")
    with pytest.raises(SettingsError, match="twice"):
        make_units([group, group], [tag("a", "g#/a")])


def test_a_time_from_the_future_does_not_make_a_value_young_for_ever() -> None:
    """Local time that is written without an offset, or a clock that is wrong."""
    group = RestGroup(id="g", path="/x", value="/v", time="/t", time_format="ms")
    for ahead, reading in ((4_000, Reading(1, NOW)), (3_600_000, Reading(1, NOW, UNCERTAIN))):
        assert read(group, {"v": 1, "t": NOW + ahead}, "g#") == [reading]
