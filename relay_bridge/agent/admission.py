"""``Admission.admit``: may whoever shows this site token come in, and for what?

The checks follow RFC 9068, 4, RFC 8725, 3 and RFC 8705, 3.1, cheapest and least trusting first. The first that fails
ends it with its own word from the closed list of ``contract/refusals.py``. The journal gets the word, the wire one
neutral sentence, and neither ever gets the token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from relay_bridge.agent.jose import read_header
from relay_bridge.agent.memories import AdmissionMemory
from relay_bridge.agent.replay_store import Epoch, Presented
from relay_bridge.agent.trust import TokenKey
from relay_bridge.contract.authorization_details import WriteDetail, check_details, check_proof
from relay_bridge.contract.messages import MAX_ID
from relay_bridge.contract.refusals import TokenRefused
from relay_bridge.contract.scopes import WRITE_SCOPES
from relay_bridge.contract.tokens import (
    ALGORITHMS,
    CLOCK_SKEW,
    MAX_LIFE,
    MAX_TOKEN,
    TYP,
    SiteTokenClaims,
)

# The header is a closed list. jku, jwk, x5u and x5c would bring the key along, crit rules we do not know.
_HEADER = {"typ", "alg", "kid"}
_MAX_EPOCH = 2**53
_claims = msgspec.json.Decoder(SiteTokenClaims)

AdmissionRefused = TokenRefused  # the token opens nothing here


class Keys(Protocol):
    """The pinned keys, as they are now."""

    def get(self, kid: str, /) -> TokenKey | None: ...


@dataclass(frozen=True)
class Admitted:
    """What a presented token opens. ``exp`` in epoch seconds, as in the token; ``write`` the one change it is for."""

    scopes: frozenset[str]
    exp: int
    gid: str
    gep: int
    sub: str
    kid: str = ""
    write: WriteDetail | None = None
    acr: str = ""  # how the person last proved to be who they are, and when (epoch s)
    auth_time: int = 0

    @property
    def valid_until(self) -> float:
        """Epoch seconds by this machine's clock, with the same allowance as at admission."""
        return self.exp + CLOCK_SKEW


class Admission:
    """Verifies site tokens for one site, and remembers what it must of those it admitted."""

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        memory: AdmissionMemory | None = None,
        can_record: Callable[[], bool] = lambda: True,
    ) -> None:
        self._keys = keys
        self._can_record = can_record  # whether an event would be stored: no write without one
        self._issuer = issuer
        self._audience = audience
        self.memory = AdmissionMemory() if memory is None else memory

    def admit(self, token: str, peer_thumbprint: str, now: float, *, session: str) -> Admitted:
        """Check ``token`` at ``now`` (epoch s), shown by the TLS peer with this ``x5t#S256`` on ``session``.

        Raises ``AdmissionRefused``. Only an admitted token is remembered, so a refused one cannot use up its id.
        """
        claims, kid = self._verify(token, now)
        self._check_addressing(claims)
        _check_times(claims, now)
        self._check_replay(claims, session)
        # RFC 8705, 3.1: the token belongs to the certificate it was minted for.
        if claims.cnf.x5t_s256 != peer_thumbprint:
            raise AdmissionRefused("certificate")
        highest = self.memory.highest_epoch(claims.gid)
        if highest is not None and claims.gep < highest:
            raise AdmissionRefused("epoch")
        scopes = _scopes(claims)
        write = check_details(scopes, claims.authorization_details, issued=claims.iat, expires=claims.exp)
        if write is not None:
            check_proof(claims.acr, claims.auth_time, issued=claims.iat)
            if not self._can_record():
                raise AdmissionRefused("journal-lost")
        admitted = Admitted(
            scopes, claims.exp, claims.gid, claims.gep, claims.sub, kid, write, claims.acr, claims.auth_time
        )
        self.memory.remember(
            Presented(claims.jti, session, admitted.valid_until),
            Epoch(claims.gid, claims.gep, now),
            writes=write is not None,
        )
        return admitted

    def still_holds(self, admitted: Admitted, now: float) -> bool:
        """True while an admitted token is in date, its key is trusted, and its grant has shown no newer epoch since."""
        if now >= admitted.valid_until:
            return False
        key = self._keys.get(admitted.kid)
        if key is None or key.is_over(now):
            return False
        highest = self.memory.highest_epoch(admitted.gid)
        return highest is None or admitted.gep >= highest

    def _verify(self, token: str, now: float) -> tuple[SiteTokenClaims, str]:
        """Size, header, signature, shape: afterwards the claims are the issuer's own words. Also the key's id."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise AdmissionRefused("oversized")
        try:
            header = read_header(token)
        except ValueError:
            raise AdmissionRefused("malformed") from None
        key = self._key_for(header, now)
        try:
            # One algorithm, the key's own: never a list that the token chooses from (RFC 8725, 3.1).
            verified = jws.deserialize_compact(token, key.key, algorithms=[key.algorithm])
        except (JoseError, ValueError):
            raise AdmissionRefused("signature") from None
        try:
            claims = _claims.decode(verified.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise AdmissionRefused("claims-shape") from None
        if not (
            all(0 < len(name) <= MAX_ID for name in (claims.jti, claims.gid, claims.sub)) and _is_epoch(claims.gep)
        ):
            raise AdmissionRefused("claims-bounds")
        return claims, key.kid

    def _key_for(self, header: dict[str, Any], now: float) -> TokenKey:
        if header.keys() - _HEADER:
            raise AdmissionRefused("header-field")
        if header.get("typ") != TYP:
            raise AdmissionRefused("header-typ")
        if header.get("alg") not in ALGORITHMS:
            raise AdmissionRefused("header-alg")
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise AdmissionRefused("key-unknown")
        if key.is_over(now):
            raise AdmissionRefused("key-retired")
        if header["alg"] != key.algorithm:
            raise AdmissionRefused("key-alg")
        return key

    def _check_addressing(self, claims: SiteTokenClaims) -> None:
        if claims.iss != self._issuer:
            raise AdmissionRefused("issuer")
        if claims.aud != self._audience:
            raise AdmissionRefused("audience")

    def _check_replay(self, claims: SiteTokenClaims, session: str) -> None:
        first = self.memory.session_of(claims.jti)
        if first is None:
            return
        if first != session:
            raise AdmissionRefused("replayed-elsewhere")
        if WRITE_SCOPES & set(claims.scope.split()):
            raise AdmissionRefused("replayed-write")


def _is_epoch(number: int) -> bool:
    return 0 <= number <= _MAX_EPOCH


def _scopes(claims: SiteTokenClaims) -> frozenset[str]:
    try:
        scopes = claims.scopes
    except ValueError:
        raise AdmissionRefused("scope-unknown") from None
    if not scopes:
        raise AdmissionRefused("scope-none")
    return scopes


def _check_times(claims: SiteTokenClaims, now: float) -> None:
    if claims.nbf > now + CLOCK_SKEW:
        raise AdmissionRefused("not-yet-valid")
    if claims.exp <= now - CLOCK_SKEW:
        raise AdmissionRefused("expired")
    if claims.iat > now + CLOCK_SKEW:
        raise AdmissionRefused("issued-in-future")
    if not 0 < claims.exp - claims.iat <= MAX_LIFE:
        raise AdmissionRefused("life")
