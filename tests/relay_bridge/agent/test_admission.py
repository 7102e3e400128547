"""Who gets in: every way a site token can be wrong, with real keys; each refused for its own reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from relay_bridge.agent.admission import Admission, AdmissionRefused
from relay_bridge.agent.memories import BLIND_TIME, EPOCH_MEMORY, AdmissionMemory
from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.agent.trust import parse_token_keys
from relay_bridge.contract.refusals import TOKEN_REFUSALS
from relay_bridge.contract.tokens import CLOCK_SKEW, MAX_LIFE, PROOF_LIFE, WRITE_LIFE
from tests.relay_bridge.agent.support import AUDIENCE, ISSUER, SiteFolder

NOW = 1_795_370_000


class Door:
    """An admission with its keys, and the one question to it. ``store``: the file of its memory, opened long ago."""

    seen: ClassVar[set[str]] = set()  # every reason that any of these tests met

    def __init__(
        self, site: SiteFolder, store: Path | None = None, can_record: Callable[[], bool] = lambda: True, **limits: int
    ) -> None:
        self.site = site
        text = (site.folder / "trust/issuer.jwks.json").read_text()
        memory = AdmissionMemory(ReplayStore(store) if store else None, **limits)
        memory.open(NOW - BLIND_TIME)
        self.admission = Admission(
            parse_token_keys(text, where="keys"), issuer=ISSUER, audience=AUDIENCE, memory=memory, can_record=can_record
        )

    def admit(self, token: str, *, peer: str | None = None, now: float = NOW, session: str = "s1"):
        return self.admission.admit(token, peer or self.site.web_app_thumbprint, now, session=session)

    def reason(self, token: str, **situation: Any) -> str:
        with pytest.raises(AdmissionRefused) as refused:
            self.admit(token, **situation)
        assert len(token) < 20 or token not in refused.value.reason
        self.seen.add(refused.value.code)
        return refused.value.code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteFolder:
    return SiteFolder(Path(tmp_path_factory.mktemp("site")))


@pytest.fixture
def door(site: SiteFolder, tmp_path: Path) -> Iterator[Door]:
    door = Door(site, tmp_path / "admission.sqlite3")
    yield door
    door.admission.memory.close()


def token(site: SiteFolder, **claims: Any) -> str:
    return site.token(now=NOW, **claims)


def write_claims(site: SiteFolder, now: int = NOW, **changes: Any) -> dict[str, Any]:
    """Claims of a token that may change one setpoint; ``detail`` changes what it names."""
    detail = {
        "type": "setpoint", "tag": "FT-1.sp", "value": 12.5, "unit": "m³/h", "expected": 10.0, "valid_until": now + 30,
        **changes.pop("detail", {}),
    }  # fmt: skip
    claims = {
        "scope": "setpoint:write", "life": WRITE_LIFE, "acr": "mfa", "amr": ["pwd", "otp", "mfa"],
        "auth_time": now - 60, "authorization_details": [detail], **changes,
    }  # fmt: skip
    return site.claims(now=now, **claims)


def write_token(site: SiteFolder, **changes: Any) -> str:
    return site.sign(write_claims(site, **changes))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_good_token_opens_what_it_says(door: Door, site: SiteFolder) -> None:
    admitted = door.admit(token(site, scope="data:live alarm:read", gep=7))
    assert admitted.scopes == {"data:live", "alarm:read"}
    assert (admitted.exp, admitted.gid, admitted.gep) == (NOW + 120, "grant-1", 7)


def test_es256_is_accepted_with_its_own_key(door: Door, site: SiteFolder) -> None:
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "k2"}
    assert door.admit(site.sign(site.claims(now=NOW), header, site.ec_key)).scopes == {"data:live"}


# --- size and header ------------------------------------------------------------------------------------------


def test_oversize_token_is_refused_unread(door: Door, site: SiteFolder) -> None:
    assert door.reason(token(site, acr="x" * 4096)) == "oversized"
    assert door.reason("é" * 100) == "oversized"


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c.d", "..", "!!.e30.x", "bm8.e30.x", "W10.e30.x", "a.b.c"])
def test_what_is_no_token_is_refused(door: Door, text: str) -> None:
    assert door.reason(text) in {"malformed", "header-typ"}


def test_alg_none_is_refused(door: Door, site: SiteFolder) -> None:
    body = part(site.claims(now=NOW))
    for alg in ("none", "None", "NONE"):
        for signature in ("", "AAAA"):
            text = f"{part({'typ': 'at+jwt', 'alg': alg, 'kid': 'k1'})}.{body}.{signature}"
            assert door.reason(text) == "header-alg"


def test_hs256_with_the_public_key_as_secret_is_refused(door: Door, site: SiteFolder) -> None:
    for public in (site.signing_key.as_dict(private=False)["x"], json.dumps(site.signing_key.as_dict(private=False))):
        key = OctKey.import_key(public)
        header = {"typ": "at+jwt", "alg": "HS256", "kid": "k1"}
        forged = jws.serialize_compact(header, json.dumps(site.claims(now=NOW)).encode(), key, ["HS256"])
        assert door.reason(forged) == "header-alg"


def test_algorithm_of_another_key_is_refused(door: Door, site: SiteFolder) -> None:
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "k1"}  # k1 is Ed25519
    assert door.reason(site.sign(site.claims(now=NOW), header, site.ec_key)) == "key-alg"
    header = {"typ": "at+jwt", "alg": "EdDSA", "kid": "k1"}  # the name that RFC 9864 retired
    text = f"{part(header)}.{part(site.claims(now=NOW))}.AAAA"
    assert door.reason(text) == "header-alg"


@pytest.mark.parametrize("stray", ["jku", "jwk", "x5u", "x5c", "crit", "b64", "cty", "zip", "x5t#S256"])
def test_header_that_brings_its_own_rules_is_refused(door: Door, site: SiteFolder, stray: str) -> None:
    rogue = OKPKey.generate_key("Ed25519")
    values: dict[str, Any] = {
        "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert", "jwk": rogue.as_dict(private=False),
        "x5c": ["MIIB"], "crit": ["b64"], "b64": True,
    }  # fmt: skip
    header = {"typ": "at+jwt", "alg": "Ed25519", "kid": "k1", stray: values.get(stray, "x")}
    text = f"{part(header)}.{part(site.claims(now=NOW))}.AAAA"
    assert door.reason(text) == "header-field"


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+JWT", "application/at+jwt", "id_token", 5])
def test_other_types_of_token_are_refused(door: Door, site: SiteFolder, typ: object) -> None:
    header = {"alg": "Ed25519", "kid": "k1"} | ({} if typ is None else {"typ": typ})
    assert door.reason(f"{part(header)}.{part(site.claims(now=NOW))}.AAAA") == "header-typ"


@pytest.mark.parametrize("kid", [None, "k9", "", "../k1", ["k1"], 1])
def test_key_that_is_not_pinned_is_refused(door: Door, site: SiteFolder, kid: object) -> None:
    header = {"typ": "at+jwt", "alg": "Ed25519"} | ({} if kid is None else {"kid": kid})
    assert door.reason(f"{part(header)}.{part(site.claims(now=NOW))}.AAAA") == "key-unknown"


# --- signature and shape --------------------------------------------------------------------------------------


def test_foreign_key_under_a_pinned_name_is_refused(door: Door, site: SiteFolder) -> None:
    rogue = OKPKey.generate_key("Ed25519")
    assert door.reason(site.sign(site.claims(now=NOW), key=rogue)) == "signature"
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "k2"}
    assert door.reason(site.sign(site.claims(now=NOW), header, ECKey.generate_key("P-256"))) == "signature"


def test_changed_claims_are_refused(door: Door, site: SiteFolder) -> None:
    head, _, signature = token(site, scope="status:read").split(".")
    richer = part(site.claims(now=NOW, scope="data:live"))
    assert door.reason(f"{head}.{richer}.{signature}") == "signature"


@pytest.mark.parametrize(
    "change",
    [{name: None} for name in ("iss", "aud", "sub", "client_id", "iat", "nbf", "exp", "jti", "scope", "gid", "cnf")]
    + [
        {"gep": None},
        {"admin": True}, {"aud": [AUDIENCE]}, {"exp": str(NOW + 60)}, {"exp": NOW + 60.5}, {"gep": True},
        {"cnf": {"jkt": "x"}}, {"cnf": "x"}, {"scope": ["data:live"]}, {"authorization_details": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_claims_of_another_shape_are_refused(door: Door, site: SiteFolder, change: dict[str, Any]) -> None:
    assert door.reason(token(site, **change)) == "claims-shape"


@pytest.mark.parametrize(
    "change",
    [{"jti": ""}, {"jti": "x" * 129}, {"gid": ""}, {"gid": "x" * 129}, {"gep": -1}, {"gep": 2**60}, {"sub": "x" * 129}],
)
def test_claims_out_of_bounds_are_refused(door: Door, site: SiteFolder, change: dict[str, Any]) -> None:
    assert door.reason(token(site, **change)) == "claims-bounds"


# --- addressing and time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ["https://evil.example.com", ISSUER + "/", ISSUER.upper(), ""])
def test_another_issuer_is_refused(door: Door, site: SiteFolder, issuer: str) -> None:
    assert door.reason(token(site, iss=issuer)) == "issuer"


@pytest.mark.parametrize("audience", ["https://hmi.example.com/sites/south", AUDIENCE + "/", AUDIENCE[:-1], ""])
def test_another_site_s_token_is_refused(door: Door, site: SiteFolder, audience: str) -> None:
    assert door.reason(token(site, aud=audience)) == "audience"


def test_expired_token_is_refused_after_the_clock_allowance(door: Door, site: SiteFolder) -> None:
    text = token(site, life=60)
    assert door.reason(text, now=NOW + 60 + CLOCK_SKEW) == "expired"
    assert door.admit(text, now=NOW + 60 + CLOCK_SKEW - 1).exp == NOW + 60


def test_token_of_the_future_is_refused_before_the_clock_allowance(door: Door, site: SiteFolder) -> None:
    text = token(site, nbf=NOW + 100)
    assert door.reason(text, now=NOW + 100 - CLOCK_SKEW - 1) == "not-yet-valid"
    assert door.admit(text, now=NOW + 100 - CLOCK_SKEW)


def test_token_issued_in_the_future_is_refused(door: Door, site: SiteFolder) -> None:
    # Its own times would make it a short token with a long life from now.
    text = token(site, iat=NOW + 3600, nbf=NOW, exp=NOW + 3700)
    assert door.reason(text) == "issued-in-future"


@pytest.mark.parametrize("life", [MAX_LIFE + 1, 86_400, 10**12])
def test_too_long_life_is_refused_whatever_the_issuer_says(door: Door, site: SiteFolder, life: int) -> None:
    assert door.reason(token(site, life=life)) == "life"


def test_life_that_ends_before_it_began_is_refused(door: Door, site: SiteFolder) -> None:
    assert door.reason(token(site, iat=NOW + 10, nbf=NOW, exp=NOW + 10)) == "life"


# --- replay, binding, epoch, scopes -----------------------------------------------------------------------------


def test_read_token_may_come_again_on_its_session_only(door: Door, site: SiteFolder) -> None:
    text = token(site)
    door.admit(text, session="s1")
    door.admit(text, session="s1")
    assert door.reason(text, session="s2") == "replayed-elsewhere"


def test_write_token_is_good_once(door: Door, site: SiteFolder) -> None:
    text = write_token(site)
    admitted = door.admit(text)
    assert admitted.write is not None and (admitted.write.tag, admitted.write.value) == ("FT-1.sp", 12.5)
    assert door.reason(text) == "replayed-write"
    assert door.reason(text, session="s2") == "replayed-elsewhere"


def test_token_of_another_certificate_is_refused(door: Door, site: SiteFolder) -> None:
    assert door.reason(token(site), peer="A" * 43) == "certificate"
    assert door.reason(token(site, cnf={"x5t#S256": ""})) == "certificate"


def test_refused_token_does_not_use_up_its_id(door: Door, site: SiteFolder) -> None:
    text = token(site)
    door.reason(text, peer="A" * 43, session="thief")
    assert door.admit(text, session="owner")


def test_lower_epoch_of_a_grant_is_refused_for_ever(door: Door, site: SiteFolder) -> None:
    door.admit(token(site, gid="g", gep=5))
    assert door.reason(token(site, gid="g", gep=4)) == "epoch"
    door.admit(token(site, gid="g", gep=5))
    door.admit(token(site, gid="other", gep=1))
    door.admit(token(site, gid="g", gep=6))
    assert door.reason(token(site, gid="g", gep=5)) == "epoch"


def test_admitted_token_falls_with_its_grant(door: Door, site: SiteFolder) -> None:
    admitted = door.admit(token(site, gid="g", gep=5))
    assert door.admission.still_holds(admitted, NOW + 10)
    door.admit(token(site, gid="g", gep=6))
    assert not door.admission.still_holds(admitted, NOW + 10)


@pytest.mark.parametrize("scope", ["data:live root", "*", "data:live.all", "DATA:LIVE"])
def test_unknown_scope_is_refused_whole(door: Door, site: SiteFolder, scope: str) -> None:
    assert door.reason(token(site, scope=scope)) == "scope-unknown"


def test_token_for_nothing_is_refused(door: Door, site: SiteFolder) -> None:
    assert door.reason(token(site, scope="")) == "scope-none"


# --- writes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"authorization_details": None}, "details"),
        ({"authorization_details": []}, "details"),
        ({"detail": {"type": "command"}}, "details"),
        ({"detail": {"tag": "ns=2;s=FT-1"}}, "details"),
        ({"detail": {"tag": None}}, "details"),
        ({"detail": {"value": None}}, "details"),
        ({"detail": {"value": [1]}}, "details"),
        ({"detail": {"value": 2**60}}, "details"),
        ({"detail": {"value": "x" * 65}}, "details"),
        ({"detail": {"unit": 5}}, "details"),
        ({"detail": {"node": "i=2258"}}, "details"),
        ({"detail": {"valid_until": str(NOW)}}, "details"),
        ({"detail": {"valid_until": NOW + WRITE_LIFE + 1}}, "details-expired"),
        ({"detail": {"valid_until": NOW}}, "details-expired"),
        ({"life": WRITE_LIFE + 1}, "write-life"),
        ({"scope": "setpoint:write data:live"}, "scope-mixed"),
        ({"scope": "setpoint:write command:execute"}, "scope-mixed"),
        ({"scope": "command:execute"}, "details"),
        ({"scope": "data:live"}, "details-unasked"),
        ({"acr": "pwd"}, "write-proof"),
        ({"acr": None}, "write-proof"),
        ({"auth_time": None}, "write-proof"),
        ({"auth_time": NOW - PROOF_LIFE - 1}, "write-proof"),
        ({"auth_time": NOW + 1}, "write-proof"),
    ],
    ids=str,
)
def test_write_that_is_not_fixed_in_full_is_refused(
    door: Door, site: SiteFolder, changes: dict[str, Any], reason: str
) -> None:
    assert door.reason(write_token(site, **changes)) == reason


def test_two_changes_in_one_token_are_refused(door: Door, site: SiteFolder) -> None:
    claims = write_claims(site)
    claims["authorization_details"] *= 2
    assert door.reason(site.sign(claims)) == "details"


@pytest.mark.parametrize("acr", ["mfa", "phr"])
def test_both_kinds_of_second_factor_open_a_write(door: Door, site: SiteFolder, acr: str) -> None:
    assert door.admit(write_token(site, acr=acr)).write


def test_write_is_refused_while_nothing_can_be_recorded(site: SiteFolder, tmp_path: Path) -> None:
    recording = False
    door = Door(site, tmp_path / "m.sqlite3", can_record=lambda: recording)
    text = write_token(site)
    assert door.reason(text) == "journal-lost"
    assert door.admit(token(site))
    recording = True
    assert door.admit(text), "the refusal has not used it up"


# --- the order in which it is asked ----------------------------------------------------------------------------------

# Each step spoils one more thing; what is reported is always the first in the agent's order, the last of this list.
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("write-proof", {"acr": "pwd"}),
    ("write-life", {"life": 200}),
    ("details-expired", {"detail": {"valid_until": NOW - 5}}),
    ("details", {"detail": {"tag": ""}}),
    ("scope-mixed", {"scope": "setpoint:write data:live"}),
    ("scope-unknown", {"scope": "setpoint:write root"}),
    ("epoch", {"gid": "old", "gep": 1}),
    ("certificate", {"cnf": {"x5t#S256": "A" * 43}}),
    ("replayed-elsewhere", {"jti": "known"}),
    ("life", {"life": MAX_LIFE + 1}),
    ("issued-in-future", {"iat": NOW + 90, "exp": NOW + 80}),
    ("expired", {"exp": NOW - 3600}),
    ("not-yet-valid", {"nbf": NOW + 3600}),
    ("audience", {"aud": "https://hmi.example.com/sites/south"}),
    ("issuer", {"iss": "https://evil.example.com"}),
    ("claims-bounds", {"jti": ""}),
    ("claims-shape", {"admin": True}),
]


def test_checks_come_in_the_papers_order(door: Door, site: SiteFolder) -> None:
    door.admit(token(site, gid="old", gep=2))
    door.admit(token(site, jti="known"), session="s0")
    spoiled: dict[str, Any] = {}
    for reason, fault in FAULTS:
        spoiled |= fault
        assert door.reason(write_token(site, **spoiled)) == reason
    claims = write_claims(site, **spoiled)
    assert door.reason(site.sign(claims, key=OKPKey.generate_key("Ed25519"))) == "signature"
    rogue = {"typ": "at+jwt", "alg": "ES256", "kid": "k1"}
    assert door.reason(f"{part(rogue)}.{part(claims)}.AAAA") == "key-alg"
    assert door.reason(f"{part(rogue | {'kid': 'k9'})}.{part(claims)}.AAAA") == "key-unknown"
    assert door.reason(f"{part(rogue | {'kid': 'k9', 'alg': 'none'})}.{part(claims)}.AAAA") == "header-alg"
    assert door.reason(f"{part({'alg': 'none'})}.{part(claims)}.AAAA") == "header-typ"
    assert door.reason(f"{part({'alg': 'none', 'jku': 'x'})}.{part(claims)}.AAAA") == "header-field"
    assert door.reason(f"!.{part(claims)}.AAAA") == "malformed"
    assert door.reason(f"!.{'A' * 5000}.AAAA") == "oversized"


# --- altered on the way: every claim, every header field, every part --------------------------------------------


def altered(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return [*value, "x"]
    return {**value, "x": "y"}


def test_every_altered_claim_is_refused(door: Door, site: SiteFolder) -> None:
    claims = write_claims(site)
    head, _, signature = site.sign(claims).split(".")
    for name in claims:
        for changed in ({**claims, name: altered(claims[name])}, {k: v for k, v in claims.items() if k != name}):
            assert door.reason(f"{head}.{part(changed)}.{signature}") == "signature", name
    assert door.reason(f"{head}.{part({**claims, 'admin': True})}.{signature}") == "signature"


def test_every_altered_header_field_is_refused(door: Door, site: SiteFolder) -> None:
    header = {"typ": "at+jwt", "alg": "Ed25519", "kid": "k1"}
    _, body, signature = site.sign(write_claims(site)).split(".")
    reasons = {"typ": "header-typ", "alg": "header-alg", "kid": "key-unknown"}
    for name, reason in reasons.items():
        for changed in ({**header, name: altered(header[name])}, {k: v for k, v in header.items() if k != name}):
            assert door.reason(f"{part(changed)}.{body}.{signature}") == reason
    assert door.reason(f"{part({**header, 'x': 1})}.{body}.{signature}") == "header-field"
    # The same header in other words is another header: it is what was signed that counts.
    spaced = base64.urlsafe_b64encode(json.dumps(header, indent=1).encode()).rstrip(b"=").decode()
    assert door.reason(f"{spaced}.{body}.{signature}") == "signature"


def test_no_altered_character_gets_in_twice(door: Door, site: SiteFolder) -> None:
    """Whatever character of a used write token is altered, it is refused: at the latest as presented already."""
    text = write_token(site)
    door.admit(text)
    for place in range(0, len(text), 3):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert door.reason(changed) in TOKEN_REFUSALS


# --- clocks -----------------------------------------------------------------------------------------------------------

HOUR = 3600
CLOCKS: list[tuple[str, float, str]] = [
    # what is the matter, how far this machine's clock is ahead of the issuer's, what becomes of a fresh token
    ("right", 0, ""),
    ("29 s ahead", 29, ""),
    ("29 s behind", -29, ""),
    ("30 s behind, the last moment", -30, ""),
    ("31 s behind", -31, "not-yet-valid"),
    ("ahead to the last second of the token", 120 + 29, ""),
    ("ahead past the token", 120 + 30, "expired"),
    ("an hour ahead: summer time set by hand", HOUR, "expired"),
    ("an hour behind", -HOUR, "not-yet-valid"),
    ("a leap second behind", -1, ""),
    ("started in 1970", -NOW, "not-yet-valid"),
    ("after 2038", 2**31 - NOW + 1, "expired"),
]


@pytest.mark.parametrize(("matter", "ahead", "reason"), CLOCKS, ids=[row[0] for row in CLOCKS])
def test_clock_cases(door: Door, site: SiteFolder, matter: str, ahead: float, reason: str) -> None:
    text = token(site, life=120)
    if reason:
        assert door.reason(text, now=NOW + ahead) == reason
    else:
        assert door.admit(text, now=NOW + ahead).exp == NOW + 120


def test_clock_set_back_makes_no_presented_token_new(door: Door, site: SiteFolder) -> None:
    text = token(site)
    door.admit(text)
    for later in (NOW + HOUR, NOW):  # ahead, and back again
        door.admit(site.token(now=int(later)), now=later)
    assert door.reason(text, session="s2") == "replayed-elsewhere"


# --- bounded memory ---------------------------------------------------------------------------------------------


def test_full_replay_memory_refuses_writes_forgets_nothing_and_recovers(site: SiteFolder, tmp_path: Path) -> None:
    door = Door(site, tmp_path / "full.sqlite3", max_token_ids=2)
    first = token(site)
    door.admit(first)
    door.admit(token(site))
    assert door.reason(write_token(site)) == "memory-full"
    assert door.admit(token(site)).scopes == {"data:live"}, "whoever only looks must not lose sight of the plant"
    assert door.reason(first, session="s2") == "replayed-elsewhere"
    assert len(door.admission.memory) == 2
    later = NOW + 120 + CLOCK_SKEW + 1
    assert door.admit(write_token(site, now=later), now=later)


def test_full_epoch_memory_refuses_writes_and_recovers(site: SiteFolder, tmp_path: Path) -> None:
    door = Door(site, tmp_path / "full.sqlite3", max_grants=1)
    door.admit(token(site, gid="a", gep=9))
    assert door.reason(write_token(site, gid="b")) == "memory-full"
    assert door.admit(token(site, gid="b"))
    assert door.reason(token(site, gid="a", gep=8)) == "epoch"
    later = NOW + EPOCH_MEMORY + 1
    assert door.admit(write_token(site, now=later, gid="b"), now=later)


def test_without_a_file_nothing_that_writes_is_let_in(site: SiteFolder) -> None:
    door = Door(site)
    assert door.reason(write_token(site)) == "memory-lost"
    assert door.admit(token(site))


def test_presented_ids_and_epochs_survive_a_restart(site: SiteFolder, tmp_path: Path) -> None:
    before, write, read = Door(site, tmp_path / "kept.sqlite3"), write_token(site), token(site, gid="g", gep=5)
    before.admit(write)
    before.admit(read)
    before.admission.memory.close()

    after = Door(site, tmp_path / "kept.sqlite3")
    assert after.reason(write) == "replayed-write"
    assert after.reason(write, session="s9") == "replayed-elsewhere"
    assert after.reason(read, session="s9") == "replayed-elsewhere"
    assert after.reason(token(site, gid="g", gep=4)) == "epoch"
    assert after.admit(write_token(site, gid="g", gep=5)), "what is new is let in at once: nothing was forgotten"


# --- last: keep it last, it looks back at all of the above ------------------------------------------------------------


def test_retired_key_has_its_own_reason(site: SiteFolder) -> None:
    rows = [{**key.as_dict(private=False), "until": NOW} for key in (site.signing_key,)]
    keys = parse_token_keys(json.dumps({"keys": rows}), where="keys")
    admission = Admission(keys, issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(AdmissionRefused) as refused:
        admission.admit(token(site), site.web_app_thumbprint, NOW, session="s1")
    Door.seen.add(refused.value.code)
    assert refused.value.code == "key-retired"
    admitted = admission.admit(token(site, iat=NOW - 1, nbf=NOW - 1), site.web_app_thumbprint, NOW - 1, session="s1")
    assert admission.still_holds(admitted, NOW - 1) and not admission.still_holds(admitted, NOW)


def test_every_reason_of_the_closed_list_was_met(request: pytest.FixtureRequest) -> None:
    if len(request.session.items) > 1:  # only when this file was run as a whole
        whole = [item for item in request.session.items if item.path == request.path]
        if len(whole) > 100:
            assert Door.seen == TOKEN_REFUSALS.keys()
