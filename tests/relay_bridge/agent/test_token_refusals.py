"""Bad tokens over a real sealed session: one neutral answer on the wire, and in the journal each its own tag."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from relay_bridge.agent.handles import NOT_ACCEPTED
from relay_bridge.contract.audit import AGENT_TAGS, refusal_tag
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.refusals import TOKEN_REFUSALS
from tests.relay_bridge.agent.conftest import Serve
from tests.relay_bridge.agent.support import SiteFolder, WebApp

Make = Callable[[SiteFolder], str]


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def with_header(site: SiteFolder, **fields: Any) -> str:
    _, body, signature = site.token().split(".")
    return f"{part({'typ': 'at+jwt', 'alg': 'Ed25519', 'kid': 'k1', **fields})}.{body}.{signature}"


def with_claims(site: SiteFolder, **claims: Any) -> str:
    head, _, signature = site.token().split(".")
    return f"{head}.{part(site.claims(**claims))}.{signature}"


def late(seconds: int) -> int:
    return int(time.time()) + seconds


CASES: dict[str, tuple[str, Make]] = {
    "oversized": ("oversized", lambda site: site.token(acr="x" * 5000)),
    "alg none": ("header-alg", lambda site: with_header(site, alg="none")),
    "alg HS256": ("header-alg", lambda site: with_header(site, alg="HS256")),
    "alg of another key": ("key-alg", lambda site: with_header(site, alg="ES256")),
    "key in the header": ("header-field", lambda site: with_header(site, jwk={"kty": "OKP"})),
    "another type": ("header-typ", lambda site: with_header(site, typ="JWT")),
    "unknown key": ("key-unknown", lambda site: with_header(site, kid="k9")),
    "altered": ("signature", lambda site: with_claims(site, scope="data:live audit:read")),
    "forged": ("signature", lambda site: site.sign(site.claims(), key=OKPKey.generate_key("Ed25519"))),
    "wrong audience": ("audience", lambda site: site.token(aud="https://hmi.example.com/sites/south")),
    "wrong issuer": ("issuer", lambda site: site.token(iss="https://evil.example.com")),
    "future": ("not-yet-valid", lambda site: site.token(nbf=late(3600), exp=late(3660), iat=late(3600))),
    "expired": ("expired", lambda site: site.token(iat=late(-600), nbf=late(-600), exp=late(-480))),
    "another certificate": ("certificate", lambda site: site.token(cnf={"x5t#S256": "A" * 43})),
    "unknown scope": ("scope-unknown", lambda site: site.token(scope="data:live root")),
    "no token": ("malformed", lambda site: "x"),
}


def tags_in(folder: Path) -> list[str]:
    files = sorted((folder / "audit").glob("*.jsonl"))
    return [json.loads(line)["tag"] for file in files for line in file.read_text().splitlines()]


async def refusal(web_app: WebApp, token: str) -> str:
    with pytest.raises(RequestRefused) as refused:
        await web_app.auth(token)
    assert (refused.value.code, refused.value.message) == ("auth", NOT_ACCEPTED)
    return refused.value.message


async def test_each_bad_token_has_its_own_tag_and_all_the_same_answer(serve: Serve, site: SiteFolder) -> None:
    async with serve() as running:
        web_app = await running.web_app()
        answers = {await refusal(web_app, make(site)) for _, make in CASES.values()}
        stolen = site.token()
        await web_app.auth(stolen)
        thief = await running.web_app()
        answers.add(await refusal(thief, stolen))
        old = site.token(gid="g", gep=1)
        await web_app.auth(site.token(gid="g", gep=2))
        answers.add(await refusal(web_app, old))
    assert answers == {NOT_ACCEPTED}
    tags = [tag for tag in tags_in(site.folder) if tag.startswith("token:")]
    assert tags == [
        refusal_tag(code) for code in (*(code for code, _ in CASES.values()), "replayed-elsewhere", "epoch")
    ]
    assert not any(stolen[:20] in file.read_text() for file in (site.folder / "audit").glob("*.jsonl"))


async def test_copied_token_fails_after_the_agent_was_restarted_too(serve: Serve, site: SiteFolder) -> None:
    stolen = site.token(gid="g", gep=5)
    async with serve() as running:
        await (await running.web_app()).auth(stolen)
    async with serve() as running:
        web_app = await running.web_app()
        await refusal(web_app, stolen)
        await refusal(web_app, site.token(gid="g", gep=4))
        await web_app.auth(site.token(gid="g", gep=5))
    assert [tag for tag in tags_in(site.folder) if tag.startswith("token:")] == [
        refusal_tag("replayed-elsewhere"),
        refusal_tag("epoch"),
    ]


def test_every_reason_has_a_tag_of_its_own() -> None:
    tags = [refusal_tag(code) for code in TOKEN_REFUSALS]
    assert len(set(tags)) == len(tags) and set(tags) <= AGENT_TAGS.keys()
