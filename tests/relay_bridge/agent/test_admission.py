"""Who gets in: every way a site token can be wrong, with real keys."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from relay_bridge.agent.admission import Admission, AdmissionRefused
from relay_bridge.agent.memories import GrantEpochs, PresentedTokens
from relay_bridge.agent.trust import parse_token_keys
from relay_bridge.contract.tokens import CLOCK_SKEW, MAX_LIFE
from tests.relay_bridge.agent.support import AUDIENCE, ISSUER, SiteFolder

NOW = 1_795_370_000


class Door:
    """An admission with its keys, and the one question to it."""

    def __init__(self, site: SiteFolder, **memories: Any) -> None:
        self.site = site
        text = (site.folder / "trust/issuer.jwks.json").read_text()
        self.admission = Admission(parse_token_keys(text, where="keys"), issuer=ISSUER, audience=AUDIENCE, **memories)

    def admit(self, token: str, *, peer: str | None = None, now: float = NOW, session: str = "s1"):
        return self.admission.admit(token, peer or self.site.web_app_thumbprint, now, session=session)

    def reason(self, token: str, **situation: Any) -> str:
        with pytest.raises(AdmissionRefused) as refused:
            self.admit(token, **situation)
        assert len(token) < 20 or token not in refused.value.reason
        return refused.value.reason


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteFolder:
    return SiteFolder(Path(tmp_path_factory.mktemp("site")))


@pytest.fixture
def door(site: SiteFolder) -> Door:
    return Door(site)


def token(site: SiteFolder, **claims: Any) -> str:
    return site.token(now=NOW, **claims)


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
    assert "larger" in door.reason(token(site, acr="x" * 4096))
    assert "larger" in door.reason("é" * 100)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c.d", "..", "!!.e30.x", "bm8.e30.x", "W10.e30.x", "a.b.c"])
def test_what_is_no_token_is_refused(door: Door, text: str) -> None:
    door.reason(text)


def test_alg_none_is_refused(door: Door, site: SiteFolder) -> None:
    body = part(site.claims(now=NOW))
    for alg in ("none", "None", "NONE"):
        for signature in ("", "AAAA"):
            text = f"{part({'typ': 'at+jwt', 'alg': alg, 'kid': 'k1'})}.{body}.{signature}"
            assert door.reason(text) == "algorithm is not allowed"


def test_hs256_with_the_public_key_as_secret_is_refused(door: Door, site: SiteFolder) -> None:
    for public in (site.signing_key.as_dict(private=False)["x"], json.dumps(site.signing_key.as_dict(private=False))):
        key = OctKey.import_key(public)
        header = {"typ": "at+jwt", "alg": "HS256", "kid": "k1"}
        forged = jws.serialize_compact(header, json.dumps(site.claims(now=NOW)).encode(), key, ["HS256"])
        assert door.reason(forged) == "algorithm is not allowed"


def test_algorithm_of_another_key_is_refused(door: Door, site: SiteFolder) -> None:
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "k1"}  # k1 is Ed25519
    assert "not that of the key" in door.reason(site.sign(site.claims(now=NOW), header, site.ec_key))
    header = {"typ": "at+jwt", "alg": "EdDSA", "kid": "k1"}  # the name that RFC 9864 retired
    text = f"{part(header)}.{part(site.claims(now=NOW))}.AAAA"
    assert door.reason(text) == "algorithm is not allowed"


@pytest.mark.parametrize("stray", ["jku", "jwk", "x5u", "x5c", "crit", "b64", "cty", "zip", "x5t#S256"])
def test_header_that_brings_its_own_rules_is_refused(door: Door, site: SiteFolder, stray: str) -> None:
    rogue = OKPKey.generate_key("Ed25519")
    values: dict[str, Any] = {
        "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert", "jwk": rogue.as_dict(private=False),
        "x5c": ["MIIB"], "crit": ["b64"], "b64": True,
    }  # fmt: skip
    header = {"typ": "at+jwt", "alg": "Ed25519", "kid": "k1", stray: values.get(stray, "x")}
    text = f"{part(header)}.{part(site.claims(now=NOW))}.AAAA"
    assert door.reason(text) == "header carries more than typ, alg and kid"


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+JWT", "application/at+jwt", "id_token", 5])
def test_other_types_of_token_are_refused(door: Door, site: SiteFolder, typ: object) -> None:
    header = {"alg": "Ed25519", "kid": "k1"} | ({} if typ is None else {"typ": typ})
    assert "typ" in door.reason(f"{part(header)}.{part(site.claims(now=NOW))}.AAAA")


@pytest.mark.parametrize("kid", [None, "k9", "", "../k1", ["k1"], 1])
def test_key_that_is_not_pinned_is_refused(door: Door, site: SiteFolder, kid: object) -> None:
    header = {"typ": "at+jwt", "alg": "Ed25519"} | ({} if kid is None else {"kid": kid})
    assert "not pinned" in door.reason(f"{part(header)}.{part(site.claims(now=NOW))}.AAAA")


# --- signature and shape --------------------------------------------------------------------------------------


def test_foreign_key_under_a_pinned_name_is_refused(door: Door, site: SiteFolder) -> None:
    rogue = OKPKey.generate_key("Ed25519")
    assert door.reason(site.sign(site.claims(now=NOW), key=rogue)) == "bad signature"
    header = {"typ": "at+jwt", "alg": "ES256", "kid": "k2"}
    assert door.reason(site.sign(site.claims(now=NOW), header, ECKey.generate_key("P-256"))) == "bad signature"


def test_changed_claims_are_refused(door: Door, site: SiteFolder) -> None:
    head, _, signature = token(site, scope="status:read").split(".")
    richer = part(site.claims(now=NOW, scope="data:live"))
    assert door.reason(f"{head}.{richer}.{signature}") == "bad signature"


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
    assert "shape" in door.reason(token(site, **change))


@pytest.mark.parametrize("change", [{"jti": ""}, {"jti": "x" * 129}, {"gid": ""}, {"gid": "x" * 129}, {"gep": -1}])
def test_claims_out_of_bounds_are_refused(door: Door, site: SiteFolder, change: dict[str, Any]) -> None:
    assert "bounds" in door.reason(token(site, **change))


# --- addressing and time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", ["https://evil.example.com", ISSUER + "/", ISSUER.upper(), ""])
def test_another_issuer_is_refused(door: Door, site: SiteFolder, issuer: str) -> None:
    assert door.reason(token(site, iss=issuer)) == "another issuer"


@pytest.mark.parametrize("audience", ["https://hmi.example.com/sites/south", AUDIENCE + "/", AUDIENCE[:-1], ""])
def test_another_site_s_token_is_refused(door: Door, site: SiteFolder, audience: str) -> None:
    assert door.reason(token(site, aud=audience)) == "made for another site"


def test_expired_token_is_refused_after_the_clock_allowance(door: Door, site: SiteFolder) -> None:
    text = token(site, life=60)
    assert "expired" in door.reason(text, now=NOW + 60 + CLOCK_SKEW)
    assert door.admit(text, now=NOW + 60 + CLOCK_SKEW - 1).exp == NOW + 60


def test_token_of_the_future_is_refused_before_the_clock_allowance(door: Door, site: SiteFolder) -> None:
    text = token(site, nbf=NOW + 100)
    assert "not valid yet" in door.reason(text, now=NOW + 100 - CLOCK_SKEW - 1)
    assert door.admit(text, now=NOW + 100 - CLOCK_SKEW)


def test_token_issued_in_the_future_is_refused(door: Door, site: SiteFolder) -> None:
    # Its own times would make it a short token with a long life from now.
    text = token(site, iat=NOW + 3600, nbf=NOW, exp=NOW + 3700)
    assert "issued in the future" in door.reason(text)


@pytest.mark.parametrize("life", [MAX_LIFE + 1, 86_400, 10**12])
def test_too_long_life_is_refused_whatever_the_issuer_says(door: Door, site: SiteFolder, life: int) -> None:
    assert "life" in door.reason(token(site, life=life))


def test_life_that_ends_before_it_began_is_refused(door: Door, site: SiteFolder) -> None:
    assert "life" in door.reason(token(site, iat=NOW + 10, nbf=NOW, exp=NOW + 10))


# --- replay, binding, epoch, scopes -----------------------------------------------------------------------------


def test_read_token_may_come_again_on_its_session_only(door: Door, site: SiteFolder) -> None:
    text = token(site)
    door.admit(text, session="s1")
    door.admit(text, session="s1")
    assert door.reason(text, session="s2") == "already presented on another session"


def test_write_token_is_good_once(door: Door, site: SiteFolder) -> None:
    text = token(site, scope="setpoint:write", life=30)
    door.admit(text)
    assert "single-use" in door.reason(text)


def test_token_of_another_certificate_is_refused(door: Door, site: SiteFolder) -> None:
    assert door.reason(token(site), peer="A" * 43) == "bound to another certificate"
    assert door.reason(token(site, cnf={"x5t#S256": ""})) == "bound to another certificate"


def test_refused_token_does_not_use_up_its_id(door: Door, site: SiteFolder) -> None:
    text = token(site)
    door.reason(text, peer="A" * 43, session="thief")
    assert door.admit(text, session="owner")


def test_lower_epoch_of_a_grant_is_refused_for_ever(door: Door, site: SiteFolder) -> None:
    door.admit(token(site, gid="g", gep=5))
    assert "epoch" in door.reason(token(site, gid="g", gep=4))
    door.admit(token(site, gid="g", gep=5))
    door.admit(token(site, gid="other", gep=1))
    door.admit(token(site, gid="g", gep=6))
    assert "epoch" in door.reason(token(site, gid="g", gep=5))


def test_admitted_token_falls_with_its_grant(door: Door, site: SiteFolder) -> None:
    admitted = door.admit(token(site, gid="g", gep=5))
    assert door.admission.still_holds(admitted, NOW + 10)
    door.admit(token(site, gid="g", gep=6))
    assert not door.admission.still_holds(admitted, NOW + 10)


@pytest.mark.parametrize("scope", ["data:live root", "*", "data:live.all", "DATA:LIVE"])
def test_unknown_scope_is_refused_whole(door: Door, site: SiteFolder, scope: str) -> None:
    assert door.reason(token(site, scope=scope)) == "unknown scope"


def test_token_for_nothing_is_refused(door: Door, site: SiteFolder) -> None:
    assert door.reason(token(site, scope="")) == "no scope"


# --- bounded memory ---------------------------------------------------------------------------------------------


def test_full_replay_memory_refuses_and_recovers(site: SiteFolder) -> None:
    door = Door(site, presented=PresentedTokens(limit=2))
    first = token(site)
    door.admit(first)
    door.admit(token(site))
    assert "full" in door.reason(token(site))
    assert door.reason(first, session="s2") == "already presented on another session"
    later = NOW + 120 + CLOCK_SKEW + 1
    assert door.admit(site.token(now=later), now=later)


def test_full_epoch_memory_refuses_and_recovers(site: SiteFolder) -> None:
    door = Door(site, epochs=GrantEpochs(limit=1))
    door.admit(token(site, gid="a", gep=9))
    assert "full" in door.reason(token(site, gid="b"))
    assert "epoch" in door.reason(token(site, gid="a", gep=8))
    later = NOW + MAX_LIFE + 2 * CLOCK_SKEW + 1
    assert door.admit(site.token(now=later, gid="b"), now=later)
