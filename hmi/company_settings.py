"""Company sign-on from the environment: which OpenID Connect providers vouch for people, and how far they are believed.

``SIGHTLINE_COMPANIES=acme`` names them; everything else stands in ``SIGHTLINE_COMPANY_ACME_…`` (docs/sign-in.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from hmi import environment

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SHORTEST_SECRET = 8  # characters; companies choose their own, this catches an empty file


@dataclass(frozen=True)
class Company:
    """One provider. ``id`` stands in addresses and with the accounts it vouches for, so it stays as it is.

    ``issuer`` is what discovery and ID tokens must say. ``groups_claim`` names the claim with the person's groups.
    ``second_factor_amr``: values of the ID token's ``amr`` that are believed to mean two factors; none by default, so
    that our own second factor is asked for. ``local_password`` off: its people sign in through the company only.
    ``new_people``: somebody unknown gets an account, without any access of its own. ``prompt`` is sent along; ``login``
    keeps a shared tablet from signing the last person in again without asking.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = "groups"
    second_factor_amr: frozenset[str] = frozenset()
    local_password: bool = True
    new_people: bool = False
    prompt: str = "login"


def read_companies() -> tuple[Company, ...]:
    """All providers that the environment names; ``ImproperlyConfigured`` says which setting is wrong."""
    return tuple(_read(name) for name in environment.words("COMPANIES", ""))


def _read(name: str) -> Company:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?", name):
        raise ImproperlyConfigured(
            f"SIGHTLINE_COMPANIES names {name!r}; a name has 1 to 30 lower-case letters, digits and hyphens."
        )
    prefix = f"COMPANY_{name.upper().replace('-', '_')}_"
    scopes = tuple(environment.text(f"{prefix}SCOPES", "openid profile").split())
    if "openid" not in scopes:
        raise ImproperlyConfigured(f"SIGHTLINE_{prefix}SCOPES must hold openid; without it there is no ID token.")
    return Company(
        id=name,
        name=environment.text(f"{prefix}NAME", name),
        issuer=_issuer(f"{prefix}ISSUER"),
        client_id=environment.text(f"{prefix}CLIENT_ID"),
        secret=environment.secret(f"{prefix}SECRET", shortest=SHORTEST_SECRET),
        scopes=scopes,
        groups_claim=environment.text(f"{prefix}GROUPS_CLAIM", "groups"),
        second_factor_amr=frozenset(environment.words(f"{prefix}SECOND_FACTOR_AMR", "")),
        local_password=environment.flag(f"{prefix}LOCAL_PASSWORD", default=True),
        new_people=environment.flag(f"{prefix}NEW_PEOPLE", default=False),
        prompt=environment.text(f"{prefix}PROMPT", "login"),
    )


def _issuer(name: str) -> str:
    """The issuer exactly as written: ID tokens are compared with it character by character (OIDC Core, 3.1.3.7)."""
    issuer = environment.text(name)
    parts = urlsplit(issuer)
    if parts.scheme == "https" and parts.hostname and not parts.query and not parts.fragment:
        return issuer
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return issuer
    raise ImproperlyConfigured(
        f"SIGHTLINE_{name} must look like https://login.example.com; plain http on loopback only."
    )
