"""A site in a folder: keys, certificates, secrets and a site.toml; and a web app that can talk to it."""

from __future__ import annotations

import datetime as dt
import json
import textwrap
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from relay_bridge.agent.clock import Clock
from relay_bridge.contract.codec import decode_from_agent, decode_result, encode, encode_request
from relay_bridge.contract.messages import (
    Answer,
    Auth,
    AuthAnswer,
    Bye,
    Credit,
    Delta,
    Empty,
    Hello,
    HelloAnswer,
    Push,
    Snapshot,
)
from relay_bridge.contract.tokens import certificate_thumbprint
from relay_bridge.secure_channel.pins import read_pin
from tests.support.certificates import Identity, make_identity

ISSUER = "https://hmi.example.com"
AUDIENCE = "https://hmi.example.com/sites/north"
CONNECTION_STRING = (
    "Endpoint=sb://127.0.0.1:{port}/;EntityPath=north;SharedAccessKeyName=agent;"
    "SharedAccessKey=bGlzdGVuLWtleQ==;UseDevelopmentEmulator=true"
)
HEAD = """
[site]
id = "north"
name = "North Terminal"
time_zone = "Europe/Oslo"

[relay]
connection_string = "file:secrets/relay-listen"

[trust]
issuer = "https://hmi.example.com"
audience = "https://hmi.example.com/sites/north"
token_keys = "trust/issuer.jwks.json"
web_app_pin = "trust/web-app.pem"
agent_cert = "trust/agent.pem"
agent_key = "secrets/agent.key"
"""
SOURCE = """
[[source]]
id = "main"
kind = "memory"
[source.values]
"TK-101.level" = 12.3456
"TK-101.temp_avg" = 21.04
"""
TANK = """
[[tank]]
id = "TK-101"
source = "main"
area = "North farm"
map = { level = "Level", temp_avg = "AvgTemp", product = "Product" }
limits = { ll = 0.5, l = 1.0, h = 13.0, hh = 14.0 }
"""


class SiteFolder:
    """What provisioning leaves on the plant's machine, and the private halves that stay with the web app."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=365)  # a good while: nothing to be told about
        self.web_app = make_identity("web-app", not_after=ends)
        self.agent = make_identity("agent", not_after=ends)
        self.signing_key = OKPKey.generate_key("Ed25519", {"kid": "k1", "alg": "Ed25519", "use": "sig"})
        self.ec_key = ECKey.generate_key("P-256", {"kid": "k2", "alg": "ES256", "use": "sig"})
        self.toml = folder / "site.toml"
        self.put("trust/web-app.pem", self.web_app.cert_pem)
        self.put("trust/agent.pem", self.agent.cert_pem)
        self.put("secrets/agent.key", self.agent.key_pem, mode=0o600)
        self.put_keys(self.signing_key.as_dict(private=False), self.ec_key.as_dict(private=False))
        self.relay_port(9)
        self.configure()

    def put(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def put_keys(self, *keys: Mapping[str, Any]) -> None:
        self.put("trust/issuer.jwks.json", json.dumps({"keys": list(keys)}))

    def relay_port(self, port: int) -> None:
        self.put("secrets/relay-listen", CONNECTION_STRING.format(port=port) + "\n", mode=0o600)

    def configure(self, *parts: str, head: str = HEAD) -> Path:
        text = "\n".join(textwrap.dedent(part) for part in (head, *(parts or (SOURCE, TANK))))
        self.toml.write_text(text)
        return self.toml

    @property
    def web_app_thumbprint(self) -> str:
        return thumbprint(self.web_app)

    def claims(self, *, now: float | None = None, scope: str = "data:live", life: int = 120, **other: Any) -> dict:
        issued = int(time.time() if now is None else now)
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "7b0f", "client_id": "hmi", "iat": issued, "nbf": issued,
            "exp": issued + life, "jti": uuid.uuid4().hex, "scope": scope, "gid": "grant-1", "gep": 1,
            "cnf": {"x5t#S256": self.web_app_thumbprint},
        }  # fmt: skip
        claims.update(other)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **claims: Any) -> str:
        return self.sign(self.claims(**claims))

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, key: Any = None) -> str:
        head = {"typ": "at+jwt", "alg": "Ed25519", "kid": "k1"} if header is None else dict(header)
        return jws.serialize_compact(head, json.dumps(claims).encode(), key or self.signing_key, [head["alg"]])


def thumbprint(identity: Identity) -> str:
    return certificate_thumbprint(read_pin(identity.cert_pem).der)


class ManualClock(Clock):
    """Time that moves only when told."""

    def __init__(self, wall: float = 1_795_370_000.0) -> None:
        self.now = wall
        self.ticks = 1000.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.ticks

    def move(self, seconds: float) -> None:
        self.now += seconds
        self.ticks += seconds


class WebApp:
    """The other end of a sealed session, as plainly as possible: one call at a time, pushes kept in order."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.pushes: list[Push] = []
        self._number = 0

    async def send_request(self, method: str, parameters: Any = None, handle: int | None = None) -> int:
        self._number += 1
        await self.channel.send(encode_request(self._number, method, parameters or Empty(), handle))
        return self._number

    async def receive(self) -> Answer | Push:
        message = decode_from_agent(await self.channel.receive())
        if not isinstance(message, Answer):
            self.pushes.append(message)
        return message

    async def answer_to(self, number: int) -> Answer:
        while True:
            message = await self.receive()
            if isinstance(message, Answer) and message.i == number:
                return message

    async def call(self, method: str, shape: type, parameters: Any = None, handle: int | None = None) -> Any:
        number = await self.send_request(method, parameters, handle)
        return decode_result(await self.answer_to(number), shape)

    async def hello(self) -> HelloAnswer:
        return await self.call("hello", HelloAnswer, Hello(v=1))

    async def auth(self, token: str, renew: int | None = None) -> AuthAnswer:
        return await self.call("auth", AuthAnswer, Auth(token=token, a=renew))

    async def next_push(self, *kinds: type) -> Any:
        """The next push that arrives, of one of ``kinds`` when given."""
        while True:
            message = await self.receive()
            if not isinstance(message, Answer) and (not kinds or isinstance(message, kinds)):
                return message

    async def next_values(self) -> Snapshot | Delta:
        push = await self.next_push(Snapshot, Delta)
        await self.channel.send(encode(Credit(ok=push.n)))
        return push

    async def next_bye(self) -> Bye:
        return await self.next_push(Bye)


def values_by_tag(push: Snapshot | Delta, handles: Mapping[str, int]) -> dict[str, Any]:
    names = {handle: tag for tag, handle in handles.items()}
    return {names[item[0]]: item[1] for item in push.d}
