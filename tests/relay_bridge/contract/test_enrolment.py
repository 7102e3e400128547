"""Enrolment's code and comparison: readable, slips found, and different whenever anything that is trusted differs."""

from __future__ import annotations

import msgspec
import pytest

from relay_bridge.contract.enrolment import (
    ALPHABET,
    Claim,
    Terms,
    claim_bytes,
    code_digest,
    comparison,
    make_code,
    read_code,
    same_comparison,
)

TERMS = Terms(
    id="0" * 32, ticket="t" * 43, site="north", name="North", time_zone="UTC", issuer="https://h", audience="https://h/1",
    token_keys="{}", web_app_cert="pem", nonce="1" * 64, expires_in=60, poll=1.0,
)  # fmt: skip


def test_code_is_seven_groups_of_four_and_no_two_are_alike() -> None:
    codes = {make_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        groups = code.split("-")
        assert [len(group) for group in groups] == [4] * 7 and set("".join(groups)) <= set(ALPHABET)


def test_code_is_read_however_it_was_typed() -> None:
    code = make_code()
    bare = read_code(code)
    assert read_code(code.lower()) == read_code(f"  {bare[:10]} {bare[10:]}\n") == bare
    assert read_code(code.replace("0", "o").replace("1", "l")) == bare


def test_every_slip_of_one_letter_but_one_in_a_thousand_is_found() -> None:
    bare = read_code(make_code())
    missed = 0
    for at in range(len(bare)):
        for letter in set(ALPHABET) - {bare[at]}:
            try:
                read_code(bare[:at] + letter + bare[at + 1 :])
                missed += 1
            except ValueError as error:
                assert bare not in str(error)
    assert missed <= 5  # 868 slips, each missed with a chance of 1 in 1024


@pytest.mark.parametrize("text", ["", "ABCD", "U" * 28, "7" * 27, "é" * 28, "-" * 500, "7" * 29])
def test_what_is_no_code_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="no enrolment code"):
        read_code(text)


@pytest.mark.parametrize(
    "change",
    [
        {"web_app_cert": "other"}, {"token_keys": "[]"}, {"issuer": "https://evil"}, {"audience": "https://h/2"},
        {"site": "south"}, {"nonce": "2" * 64}, {"id": "1" * 32},
    ],
)  # fmt: skip
def test_comparison_differs_when_anything_that_is_trusted_differs(change: dict[str, str]) -> None:
    own = comparison("agent", "a" * 64, "s", TERMS)
    assert own != comparison("agent", "a" * 64, "s", msgspec.structs.replace(TERMS, **change))
    assert own != comparison("other agent", "a" * 64, "s", TERMS)
    assert own != comparison("agent", "b" * 64, "s", TERMS)
    assert own != comparison("agent", "a" * 64, "t", TERMS)
    assert own == comparison("agent", "a" * 64, "s", msgspec.structs.replace(TERMS, poll=2.0))
    assert same_comparison(own.lower().replace("-", " "), own) and not same_comparison(own[:-1], own)


def test_claim_is_bound_to_web_app_code_and_certificate() -> None:
    one = claim_bytes("https://h", code_digest("c"), "thumb", "n", "s")
    others = {
        claim_bytes("https://evil", code_digest("c"), "thumb", "n", "s"),
        claim_bytes("https://h", code_digest("d"), "thumb", "n", "s"),
        claim_bytes("https://h", code_digest("c"), "other", "n", "s"),
        claim_bytes("https://h", code_digest("c"), "thumb", "n", "t"),
    }
    assert len(others) == 4 and one not in others


def test_unknown_fields_and_other_versions_are_refused() -> None:
    good = {
        "v": 1, "code": "c", "certificate": "p", "nonce": "0" * 64, "seal_key": "k" * 43, "agent": "a",
        "signature": "s",
    }  # fmt: skip
    msgspec.json.decode(msgspec.json.encode(good), type=Claim)
    for bad in ({**good, "v": 2}, {**good, "more": 1}, {**good, "nonce": "x"}, {**good, "certificate": "p" * 5000}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(bad), type=Claim)
