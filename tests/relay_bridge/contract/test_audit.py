"""One shape and one canonical form for both ends, byte for byte."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from relay_bridge.contract.audit import (
    AGENT_TAGS,
    NO_HASH,
    AuditEvent,
    checkpoint_bytes,
    cut,
    event_hash,
    hash_of,
    looks_secret,
    refusal_tag,
)
from relay_bridge.contract.refusals import TOKEN_REFUSALS

EVENT = AuditEvent(
    chain="web", seq=1, at=1_790_000_000_123, tag="grant:role:given", result="done",
    actor="3d6f0a52-6a0b-4f0e-9d55-0a2f0f5c8f10", username="alice", site_id="", site="north", subject="bob",
    reason="night “shift”", source="192.0.2.17", request_id="", facts={"role": "viewer", "epoch": "1"},
    previous=NO_HASH,
)  # fmt: skip
CANONICAL = (
    '["sightline-audit-1","web",1,1790000000123,"grant:role:given","done","3d6f0a52-6a0b-4f0e-9d55-0a2f0f5c8f10",'
    '"alice","","north","bob","night “shift”","192.0.2.17","",{"epoch":"1","role":"viewer"},"' + NO_HASH + '"]'
)


def test_canonical_form_is_these_bytes() -> None:
    assert hash_of(EVENT) == hashlib.sha256(CANONICAL.encode()).hexdigest()


def test_order_of_facts_does_not_matter_and_everything_else_does() -> None:
    assert hash_of(msgspec.structs.replace(EVENT, facts={"epoch": "1", "role": "viewer"})) == hash_of(EVENT)
    for name in AuditEvent.__struct_fields__:
        if name in {"hash", "facts"}:
            continue
        value = getattr(EVENT, name)
        other = value + 1 if isinstance(value, int) else f"{value}x"
        assert hash_of(msgspec.structs.replace(EVENT, **{name: other})) != hash_of(EVENT), name


def test_what_moves_from_one_field_to_the_next_changes_the_hash() -> None:
    moved = msgspec.structs.replace(EVENT, subject="", reason="bobnight “shift”")
    assert hash_of(moved) != hash_of(EVENT)
    quoted = event_hash("web", 1, 2, "a", "b", "c", "d", "e", "f", "g", 'h","i', "", "", "{}", NO_HASH)
    assert quoted != event_hash("web", 1, 2, "a", "b", "c", "d", "e", "f", "g", "h", "i", "", "{}", NO_HASH)


def test_event_survives_the_wire() -> None:
    event = msgspec.structs.replace(EVENT, hash=hash_of(EVENT))
    assert msgspec.json.decode(msgspec.json.encode(event), type=AuditEvent) == event
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(event).replace(b'"done"', b'"perhaps"'), type=AuditEvent)


def test_checkpoint_signs_chain_number_hash_time_and_key() -> None:
    data = checkpoint_bytes("web", 7, "a" * 64, 8, "k")
    assert data == b'["sightline-checkpoint-1","web",7,"' + b"a" * 64 + b'",8,"k"]'


def test_each_way_to_refuse_a_token_has_a_tag_of_its_own() -> None:
    tags = {refusal_tag(code) for code in TOKEN_REFUSALS}
    assert len(tags) == len(TOKEN_REFUSALS) and tags <= AGENT_TAGS.keys()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln", True),
        ("SharedAccessSignature sr=x&sig=abc%3d&se=1", True),
        ("-----BEGIN PRIVATE KEY-----", True),
        ("k3v9s0q8x7w6e5r4t3y2u1i0o9p8a7s6", True),
        ("0123456789abcdef" * 4, True),
        ("3d6f0a52-6a0b-4f0e-9d55-0a2f0f5c8f10 alice", False),
        ("north-terminal-of-the-eastern-harbour-number-12", False),
        ("looks after the stock in the northern terminal", False),
    ],
)
def test_what_looks_secret(text: str, secret: bool) -> None:
    assert looks_secret(text) is secret


def test_cut_makes_one_line_of_a_bounded_length() -> None:
    assert cut("a\r\nb", 10) == "a  b"
    assert cut("x" * 400, 300) == "x" * 299 + "…"
