"""Rotation: the new key signs at once, the old one is good for its overlap, and nobody loses or doubles a key."""

from __future__ import annotations

import json
import stat
import threading

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from accounts.issuer import (
    SigningKeyError,
    create_signing_key,
    current_ring,
    drop_retired,
    load_ring,
    load_signing_key,
    rotate,
)
from accounts.issuer.key_ring import LONGEST_OVERLAP, MAX_KEYS, SHORTEST_OVERLAP
from relay_bridge.agent.trust import parse_key_set
from relay_bridge.contract.token_keys import KEYS_TYP, MAX_STATEMENT

NOW = 1_795_370_000.0
DAY = 24 * 3600


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "secrets" / "issuer.key.json"
    create_signing_key(file)
    return file


def kids(ring):
    return [one.key.kid for one in ring.keys]


def test_new_key_signs_and_the_old_one_keeps_its_overlap(path):
    old = load_signing_key(path)
    done = rotate(path, NOW, overlap=24)

    ring = load_ring(path)
    assert ring == done.ring or kids(ring) == kids(done.ring)
    assert (done.old_kid, done.until) == (old.kid, int(NOW) + DAY)
    assert load_signing_key(path).kid == ring.signing.kid != old.kid
    assert kids(ring.at(NOW + DAY - 1)) == [ring.signing.kid, old.kid]
    assert kids(ring.at(NOW + DAY)) == [ring.signing.kid]
    assert ring.sequence == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_agent_reads_the_public_set_as_it_is_meant(path):
    old = load_signing_key(path)
    rotate(path, NOW, algorithm="ES256")
    ring = load_ring(path)
    text = json.dumps(ring.public_jwks(NOW))
    assert '"d"' not in text
    pinned = parse_key_set(text, where="keys")
    assert pinned.stamp == ring.stamp
    assert [(key.kid, key.algorithm, key.until) for key in pinned.keys.values()] == [
        (ring.signing.kid, "ES256", None),
        (old.kid, "Ed25519", int(NOW) + DAY),
    ]


def test_bare_key_of_the_first_version_is_a_ring(path):
    bare = OKPKey.generate_key("Ed25519")
    path.write_text(json.dumps({**bare.as_dict(private=True), "kid": "first", "use": "sig", "alg": "Ed25519"}))
    assert (kids(load_ring(path)), load_ring(path).sequence) == (["first"], 0)
    rotate(path, NOW)
    assert kids(load_ring(path))[1] == "first"


def test_retired_key_is_dropped_from_the_disk_for_good(path):
    first = load_signing_key(path)
    secret = json.loads(path.read_text())["keys"][0]["d"]
    rotate(path, NOW, overlap=1)
    assert drop_retired(path, NOW + 3599) == []
    assert secret in path.read_text()
    assert drop_retired(path, NOW + 3600) == [first.kid]
    assert secret not in path.read_text()
    assert len(load_ring(path).keys) == 1 and load_ring(path).sequence == 1
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, path.name + ".lock"}


@pytest.mark.parametrize("overlap", [-1, 0, SHORTEST_OVERLAP - 0.001, LONGEST_OVERLAP + 1, float("nan"), float("inf")])
def test_overlap_out_of_bounds_changes_nothing(path, overlap):
    before = path.read_bytes()
    with pytest.raises(SigningKeyError, match="overlap is"):
        rotate(path, NOW, overlap=overlap)
    assert path.read_bytes() == before


def test_rotations_in_a_row_are_bounded_and_an_older_key_never_outlives_a_newer_one(path):
    rotate(path, NOW, overlap=48)
    rotate(path, NOW + 10, overlap=1)
    untils = [one.until for one in load_ring(path).keys]
    assert untils == [None, int(NOW) + 3610, int(NOW) + 3610]
    rotate(path, NOW + 20, overlap=1)
    assert len(load_ring(path).keys) == MAX_KEYS
    with pytest.raises(SigningKeyError, match="still in their overlap; rotate again after 2026"):
        rotate(path, NOW + 30)
    rotate(path, NOW + 3700)
    assert len(load_ring(path).keys) == 2 and load_ring(path).sequence == 4


def test_rotations_at_the_same_time_lose_none(path):
    failures = []

    def turn():
        try:
            rotate(path, NOW)
        except SigningKeyError as error:
            failures.append(error)

    threads = [threading.Thread(target=turn) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert load_ring(path).sequence == 3 and len(set(kids(load_ring(path)))) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": None}, {"sequence": -1}, {"sequence": True}, {"sequence": "1"}, {"keys": []}, {"keys": {}},
        {"keys": "double"}, {"keys": "retired first"}, {"keys": "no until"}, {"keys": "public"},
    ],
    ids=str,
)  # fmt: skip
def test_ring_that_makes_no_sense_is_refused_without_quoting_it(path, change):
    rotate(path, NOW)
    document = json.loads(path.read_text())
    first, second = document["keys"]
    variants = {
        "double": [first, {**first, "until": 5}],
        "retired first": [second, first],
        "no until": [first, {**second, "until": None}],
        "public": [{name: value for name, value in first.items() if name != "d"}],
    }
    wanted = change.get("keys")
    document |= {"keys": variants[wanted]} if isinstance(wanted, str) else change
    path.write_text(json.dumps(document))
    with pytest.raises(SigningKeyError) as refused:
        load_ring(path)
    assert first["d"] not in str(refused.value) and second["d"] not in str(refused.value)


def test_nothing_private_in_its_repr(path):
    rotate(path, NOW)
    secrets = [row["d"] for row in json.loads(path.read_text())["keys"]]
    assert not any(secret in repr(load_ring(path)) for secret in secrets)


# --- the statement ------------------------------------------------------------------------------------------------


def test_statement_is_signed_with_the_newest_key_that_both_know(path):
    first = load_signing_key(path)
    rotate(path, NOW)
    second = load_signing_key(path)
    rotate(path, NOW)
    ring = load_ring(path)

    for known, signer in (([first.kid], first), ([second.kid, first.kid], second), ([ring.signing.kid], ring.signing)):
        text = ring.statement(known, NOW)
        assert text is not None and len(text) < MAX_STATEMENT / 2
        verified = jws.deserialize_compact(text, signer, algorithms=["Ed25519"])
        assert verified.headers() == {"typ": KEYS_TYP, "alg": "Ed25519", "kid": signer.kid}
        assert json.loads(verified.payload)["sequence"] == 2
        assert b'"d"' not in verified.payload
    assert ring.statement(["somebody else's"], NOW) is None
    assert ring.statement([first.kid], NOW + DAY) is None, "who was away for the whole overlap gets the file by hand"


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o705])
def test_nothing_is_signed_from_a_folder_that_others_can_enter(signing_key, settings, mode):
    folder = settings.SIGHTLINE.signing_key.parent
    assert current_ring().signing.kid == signing_key.kid
    folder.chmod(mode)
    try:
        with pytest.raises(SigningKeyError, match="chmod 700"):
            current_ring()
    finally:
        folder.chmod(0o700)
    assert current_ring().signing.kid == signing_key.kid
