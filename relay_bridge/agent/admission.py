"""``Admission.admit``: may whoever shows this site token come in, and for what?

The checks follow RFC 9068, 4, RFC 8725, 3 and RFC 8705, 3.1, cheapest and least trusting first. The first
that fails ends it. The log gets the reason, the wire one neutral sentence, and neither ever gets the token.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from relay_bridge.agent.memories import GrantEpochs, MemoryFull, PresentedTokens
from relay_bridge.agent.trust import TokenKey
from relay_bridge.contract.messages import MAX_ID
from relay_bridge.contract.scopes import WRITE_SCOPES
from relay_bridge.contract.tokens import ALGORITHMS, CLOCK_SKEW, MAX_LIFE, MAX_TOKEN, TYP, SiteTokenClaims

# The header is a closed list. jku, jwk, x5u and x5c would bring the key along, crit rules we do not know.
_HEADER = {"typ", "alg", "kid"}
_claims = msgspec.json.Decoder(SiteTokenClaims)


class AdmissionRefused(Exception):  # noqa: N818 - a decision, not a fault
    """The token opens nothing here. ``reason`` is for the log: short, and without anything from the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Admitted:
    """What a presented token opens. ``exp`` in epoch seconds, as in the token."""

    scopes: frozenset[str]
    exp: int
    gid: str
    gep: int
    sub: str

    @property
    def valid_until(self) -> float:
        """Epoch seconds by this machine's clock, with the same allowance as at admission."""
        return self.exp + CLOCK_SKEW


class Admission:
    """Verifies site tokens for one site, and remembers what it must of those it admitted."""

    def __init__(
        self,
        keys: Mapping[str, TokenKey],
        *,
        issuer: str,
        audience: str,
        presented: PresentedTokens | None = None,
        epochs: GrantEpochs | None = None,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._presented = PresentedTokens() if presented is None else presented
        self._epochs = GrantEpochs() if epochs is None else epochs

    def admit(self, token: str, peer_thumbprint: str, now: float, *, session: str) -> Admitted:
        """Check ``token`` at ``now`` (epoch s), shown by the TLS peer with this ``x5t#S256`` on ``session``.

        Raises ``AdmissionRefused``. Only an admitted token is remembered, so a refused one cannot use up its id.
        """
        claims = self._verify(token)
        self._check_addressing(claims)
        _check_times(claims, now)
        self._check_replay(claims, session)
        # RFC 8705, 3.1: the token belongs to the certificate it was minted for.
        if claims.cnf.x5t_s256 != peer_thumbprint:
            raise AdmissionRefused("bound to another certificate")
        highest = self._epochs.highest(claims.gid)
        if highest is not None and claims.gep < highest:
            raise AdmissionRefused("grant epoch is older than one already seen")
        try:
            scopes = claims.scopes
        except ValueError:
            raise AdmissionRefused("unknown scope") from None
        if not scopes:
            raise AdmissionRefused("no scope")
        admitted = Admitted(scopes, claims.exp, claims.gid, claims.gep, claims.sub)
        try:
            self._presented.remember(claims.jti, session, admitted.valid_until, now)
            self._epochs.remember(claims.gid, claims.gep, now)
        except MemoryFull as error:
            raise AdmissionRefused(str(error)) from None
        return admitted

    def still_holds(self, admitted: Admitted, now: float) -> bool:
        """True while an admitted token is in date and its grant has not shown a newer epoch since."""
        highest = self._epochs.highest(admitted.gid)
        return now < admitted.valid_until and (highest is None or admitted.gep >= highest)

    def _verify(self, token: str) -> SiteTokenClaims:
        """Size, header, signature, shape: afterwards the claims are the issuer's own words."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise AdmissionRefused("larger than a site token can be")
        parts = token.split(".")
        if len(parts) != 3:
            raise AdmissionRefused("no compact token")
        key = self._key_for(_decode_header(parts[0]))
        try:
            # One algorithm, the key's own: never a list that the token chooses from (RFC 8725, 3.1).
            verified = jws.deserialize_compact(token, key.key, algorithms=[key.algorithm])
        except (JoseError, ValueError):
            raise AdmissionRefused("bad signature") from None
        try:
            claims = _claims.decode(verified.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise AdmissionRefused("claims have not the shape of a site token") from None
        if not (0 < len(claims.jti) <= MAX_ID and 0 < len(claims.gid) <= MAX_ID and claims.gep >= 0):
            raise AdmissionRefused("claims are out of bounds")
        return claims

    def _key_for(self, header: dict[str, Any]) -> TokenKey:
        stray = header.keys() - _HEADER
        if stray:
            raise AdmissionRefused("header carries more than typ, alg and kid")
        if header.get("typ") != TYP:
            raise AdmissionRefused("typ is not that of a site token")
        if header.get("alg") not in ALGORITHMS:
            raise AdmissionRefused("algorithm is not allowed")
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise AdmissionRefused("key id is not pinned")
        if header["alg"] != key.algorithm:
            raise AdmissionRefused("algorithm is not that of the key")
        return key

    def _check_addressing(self, claims: SiteTokenClaims) -> None:
        if claims.iss != self._issuer:
            raise AdmissionRefused("another issuer")
        if claims.aud != self._audience:
            raise AdmissionRefused("made for another site")

    def _check_replay(self, claims: SiteTokenClaims, session: str) -> None:
        first = self._presented.session_of(claims.jti)
        if first is None:
            return
        if first != session:
            raise AdmissionRefused("already presented on another session")
        if WRITE_SCOPES & set(claims.scope.split()):
            raise AdmissionRefused("single-use token presented again")


def _check_times(claims: SiteTokenClaims, now: float) -> None:
    if claims.nbf > now + CLOCK_SKEW:
        raise AdmissionRefused("not valid yet; compare the clocks of the web app and this machine")
    if claims.exp <= now - CLOCK_SKEW:
        raise AdmissionRefused("expired; compare the clocks of the web app and this machine")
    if claims.iat > now + CLOCK_SKEW:
        raise AdmissionRefused("issued in the future; compare the clocks of the web app and this machine")
    if not 0 < claims.exp - claims.iat <= MAX_LIFE:
        raise AdmissionRefused(f"life is not within {MAX_LIFE} s")


def _decode_header(part: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
        header = msgspec.json.decode(raw, type=dict[str, Any])
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise AdmissionRefused("no readable header") from None
    return header
