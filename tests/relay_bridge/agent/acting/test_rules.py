"""Every rule of acting by itself: what it lets through, what it refuses and with which word; and their order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.agent.acting.rules import reads_as
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.acting.support import ANN, BOB, PLANT, WRITES, Bench, admitted, bench, cmd, new_key, write
from tests.relay_bridge.agent.support import ManualClock, SiteFolder


async def refusal_of(built: Bench, request: Any = None, token: dict[str, Any] | None = None, **other: Any) -> str:
    """The code with which a write is refused; nothing may have happened then."""
    request = request or write(built.clock, **other)
    before = list(built.driver.effects)
    with pytest.raises(RequestRefused) as refused:
        await built.acting.write(request, admitted(request, built.clock, **(token or {})), "session")
    assert built.driver.effects == before
    with pytest.raises(RequestRefused, match="not_found"):
        await _outcome(built, request.key)
    return refused.value.code


async def _outcome(built: Bench, key: str, sub: str = ANN) -> Any:
    found = await built.acting.outcome(sub, key)
    if found is None:
        raise RequestRefused("not_found", "")
    return found


# --- 1: the person and the token --------------------------------------------------------------------------------------


OTHER_CHANGES: list[dict[str, Any]] = [
        {"tag": "P-101.other"}, {"value": 70.5}, {"value": "70"}, {"value": True}, {"unit": "bar"}, {"expected": 61.0},
        {"expected": None}, {"type": "command"}, {"write": None}, {"scopes": frozenset({"command:execute"})},
        {"scopes": frozenset()},
]  # fmt: skip


async def test_1_token_must_be_for_exactly_this_change(site: SiteFolder) -> None:
    async with bench(site) as built:
        for token in OTHER_CHANGES:
            assert await refusal_of(built, token=token) == "role", token


async def test_1_whole_numbers_may_be_written_either_way(site: SiteFolder) -> None:
    async with bench(site) as built:
        request = write(built.clock, v=70, exp=60)
        answer = await built.acting.write(request, admitted(request, built.clock, value=70.0, expected=60.0), "s")
        assert answer.res == "done" and built.driver.effects == [("P-101.sp", 70.0)]


LATE_OR_WEAK: list[dict[str, Any]] = [
    {"acr": "pwd"}, {"acr": ""}, {"auth_time": 0}, {"valid_until": 1_795_370_000 - 31}, {"exp": 1_795_370_000 - 31},
]  # fmt: skip


async def test_1_late_tokens_and_weak_proofs_are_refused(site: SiteFolder) -> None:
    async with bench(site) as built:
        for token in LATE_OR_WEAK:
            assert await refusal_of(built, token=token) == "auth", token


async def test_1_pin_asks_for_a_younger_sign_in(site: SiteFolder) -> None:
    async with bench(site) as built:
        pin = {"tag": "P-101.mode", "v": 2, "exp": 1}
        then = int(built.clock.wall()) - 151
        assert await refusal_of(built, token={"auth_time": then}, **pin) == "auth"
        request = write(built.clock, **pin)
        answer = await built.acting.write(request, admitted(request, built.clock, auth_time=then + 1), "s")
        assert answer.res == "done"


async def test_1_two_persons_are_two(site: SiteFolder) -> None:
    async with bench(site) as built:
        lamp = {"tag": "P-101.lamp", "v": True, "exp": False}
        assert await refusal_of(built, **lamp) == "role"
        assert await refusal_of(built, token={"approved_by": ANN}, **lamp) == "role"
        request = write(built.clock, **lamp)
        answer = await built.acting.write(request, admitted(request, built.clock, approved_by=BOB), "s")
        assert answer.res == "done"


async def test_1_comes_before_2(site: SiteFolder) -> None:
    async with bench(site) as built:
        assert await refusal_of(built, v=9999.0, token={"value": 70.0}) == "role"
        assert await refusal_of(built, v=9999.0, token={"acr": "pwd"}) == "auth"


# --- 2: the value -----------------------------------------------------------------------------------------------------


NOT_LISTED: list[tuple[dict[str, Any], str]] = [
        ({"tag": "P-101.other", "v": 6.0, "exp": 5.0, "unit": "%"}, "read_only"),
        ({"tag": "P-101.none", "v": 6.0, "exp": 5.0}, "not_found"),
        ({"tag": "P-101.start", "v": 6.0, "exp": 5.0}, "not_found"),
        ({"v": "70"}, "type"), ({"v": True}, "type"), ({"exp": "60"}, "type"), ({"exp": True}, "type"),
        ({"unit": "bar"}, "type"), ({"unit": ""}, "type"),
        ({"tag": "P-101.mode", "v": 2.0, "exp": 1}, "type"), ({"tag": "P-101.mode", "v": True, "exp": 1}, "type"),
        ({"tag": "P-101.mode", "v": 2**15, "exp": 1}, "type"), ({"tag": "P-101.mode", "v": 3, "exp": 1}, "range"),
        ({"tag": "P-101.grade", "v": "C", "exp": "A"}, "range"), ({"tag": "P-101.grade", "v": 1, "exp": "A"}, "type"),
        ({"v": 19.5, "exp": 20.0}, "range"), ({"v": 110.5, "exp": 110.0}, "range"), ({"v": -1e15}, "range"),
        ({"v": 75.5}, "step"), ({"v": 44.5}, "step"), ({"v": 70.25}, "step"), ({"v": 70.0000001}, "step"),
]  # fmt: skip


async def test_2_what_is_not_in_the_list_is_refused(site: SiteFolder) -> None:
    async with bench(site) as built:
        for other, code in NOT_LISTED:
            assert await refusal_of(built, **other) == code, other


async def test_2_limits_and_steps_themselves_are_allowed(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock) as built:
        for value in (20.0, 110.0, 60.5, 75.0, 45.0, 61):
            near = min(max(value, 35.0), 95.0) if value in {20.0, 110.0} else 60.0
            built.driver.set("P-101.sp", near)
            assert (await built.write(v=value, exp=near)).res == "done"
            assert built.driver.effects[-1] == ("P-101.sp", float(value))
            clock.move(30)


async def test_2_decimal_steps_are_counted_in_decimals(site: SiteFolder) -> None:
    finer = WRITES.replace("step = 0.5", "step = 0.1").replace("max_step = 15.0", "max_step = 0.3")
    async with bench(site, PLANT, finer) as built:
        assert (await built.write(v=60.3, exp=60.0)).res == "done"  # 60.3 - 60 is 0.29999999999999716 in doubles
        assert await refusal_of(built, v=60.31, exp=60.3) == "step"


async def test_2_nothing_is_written_that_nobody_could_read(site: SiteFolder) -> None:
    async with bench(site, PLANT.replace("decimals = 2", "decimals = 0"), WRITES) as built:
        assert await refusal_of(built, v=70.5) == "step"


async def test_2_command_starts_from_the_configured_state_only(site: SiteFolder) -> None:
    async with bench(site) as built:
        for other, code in (({"exp": True}, "expected"), ({"exp": 0}, "expected"), ({"id": "P-101.sp"}, "read_only")):
            with pytest.raises(RequestRefused) as refused:
                await built.cmd(**other)
            assert refused.value.code == code
        assert (await built.cmd()).res == "done"
        assert built.driver.effects == [("P-101.run=true", None)]


# --- 3: the time ------------------------------------------------------------------------------------------------------


async def test_3_neither_late_nor_from_the_future(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock) as built:
        for age in (10_001, -5_001, 10**12):
            assert await refusal_of(built, t=clock.wall_ms() - age) == "expired"
        for age, value in ((10_000, 61.0), (-5_000, 62.0), (0, 63.0)):
            assert (await built.write(t=clock.wall_ms() - age, v=value, exp=value - 1)).res == "done"
            clock.move(30)


async def test_3_late_repetition_is_refused_and_told_what_became_of_the_first(site: SiteFolder) -> None:
    clock = ManualClock()
    async with bench(site, clock=clock) as built:
        request = write(clock)
        assert (await built.write(request)).res == "done"
        clock.move(11)
        with pytest.raises(RequestRefused) as refused:
            await built.write(request)
        assert refused.value.code == "expired" and refused.value.detail is not None
        assert refused.value.detail["res"] == "done"
        assert len(built.driver.effects) == 1


# --- comparing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actual", "wanted", "tolerance", "same"),
    [
        (60.05, 60.0, 0.05, True), (60.06, 60.0, 0.05, False), (60, 60.0, 0.0, True), (True, 1, 0.0, False),
        (1, True, 0.0, False), (False, False, 0.0, True), ("A", "A", 0.0, True), ("1", 1, 5.0, False),
        (None, 0, 5.0, False), (float("nan"), 0.0, 5.0, False), (float("inf"), 1e308, 5.0, False),
    ],
)  # fmt: skip
def test_readings_are_compared_by_kind_and_in_decimals(actual: Any, wanted: Any, tolerance: float, same: bool) -> None:
    assert reads_as(actual, wanted, tolerance) is same


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans()), st.integers(-100, 100))
def test_comparing_never_breaks(actual: Any, wanted: int) -> None:
    assert reads_as(actual, wanted, 0.0) in {True, False}


async def test_key_of_another_person_is_not_told(site: SiteFolder) -> None:
    async with bench(site) as built:
        request = write(built.clock)
        await built.write(request)
        with pytest.raises(RequestRefused, match="role"):
            await built.acting.outcome(BOB, request.key)
        assert await built.acting.outcome(BOB, new_key()) is None
        command = cmd(built.clock, key=request.key)
        with pytest.raises(RequestRefused, match="bad_request"):
            await built.cmd(command)
