"""A site token is only ever a narrower, shorter statement of what a live first-party access token says."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import time

import msgspec
import pytest
from django.contrib.auth import get_user_model
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet
from oauth2_provider.models import AccessToken, Application

from accounts.first_party import end_access_token, open_access_token
from accounts.issuer import (
    MintRefused,
    Proof,
    SigningKeyError,
    create_signing_key,
    mint_site_token,
    public_jwks,
    rotate,
)
from accounts.issuer.mint import MINT_REFUSALS
from relay_bridge.contract.authorization_details import WriteDetail
from relay_bridge.contract.refusals import TOKEN_REFUSALS
from relay_bridge.contract.tokens import MAX_LIFE, MAX_TOKEN, PROOF_LIFE, READ_LIFE, WRITE_LIFE, SiteTokenClaims

pytestmark = pytest.mark.django_db
NORTH = "http://127.0.0.1:8000/sites/7f1c"
SOUTH = "http://127.0.0.1:8000/sites/8a2d"
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(b"certificate").digest()).rstrip(b"=").decode()
OPERATES = {"status:read", "data:live", "alarm:read", "setpoint:write"}


@pytest.fixture
def now():
    return float(int(time.time()))


@pytest.fixture
def row(alice, now, signing_key):
    return open_access_token(alice, resource=NORTH, scopes=OPERATES, now=now)


@pytest.fixture
def mint(row, now):
    def with_changes(access_token=row, **changes):
        asked = {
            "grant_id": "0c5d",
            "grant_epoch": 3,
            "audience": NORTH,
            "scopes": {"data:live"},
            "client_thumbprint": THUMBPRINT,
            "proof": Proof(int(now) - 600),
            "life": READ_LIFE,
            "now": now,
            **changes,
        }
        return mint_site_token(access_token, **asked)

    return with_changes


def read_payload(token):
    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token):
    return msgspec.json.decode(read_payload(token), type=SiteTokenClaims)


def test_token_holds_with_the_public_keys_alone(mint, signing_key, alice, now):
    """Checked with the JOSE library and the pinned key set, as a site would, and not with our own reading."""
    pinned = KeySet.import_key_set(json.loads(json.dumps(public_jwks(signing_key))))
    decoded = jwt.decode(mint(), pinned, algorithms=["Ed25519"])
    assert decoded.header == {"typ": "at+jwt", "alg": "Ed25519", "kid": signing_key.kid}
    jti = decoded.claims.pop("jti")
    assert len(base64.urlsafe_b64decode(jti + "==")) == 16
    assert decoded.claims == {
        "iss": "http://127.0.0.1:8000",
        "aud": NORTH,
        "sub": str(alice.subject),
        "client_id": "sightline-hmi",
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now) + READ_LIFE,
        "scope": "data:live",
        "gid": "0c5d",
        "gep": 3,
        "cnf": {"x5t#S256": THUMBPRINT},
        "acr": "pwd",
        "amr": ["pwd"],
        "auth_time": int(now) - 600,
    }


def test_another_key_does_not_verify_it(mint, tmp_path):
    (tmp_path / "other").mkdir(mode=0o700)
    other = create_signing_key(tmp_path / "other" / "key.json")
    with pytest.raises(BadSignatureError):
        jwt.decode(mint(), other, algorithms=["Ed25519"])


def test_claims_are_what_the_contract_reads(mint):
    assert claims_of(mint()).scopes == {"data:live"}


def test_token_says_nothing_about_who_the_person_is(mint, alice):
    payload = read_payload(mint()).decode()
    assert "alice" not in payload
    assert "@" not in payload


def test_every_token_is_another_one(mint):
    assert len({claims_of(mint()).jti for _ in range(50)}) == 50


def test_token_fits_into_what_a_site_reads(mint, alice, now):
    row = open_access_token(alice, resource=NORTH, scopes=OPERATES, now=now)
    assert len(mint(row, scopes=OPERATES - {"setpoint:write"})) < MAX_TOKEN / 4
    assert len(mint(row, **writing(now))) < MAX_TOKEN / 4


# --- narrowing ---------------------------------------------------------------------------------------------------


def test_without_naming_scopes_it_reads_and_never_writes(mint):
    assert claims_of(mint(scopes=None)).scopes == OPERATES - {"setpoint:write"}


def test_scopes_come_in_the_lists_order(mint):
    assert claims_of(mint(scopes=["alarm:read", "status:read"])).scope == "status:read alarm:read"


@pytest.mark.parametrize(
    ("scopes", "life", "lives"),
    [
        ({"data:live"}, READ_LIFE, READ_LIFE),
        ({"data:live"}, 10, 10),
        ({"data:live"}, 3600, MAX_LIFE),
    ],
)
def test_life_is_cut_to_what_the_scopes_allow(mint, scopes, life, lives):
    claims = claims_of(mint(scopes=scopes, life=life))
    assert claims.exp - claims.iat == lives


def test_never_outlives_the_access_token(mint, row, now):
    assert claims_of(mint(now=now + 250)).exp == int(row.expires.timestamp())


def test_unknown_time_of_sign_in_is_left_out(mint):
    assert "auth_time" not in json.loads(read_payload(mint(proof=Proof())))


def test_token_says_how_the_person_signed_in(mint, now):
    claims = claims_of(mint(proof=Proof(int(now) - 5, "phr", ("hwk", "user", "mfa"))))
    assert (claims.acr, claims.amr, claims.auth_time) == ("phr", ("hwk", "user", "mfa"), int(now) - 5)


# --- writes ------------------------------------------------------------------------------------------------------


def detail(now, **changes):
    facts = {"type": "setpoint", "tag": "FT-1.sp", "value": 12.5, "unit": "m³/h", "expected": 10.0}
    return WriteDetail(**{**facts, "valid_until": int(now) + 30, **changes})


def writing(now, **changes):
    return {
        "scopes": {"setpoint:write"},
        "write": detail(now),
        "proof": Proof(int(now) - 60, "mfa", ("pwd", "otp", "mfa")),
        **changes,
    }


@pytest.mark.parametrize(("life", "lives"), [(READ_LIFE, WRITE_LIFE), (10, 10)])
def test_write_names_its_one_change_and_lives_half_a_minute(mint, now, life, lives):
    claims = claims_of(mint(**writing(now), life=life))
    assert claims.exp - claims.iat == lives
    assert claims.scope == "setpoint:write"
    assert claims.authorization_details == (
        {"type": "setpoint", "tag": "FT-1.sp", "value": 12.5, "unit": "m³/h", "expected": 10.0,
         "valid_until": int(now) + 30},
    )  # fmt: skip


def test_second_person_is_named_and_must_be_another_one_who_may_sign_in(mint, alice, now):
    bob = get_user_model().objects.create_user("bob")
    claims = claims_of(mint(**writing(now, write=detail(now, approved_by=str(bob.subject)))))
    assert claims.authorization_details[0]["approved_by"] == str(bob.subject)
    bob.is_active = False
    bob.save()
    for approver in (str(bob.subject), str(alice.subject), str(alice.subject).upper(), "somebody"):
        with pytest.raises(MintRefused) as refused:
            mint(**writing(now, write=detail(now, approved_by=approver)))
        assert refused.value.code == "approval"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"write": None}, "details"),
        ({"write": {"type": "command"}}, "details"),
        ({"write": {"tag": "ns=2;s=FT"}}, "details"),
        ({"write": {"value": float("inf")}}, "details"),
        ({"write": {"value": float("nan")}}, "details"),
        ({"write": {"valid_until": 31}}, "details-expired"),
        ({"write": {"valid_until": 0}}, "details-expired"),
        ({"scopes": {"setpoint:write", "data:live"}}, "scope-mixed"),
        ({"scopes": {"data:live"}}, "details-unasked"),
        ({"proof": Proof()}, "write-proof"),
        ({"proof": {"acr": "pwd"}}, "write-proof"),
        ({"proof": {"acr": "mfa", "age": PROOF_LIFE + 1}}, "write-proof"),
    ],
)
def test_write_that_a_site_would_refuse_is_not_minted(mint, now, changes, code):
    changes = dict(changes)
    if isinstance(changes.get("write"), dict):
        facts = dict(changes["write"])
        if "valid_until" in facts:
            facts["valid_until"] += int(now)
        changes["write"] = detail(now, **facts)
    if isinstance(changes.get("proof"), dict):
        changes["proof"] = Proof(int(now) - changes["proof"].get("age", 60), changes["proof"]["acr"])
    with pytest.raises(MintRefused) as refusal:
        mint(**writing(now, **changes))
    assert refusal.value.code == code
    assert code in TOKEN_REFUSALS


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": SOUTH}, "another site"),
        ({"audience": NORTH + "/"}, "another site"),
        ({"audience": ""}, "another site"),
        ({"scopes": {"command:execute"}}, "does not hold the scope 'command:execute'"),
        ({"scopes": {"data:live", "audit:read"}}, "does not hold the scope 'audit:read'"),
        ({"scopes": {"everything"}}, "does not hold the scope 'everything'"),
        ({"scopes": set()}, "at least one scope"),
        ({"client_thumbprint": ""}, "thumbprint"),
        ({"client_thumbprint": THUMBPRINT + "="}, "thumbprint"),
        ({"client_thumbprint": THUMBPRINT + "\n"}, "thumbprint"),
        ({"client_thumbprint": "ab" * 32}, "thumbprint"),
        ({"grant_id": ""}, "grant"),
        ({"grant_epoch": -1}, "epoch"),
        ({"proof": Proof(-1)}, "sign-in"),
        ({"life": 0}, "at least a second"),
        ({"life": -5}, "at least a second"),
    ],
)
def test_what_is_not_covered_is_refused(mint, changes, reason):
    with pytest.raises(MintRefused, match=reason) as refusal:
        mint(**changes)
    assert refusal.value.reason == str(refusal.value)
    assert refusal.value.code in MINT_REFUSALS


def test_sign_in_in_the_future_is_refused(mint, now):
    with pytest.raises(MintRefused, match="future"):
        mint(proof=Proof(int(now) + 5))


@pytest.mark.parametrize("later", [300, 301, 86400])
def test_expired_access_token_mints_nothing(mint, now, later):
    with pytest.raises(MintRefused, match="expired"):
        mint(now=now + later)


def test_ended_access_token_mints_nothing_though_the_caller_still_holds_it(mint, row):
    mint()
    end_access_token(row)
    with pytest.raises(MintRefused, match="ended"):
        mint(row)


def test_row_that_was_narrowed_meanwhile_mints_only_that(mint, row):
    AccessToken.objects.filter(pk=row.pk).update(scope="status:read")
    with pytest.raises(MintRefused, match="data:live"):
        mint(row)


def test_scope_written_into_the_row_by_hand_is_refused(mint, row):
    AccessToken.objects.filter(pk=row.pk).update(scope="status:read everything")
    with pytest.raises(MintRefused, match="closed list"):
        mint(row, scopes={"everything"})
    with pytest.raises(MintRefused, match="closed list"):
        mint(row, scopes=None)


@pytest.mark.parametrize("resource", [[], [SOUTH], [NORTH, SOUTH], [NORTH, NORTH], ["*"]])
def test_row_for_any_other_or_several_sites_mints_nothing(mint, row, resource):
    AccessToken.objects.filter(pk=row.pk).update(resource=resource)
    with pytest.raises(MintRefused, match="another site"):
        mint(row)


def test_closed_account_mints_nothing(mint, row, alice):
    alice.is_active = False
    alice.save()
    # Whoever closes an account may also have ended its tokens; minting does not rely on that.
    if AccessToken.objects.filter(pk=row.pk).exists():
        with pytest.raises(MintRefused, match="sign in"):
            mint(row)


def test_token_of_nobody_mints_nothing(mint, row):
    AccessToken.objects.filter(pk=row.pk).update(user=None)
    with pytest.raises(MintRefused, match="sign in"):
        mint(row)


@pytest.mark.parametrize("has_application", [True, False])
def test_another_applications_access_token_mints_nothing(mint, alice, now, has_application):
    other = Application.objects.create(
        client_id="sightline-hmi-2", client_type="confidential", authorization_grant_type="client-credentials"
    )
    foreign = AccessToken.objects.create(
        user=alice,
        application=other if has_application else None,
        token_checksum="f" * 64,
        expires=dt.datetime.fromtimestamp(now + 300, tz=dt.UTC),
        scope="status:read data:live",
        resource=[NORTH],
    )
    with pytest.raises(MintRefused, match="Sightline HMI"):
        mint(foreign)


def test_minting_takes_one_query(mint, django_assert_num_queries):
    with django_assert_num_queries(1):
        mint()


# --- the key on disk ---------------------------------------------------------------------------------------------


def test_without_a_key_it_says_what_to_do(mint, settings):
    settings.SIGHTLINE.signing_key.unlink()
    with pytest.raises(SigningKeyError, match="create_issuer_key"):
        mint()


def test_new_key_is_used_without_a_restart(mint, settings, signing_key):
    mint()
    settings.SIGHTLINE.signing_key.unlink()
    newer = create_signing_key(settings.SIGHTLINE.signing_key)
    assert newer.kid != signing_key.kid
    assert jwt.decode(mint(), newer, algorithms=["Ed25519"]).header["kid"] == newer.kid


def test_rotated_key_is_used_without_a_restart(mint, settings, signing_key, now):
    mint()
    done = rotate(settings.SIGHTLINE.signing_key, now, algorithm="ES256")
    decoded = jwt.decode(mint(), done.ring.signing, algorithms=["ES256"])
    assert decoded.header == {"typ": "at+jwt", "alg": "ES256", "kid": done.ring.signing.kid}
    assert done.old_kid == signing_key.kid


def test_key_opened_to_others_signs_nothing_more(mint, settings):
    mint()
    settings.SIGHTLINE.signing_key.chmod(0o644)
    with pytest.raises(SigningKeyError, match="Other accounts"):
        mint()
