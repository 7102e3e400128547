"""``sightline-site enrol``: from a one-time code to a folder that ``run`` can start from. Outbound HTTPS only.

    own key and certificate  →  claim with the code  →  the comparison, read to the administrator  →  wait  →  folder

Nothing is on the disk until the administrator has said yes, but an empty folder with a dot; the key stays in memory.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO, TypeVar

import msgspec

from relay_bridge.agent.enrol_folder import SiteFolder
from relay_bridge.agent.enrol_http import EnrolError, Reply, Unreachable, WebAppAddress, post, read_address
from relay_bridge.agent.enrol_identity import AgentIdentity, make_identity
from relay_bridge.agent.site import AGENT_NAME
from relay_bridge.contract.enrolment import (
    CLAIM_PATH,
    COLLECT_PATH,
    DONE_PATH,
    VERSION,
    Claim,
    Collect,
    Collected,
    Refusal,
    Terms,
    claim_bytes,
    code_digest,
    collect_bytes,
    comparison,
    read_code,
)
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

CLAIM_TRIES = 3  # of a claim that did not get through; one that got through cannot be repeated
LAST_WORD_TRIES = 3
PAUSE = 2.0  # seconds between two tries
_T = TypeVar("_T", bound=msgspec.Struct)


@dataclass(frozen=True)
class Enrolment:
    """What was asked for on the command line."""

    url: str
    code: str
    folder: Path
    ca: Path | None = None
    replace: bool = False


async def enrol(wanted: Enrolment, out: TextIO, *, monotonic: Callable[[], float] = time.monotonic) -> Path:
    """Enrol; the path of site.toml. ``EnrolError`` in one sentence, and then nothing was written."""
    address = read_address(wanted.url, wanted.ca)
    try:
        code = read_code(wanted.code)
    except ValueError as error:
        raise EnrolError(str(error)) from None
    with SiteFolder(wanted.folder, replace=wanted.replace) as folder:
        identity = make_identity(dt.datetime.now(dt.UTC))
        nonce = secrets.token_hex(32)
        terms = await _claim(address, identity, code, nonce)
        _check_terms(terms)
        folder.check_terms(terms)
        deadline = monotonic() + terms.expires_in
        out.write(
            f"Claimed for {terms.name} ({terms.site}). Now read this to the administrator, who types it in:\n\n"
            f"    {comparison(identity.thumbprint, nonce, identity.seal_key, terms)}\n\n"
            f"Waiting up to {terms.expires_in // 60} min for the administrator. To give up, press Ctrl-C.\n"
        )
        out.flush()
        connection = await _wait(address, identity, terms, deadline, monotonic)
        site_file = folder.write(
            terms,
            certificate=identity.certificate,
            key=identity.key_pem,
            connection_string=connection.format(),
            now=dt.datetime.now(dt.UTC),
        )
    await _say_done(address, identity, terms, out)
    out.write(
        f"Enrolled as {terms.site}. Certificate {identity.thumbprint}, valid until {identity.ends:%Y-%m-%d}.\n"
        + (
            "Restart the agent if it runs: until then it shows its old certificate, which nobody believes any more.\n"
            if wanted.replace
            else f"Next: add sources and tags to {site_file}, then run: sightline-site check --config {site_file}\n"
        )
    )
    return site_file


async def _claim(address: WebAppAddress, identity: AgentIdentity, code: str, nonce: str) -> Terms:
    digest = code_digest(code)
    signature = identity.sign(claim_bytes(address.origin, digest, identity.thumbprint, nonce, identity.seal_key))
    claim = Claim(
        v=VERSION,
        code=code,
        certificate=identity.certificate,
        nonce=nonce,
        seal_key=identity.seal_key,
        agent=AGENT_NAME,
        signature=signature,
    )
    for attempt in range(CLAIM_TRIES):
        try:
            reply = await post(address, CLAIM_PATH, msgspec.json.encode(claim))
        except Unreachable:
            if attempt + 1 == CLAIM_TRIES:
                raise
        else:
            if reply.status != 503:
                return _read(reply, Terms, address)
            if attempt + 1 == CLAIM_TRIES:
                raise _refusal(reply, address)
        await asyncio.sleep(PAUSE)
    raise AssertionError("unreachable")  # the loop returns or raises


def _check_terms(terms: Terms) -> None:
    """What goes into site.toml and onto a terminal, before anybody sees it."""
    for text in (terms.name, terms.time_zone, terms.issuer, terms.audience):
        if not text.isprintable():
            raise EnrolError("What the web app sent cannot be used: a name in it is not one line of text.")
    try:
        ssl.PEM_cert_to_DER_cert(terms.web_app_cert)
    except ValueError:
        raise EnrolError("What the web app sent cannot be used: its certificate is none.") from None


async def _wait(
    address: WebAppAddress,
    identity: AgentIdentity,
    terms: Terms,
    deadline: float,
    monotonic: Callable[[], float],
) -> ConnectionString:
    """Ask until the administrator has decided. A web app that is away for a while is waited for."""
    while True:
        try:
            reply = await post(address, COLLECT_PATH, _signed("collect", address, identity, terms))
        except Unreachable as error:
            if monotonic() >= deadline:
                raise EnrolError(f"{error} The time for this enrolment is over: ask for a new code.") from None
            await asyncio.sleep(PAUSE)
            continue
        if reply.status in {429, 503} and monotonic() < deadline:
            await asyncio.sleep(max(float(reply.retry_after), PAUSE))
            continue
        found = _read(reply, Collected, address)
        if found.state == "confirmed":
            return _connection(found.sealed, identity, terms)
        if monotonic() >= deadline:
            raise EnrolError("No administrator confirmed it in time: ask for a new code.")
        await asyncio.sleep(terms.poll)


def _connection(sealed: str, identity: AgentIdentity, terms: Terms) -> ConnectionString:
    try:
        connection = parse_connection_string(identity.unseal(sealed, terms.id))
    except (ValueError, ConnectionStringError) as error:
        raise EnrolError(f"What the web app sent cannot be used: {error}.") from None
    if connection.entity_path is None or connection.key is None or "manage" in (connection.key_name or "").lower():
        raise EnrolError("What the web app sent cannot be used: it is no Listen key of one hybrid connection.")
    return connection


async def _say_done(address: WebAppAddress, identity: AgentIdentity, terms: Terms, out: TextIO) -> None:
    """So that the web app hands nothing out any more. Without it that ends by itself, so a failure is only told."""
    for _ in range(LAST_WORD_TRIES):
        try:
            if (await post(address, DONE_PATH, _signed("done", address, identity, terms))).status == 200:
                return
        except EnrolError:
            pass
        await asyncio.sleep(PAUSE)
    out.write("The web app could not be told that all is written; it stops handing the key out by itself.\n")


def _signed(
    purpose: Literal["collect", "done"], address: WebAppAddress, identity: AgentIdentity, terms: Terms
) -> bytes:
    signature = identity.sign(collect_bytes(purpose, address.origin, terms.id, terms.ticket))
    return msgspec.json.encode(Collect(id=terms.id, ticket=terms.ticket, signature=signature))


def _read(reply: Reply, shape: type[_T], address: WebAppAddress) -> _T:
    if reply.status != 200:
        raise _refusal(reply, address)
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EnrolError(f"What answers at {address.origin} is no Sightline web app of this version.") from None


def _refusal(reply: Reply, address: WebAppAddress) -> EnrolError:
    try:
        refusal = msgspec.json.decode(reply.body, type=Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return EnrolError(f"What answers at {address.origin} is no Sightline web app (HTTP {reply.status}).")
    text = "".join(letter for letter in refusal.message if letter.isprintable())
    return EnrolError(f"The web app refused: {text}")
