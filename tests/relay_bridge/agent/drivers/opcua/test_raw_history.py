"""The sample that held when a span begins: servers that send it along, refuse to, pass over it, or cannot look back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.server.history import HistoryManager

from relay_bridge.agent.drivers.opcua import OpcUaDriver, OpcUaTag
from relay_bridge.contract.readings import Reading
from relay_bridge.simulator.farm import NAMESPACE
from tests.relay_bridge.agent.drivers.opcua.support import live, settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAME = "KeptAtTimes"
T0 = 1_795_370_000_000  # epoch ms; of the first of five samples, a minute apart
MINUTE = 60_000
BAD_VALUE = 0x808C0000  # BadSensorFailure


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def sample(number: int, status: int = 0) -> Any:
    at = moment(T0 + number * MINUTE)
    value = ua.Variant(float(number), ua.VariantType.Double)
    return ua.DataValue(value, ua.StatusCode(status), SourceTimestamp=at, ServerTimestamp=at)


def bound_not_found(at: datetime) -> Any:
    return ua.DataValue(
        ua.Variant(None), ua.StatusCode(ua.StatusCodes.BadBoundNotFound), SourceTimestamp=at, ServerTimestamp=at
    )


class Manager(HistoryManager):
    """The server's own manager with a habit, and a count of what it was asked."""

    def __init__(self, server: Any, storage: Any, habit: str) -> None:
        super().__init__(server)
        self.storage = storage
        self.habit = habit
        self.asked: list[tuple[bool, bool]] = []  # bounds wanted, backwards

    async def _read_history(self, details: Any, rv: Any) -> Any:
        backwards = details.StartTime > details.EndTime
        self.asked.append((details.ReturnBounds, backwards))
        if details.ReturnBounds and self.habit in {"BadBoundNotSupported", "BadInvalidArgument"}:
            return ua.HistoryReadResult(StatusCode=ua.StatusCode(getattr(ua.StatusCodes, self.habit)))
        if backwards and self.habit == "never backwards":
            return ua.HistoryReadResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadHistoryOperationUnsupported))
        if backwards and self.habit == "always forwards":
            details.StartTime, details.EndTime = details.EndTime, details.StartTime
        return await super()._read_history(details, rv)

    async def _read_datavalue_history(self, rv: Any, details: Any) -> Any:
        if not details.ReturnBounds or self.habit != "bounds":
            return await super()._read_datavalue_history(rv, details)
        kept = self.storage._datachanges[rv.NodeId]  # OPC 10000-11, 4.4, table 1
        start, end = details.StartTime, details.EndTime
        before = [data for data in kept if data.SourceTimestamp <= start][-1:] or [bound_not_found(start)]
        after = [data for data in kept if data.SourceTimestamp >= end][:1] or [bound_not_found(end)]
        inside = [data for data in kept if start < data.SourceTimestamp < end]
        return [*before, *inside, *after][: details.NumValuesPerNode], None


@pytest_asyncio.fixture(loop_scope="session")
async def kept(plant):
    """A variable with five samples at known times."""
    server = plant.server
    node = await server.get_objects_node().add_variable(plant.node(NAME), NAME, 0.0)
    await server.historize_node_data_change(node, period=None, count=100)
    own = server.iserver.history_manager
    own.storage._datachanges[node.nodeid] = [sample(number) for number in range(5)]
    yield node
    await server.dehistorize_node_data_change(node)
    del own.storage._datachanges[node.nodeid], own.storage._datachanges_period[node.nodeid]
    await server.delete_nodes([node])


async def ask(plant, kept, habit: str, *spans: tuple[int, int], limit: int = 100) -> tuple[list[Any], list[Any]]:
    """What the driver makes of spans (ms from the first sample) while the server has ``habit``, and how it asked."""
    own = plant.server.iserver.history_manager
    manager = plant.server.iserver.history_manager = Manager(plant.server.iserver, own.storage, habit)
    driver = OpcUaDriver(settings(plant.url), [OpcUaTag(NAME, f"nsu={NAMESPACE};s={NAME}")])
    try:
        async with live(driver):
            answers = [await driver.history_raw(NAME, T0 + start, T0 + end, limit, 5.0) for start, end in spans]
    finally:
        plant.server.iserver.history_manager = own
    return answers, manager.asked


def held(number: int) -> Reading:
    return Reading(float(number), T0 + number * MINUTE, 0)


SPAN = (90_000, 200_000)  # samples 2 and 3; 1 holds at its start


@pytest.mark.parametrize(
    ("habit", "asked"),
    [
        ("bounds", [(True, False), (True, False)]),
        ("passes over", [(True, False), (False, True)] * 2),
        ("BadBoundNotSupported", [(True, False), (False, False), (False, True), (False, False), (False, True)]),
        ("BadInvalidArgument", [(True, False), (False, False), (False, True), (False, False), (False, True)]),
    ],
)
async def test_the_sample_before_is_found_whatever_the_server_makes_of_bounds(
    plant, kept, habit: str, asked: list[Any]
) -> None:
    answers, way = await ask(plant, kept, habit, SPAN, SPAN)
    for answer in answers:
        assert [reading.value for reading in answer.readings] == [2.0, 3.0] and not answer.more
        assert answer.before == held(1)
    assert way == asked, "what a server does not tell is asked for by itself, and not asked for twice in vain"


@pytest.mark.parametrize("habit", ["bounds", "passes over", "BadBoundNotSupported"])
async def test_a_span_without_a_sample_still_has_what_held(plant, kept, habit: str) -> None:
    (inside, behind, whole), _ = await ask(plant, kept, habit, (70_000, 80_000), (900_000, 990_000), (0, 1))
    assert (inside.readings, inside.before) == ([], held(1))
    assert (behind.readings, behind.before) == ([], held(4))
    assert list(whole.readings) == [held(0)] and whole.before is None, "the sample at the start itself is inside"


@pytest.mark.parametrize(
    "habit", ["bounds", "passes over", "BadBoundNotSupported", "never backwards", "always forwards"]
)
async def test_nothing_before_is_nothing_and_no_bad_sample(plant, kept, habit: str) -> None:
    (answer,), way = await ask(plant, kept, habit, (-MINUTE, 30_000))
    assert (list(answer.readings), answer.before, answer.more) == ([held(0)], None, False)
    if habit == "bounds":
        assert way == [(True, False)], "the server has said that there is none"


@pytest.mark.parametrize("habit", ["never backwards", "always forwards"])
async def test_a_server_that_does_not_look_back_is_not_believed_to_have(plant, kept, habit: str) -> None:
    (answer,), _ = await ask(plant, kept, habit, (200_000, 300_000))
    assert [reading.value for reading in answer.readings] == [4.0]
    assert answer.before is None, "its oldest samples are not what held"


async def test_bounds_count_neither_as_samples_nor_as_more(plant, kept) -> None:
    (two, one), _ = await ask(plant, kept, "bounds", SPAN, (50_000, 200_000), limit=2)
    assert [reading.value for reading in two.readings] == [2.0, 3.0] and not two.more
    assert [reading.value for reading in one.readings] == [1.0, 2.0] and one.more and one.before == held(0)


async def test_a_bad_value_that_held_is_told_as_bad(plant, kept) -> None:
    plant.server.iserver.history_manager.storage._datachanges[kept.nodeid][1] = sample(1, BAD_VALUE)
    (answer,), _ = await ask(plant, kept, "bounds", SPAN)
    assert answer.before is not None and answer.before.quality == BAD_VALUE
