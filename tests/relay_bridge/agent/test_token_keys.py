"""The issuer's keys at the agent: followed in their file, renewed by a statement, and never from anybody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from relay_bridge.agent.token_keys import KeysRefused, TokenKeys
from relay_bridge.agent.trust import read_key_set
from relay_bridge.contract.token_keys import KEYS_TYP
from tests.relay_bridge.agent.support import ISSUER, ManualClock

NOW = 1_795_370_000


def make_key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid, "alg": "Ed25519", "use": "sig"})


OLD, NEW, ROGUE = make_key("old"), make_key("new"), make_key("rogue")


def rows(*keys: OKPKey, **until: int) -> list[dict[str, Any]]:
    return [
        {**key.as_dict(private=False), **({"until": until[str(key.kid)]} if str(key.kid) in until else {})}
        for key in keys
    ]


def statement(signer: OKPKey = OLD, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {"iss": ISSUER, "iat": NOW, "sequence": 1, "keys": rows(NEW, OLD, old=NOW + 3600), **changes}
    head = {"typ": KEYS_TYP, "alg": "Ed25519", "kid": str(signer.kid), **(header or {})}
    return jws.serialize_compact(head, json.dumps(claims).encode(), signer, [head["alg"]])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(float(NOW))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "issuer.jwks.json"
    file.write_text(json.dumps({"keys": rows(OLD)}))
    return file


@pytest.fixture
def keys(path: Path, clock: ManualClock) -> TokenKeys:
    return TokenKeys(read_key_set(path), issuer=ISSUER, path=path, monotonic=clock.monotonic)


# --- the file -------------------------------------------------------------------------------------------------------


def put(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def test_new_file_is_taken_up_within_a_second(keys: TokenKeys, path: Path, clock: ManualClock) -> None:
    put(path, json.dumps({"sequence": 4, "keys": rows(NEW)}))
    assert keys.get("old") is not None, "the file is looked at once a second, not at every token"
    clock.move(1)
    assert keys.get("old") is None and keys.get("new") is not None
    assert keys.stamp == "4:new"


@pytest.mark.parametrize("text", ["", "{", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "x", "kid": "a"}]}'])
def test_broken_file_keeps_the_keys_and_says_so(
    keys: TokenKeys, path: Path, clock: ManualClock, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(path, text)
    for _ in range(3):
        clock.move(1)
        assert keys.get("old") is not None
    assert caplog.text.count("stay in use") == 1
    put(path, json.dumps({"keys": rows(NEW)}))
    clock.move(1)
    assert keys.get("new") is not None


def test_missing_file_keeps_the_keys(keys: TokenKeys, path: Path, clock: ManualClock) -> None:
    path.unlink()
    clock.move(1)
    assert keys.get("old") is not None


# --- the statement --------------------------------------------------------------------------------------------------


def test_statement_of_a_trusted_key_renews_the_set_and_the_file(keys: TokenKeys, path: Path) -> None:
    answer = keys.renew(statement(), NOW)
    assert (answer.sequence, answer.kids, answer.stored) == (1, ["new", "old"], True)
    old = keys.get("old")
    assert old is not None and not old.is_over(NOW + 3599) and old.is_over(NOW + 3600)
    kept = read_key_set(path)  # what a restart would read
    assert (kept.sequence, list(kept.keys), kept.keys["old"].until) == (1, ["new", "old"], NOW + 3600)
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_same_statement_again_changes_nothing(keys: TokenKeys) -> None:
    text = statement()
    assert keys.renew(text, NOW) == keys.renew(text, NOW)


def test_older_set_is_refused(keys: TokenKeys) -> None:
    keys.renew(statement(sequence=3), NOW)
    with pytest.raises(KeysRefused, match="older"):
        keys.renew(statement(sequence=2, keys=rows(OLD)), NOW)
    assert keys.stamp == "3:new"


def test_chain_of_rotations_each_signed_by_the_one_before(keys: TokenKeys) -> None:
    keys.renew(statement(), NOW)
    keys.renew(statement(NEW, sequence=2, keys=rows(ROGUE, NEW, new=NOW + 60)), NOW)
    assert keys.get("old") is None
    with pytest.raises(KeysRefused, match="not signed with a key that is trusted"):
        keys.renew(statement(OLD, sequence=3), NOW)
    with pytest.raises(KeysRefused, match="time is over"):
        keys.renew(statement(NEW, sequence=3, iat=NOW + 60), NOW + 60)


BAD: dict[str, Callable[[], str]] = {
    "own key": lambda: statement(ROGUE),
    "own key under a trusted name": lambda: statement(ROGUE, {"kid": "old"}),
    "site token's typ": lambda: statement(header={"typ": "at+jwt"}),
    "key in the header": lambda: statement(header={"jwk": ROGUE.as_dict(private=False)}),
    "another issuer": lambda: statement(iss="https://evil.example.com"),
    "made long ago": lambda: statement(iat=NOW - 331),
    "made in the future": lambda: statement(iat=NOW + 31),
    "no keys": lambda: statement(keys=[]),
    "private key": lambda: statement(keys=[NEW.as_dict(private=True)]),
    "shared key": lambda: statement(keys=[{"kty": "oct", "k": "AAAA", "kid": "a"}]),
    "two of one name": lambda: statement(keys=rows(NEW, NEW)),
    "seventeen": lambda: statement(keys=rows(*(make_key(str(number)) for number in range(17)))),
    "more in it": lambda: statement(admin=True),
    "negative": lambda: statement(sequence=-1),
    "cut": lambda: statement()[:-5],
    "altered": lambda: statement()[:60] + "A" + statement()[61:],
    "too large": lambda: statement(iss="x" * 9000),
    "not ascii": lambda: "é" * 50,
    "nothing like it": lambda: "a.b",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_statement_changes_nothing(keys: TokenKeys, path: Path, case: str) -> None:
    before = path.read_bytes()
    with pytest.raises(KeysRefused) as refused:
        keys.renew(BAD[case](), NOW)
    assert len(refused.value.reason) < 200
    assert path.read_bytes() == before and keys.stamp == "0:old" and keys.get("new") is None


def test_file_that_cannot_be_written_is_said_and_the_new_keys_hold(
    keys: TokenKeys, path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    path.mkdir()  # even root cannot rename a file over a folder
    answer = keys.renew(statement(), NOW)
    assert not answer.stored and keys.get("new") is not None
    assert "forgets them when it is restarted" in caplog.text
    clock.move(2)
    assert keys.get("new") is not None
