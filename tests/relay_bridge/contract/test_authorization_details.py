"""What a token that writes must name, by the one rule that both ends keep."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.contract.authorization_details import (
    SCOPE_OF_TYPE,
    WriteDetail,
    check_details,
    check_proof,
    difference,
    same_value,
)
from relay_bridge.contract.refusals import TOKEN_REFUSALS, TokenRefused
from relay_bridge.contract.scopes import SCOPES, WRITE_SCOPES
from relay_bridge.contract.tokens import PROOF_LIFE, WRITE_LIFE

NOW = 1_795_370_000
GOOD: dict[str, Any] = {
    "type": "setpoint", "tag": "FT-1.sp", "value": 12.5, "unit": "m³/h", "expected": None, "valid_until": NOW + 20,
}  # fmt: skip


def test_every_write_scope_has_its_kind_of_change() -> None:
    assert set(SCOPE_OF_TYPE.values()) == WRITE_SCOPES


@pytest.mark.parametrize("value", [True, 0, -3, 12.5, "AUTO", 2**53])
def test_values_come_back_as_they_were_named(value: Any) -> None:
    found = check_details(frozenset({"setpoint:write"}), [{**GOOD, "value": value}], issued=NOW, expires=NOW + 30)
    assert found is not None and found.value == value and type(found.value) is type(value)
    assert msgspec.convert(msgspec.to_builtins(found), WriteDetail) == found


@given(st.sets(st.sampled_from(sorted(SCOPES))))
def test_nothing_but_one_write_scope_alone_carries_a_change(scopes: set[str]) -> None:
    try:
        found = check_details(frozenset(scopes), [GOOD], issued=NOW, expires=NOW + WRITE_LIFE)
    except TokenRefused as refusal:
        assert refusal.code in {"details-unasked", "scope-mixed", "details"}
        assert scopes != {"setpoint:write"}
    else:
        assert found is not None and scopes == {"setpoint:write"}


@pytest.mark.parametrize("age", [0, PROOF_LIFE])
def test_fresh_proof_is_enough(age: int) -> None:
    check_proof("mfa", NOW - age, issued=NOW)


@pytest.mark.parametrize(
    ("acr", "auth_time"), [("pwd", NOW), ("", NOW), ("MFA", NOW), ("mfa", 0), ("phr", NOW - 301), ("phr", NOW + 1)]
)
def test_weak_or_old_proof_is_not(acr: str, auth_time: int) -> None:
    with pytest.raises(TokenRefused) as refused:
        check_proof(acr, auth_time, issued=NOW)
    assert refused.value.code == "write-proof" and refused.value.reason == TOKEN_REFUSALS["write-proof"]


REQUEST: dict[str, Any] = {"kind": "setpoint", "tag": "FT-1.sp", "value": 12.5, "unit": "m³/h", "expected": 12.0}


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({}, None), ({"kind": "command"}, "type"), ({"tag": "FT-2.sp"}, "tag"), ({"value": 12.500001}, "value"),
        ({"value": True}, "value"), ({"value": "12.5"}, "value"), ({"unit": ""}, "unit"), ({"expected": 12}, None),
        ({"expected": 12.1}, "expected"), ({"expected": "12.0"}, "expected"),
    ],
)  # fmt: skip
def test_request_is_compared_field_by_field(other: dict[str, Any], field: str | None) -> None:
    detail = msgspec.convert(GOOD | {"expected": 12.0}, WriteDetail)
    assert difference(detail, **(REQUEST | other)) == field


def test_change_without_an_expected_value_fits_no_request() -> None:
    assert difference(msgspec.convert(GOOD, WriteDetail), **REQUEST) == "expected"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (1, True, False), (0, False, False), ("1", 1, False), (False, False, True)],
)
def test_values_are_the_same_in_kind_too(one: Any, other: Any, same: bool) -> None:
    assert same_value(one, other) is same_value(other, one) is same


def test_second_person_is_a_subject_or_nobody() -> None:
    assert msgspec.convert(GOOD | {"approved_by": "bob"}, WriteDetail).approved_by == "bob"
    for wrong in ("", "x" * 129, 7):
        with pytest.raises(TokenRefused):
            check_details(frozenset({"setpoint:write"}), [GOOD | {"approved_by": wrong}], issued=NOW, expires=NOW + 30)
