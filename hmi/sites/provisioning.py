"""A new site, all or nothing: rows, keys, certificates, the agent's folder and the relay's hybrid connection.

What is made where:

    database            Site, Conduit (with the agent's certificate as the pin)
    web app's secrets   the Send key; on first use the web app's own identity and the issuer's signing key
    DIR                 site.toml, secrets/ (Listen connection string, agent key; 0600), trust/ (what the agent pins)
    relay's TOML        the hybrid connection with the rules "listen" and "send"
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.issuer import SigningKeyError, create_signing_key, load_signing_key, public_jwks
from hmi.sites.identity import IDENTITY_LIFE, IdentityError, ensure_web_app_identity, make_identity
from hmi.sites.models import Conduit, Site
from hmi.sites.relay_config import (
    NewHybridConnection,
    RelayConfigError,
    add_hybrid_connection,
    remove_hybrid_connection,
)
from hmi.sites.secret_files import PRIVATE_DIR, make_private_dir, write_private, write_public
from hmi.sites.site_file import AGENT_CERT, AGENT_KEY, LISTEN_SECRET, TOKEN_KEYS, WEB_APP_PIN, write_site_file
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

KEY_BYTES = 32  # of chance in a relay key, as the service makes them
LOCAL_ENDPOINT = "sb://127.0.0.1:9400/"  # where sightline-relay listens by default


class ProvisioningError(Exception):
    """Nothing was made. The text is one sentence that says what to do."""


@dataclass(frozen=True)
class SitePlan:
    """What was asked for. ``endpoint`` reads ``sb://HOST[:PORT]/``; ``relay_config`` is the emulator's TOML."""

    slug: str
    name: str
    out: Path
    relay_config: Path
    time_zone: str = "UTC"
    endpoint: str = LOCAL_ENDPOINT


@dataclass(frozen=True)
class Provisioned:
    site: Site
    site_file: Path
    identity_ends: datetime


def provision_site(plan: SitePlan, now: datetime) -> Provisioned:
    """Make the site of ``plan``. Raises ``ProvisioningError``, and then nothing of it is left behind."""
    site = Site(slug=plan.slug, name=plan.name.strip(), time_zone=plan.time_zone)
    _check_site(site)
    listen, send = _connection_strings(plan)
    _check_out(plan.out)
    with _explained(), contextlib.ExitStack() as undo:
        web_app_cert, jwks = _own_keys(now)
        agent_cert, agent_key = make_identity("agent", plan.slug, now)
        with transaction.atomic():
            site.save()
            conduit = Conduit.objects.create(
                site=site,
                endpoint=plan.endpoint,
                entity_path=plan.slug,
                use_emulator=True,
                send_key_name="send",
                send_key_ref=f"file:conduits/{site.id}.send",
                agent_pin=agent_cert,
            )
            undo.callback(_remove_send_key, conduit)
            write_private(conduit.send_key_path, f"{send.key}\n")
            files = {
                "site.toml": write_site_file(
                    slug=site.slug,
                    name=site.name,
                    time_zone=site.time_zone,
                    issuer=settings.SIGHTLINE.issuer,
                    audience=site.audience,
                ),
                LISTEN_SECRET: f"{listen.format()}\n",
                AGENT_KEY: agent_key,
                AGENT_CERT: agent_cert,
                WEB_APP_PIN: web_app_cert,
                TOKEN_KEYS: jwks,
            }
            _write_folder(plan.out, files, undo)
            assert listen.key and send.key  # noqa: S101 - both were made above
            hybrid_connection = NewHybridConnection(plan.slug, listen.key, send.key)
            add_hybrid_connection(plan.relay_config, hybrid_connection)
            undo.callback(remove_hybrid_connection, plan.relay_config, plan.slug)
        undo.pop_all()  # committed: from here on it stays
    return Provisioned(site, plan.out / "site.toml", now + IDENTITY_LIFE)


def cut_off_site(site: Site, relay_config: Path | None, now: datetime) -> list[str]:
    """Close every way to ``site``; answers what was done, in words. Doing it twice changes nothing.

    Switching the site off ends its access tokens and closes open pages; without the pin and the key no session can be
    opened; without the hybrid connection the relay lets nobody in and closes what is open. The rows stay, for history.
    """
    done = []
    with transaction.atomic():
        if site.enabled:
            site.enabled = False
            site.save()
            done.append("switched off: pages close, tokens end")
        conduit = Conduit.objects.filter(site=site).first()
        if conduit is not None and conduit.agent_pin:
            conduit.agent_pin = ""
            conduit.keys_changed = now
            conduit.save()
            done.append("agent's certificate unpinned")
    if conduit is None:
        return done
    if conduit.send_key_path.exists():
        _remove_send_key(conduit)
        done.append("Send key deleted")
    if relay_config is not None and remove_hybrid_connection(relay_config, conduit.entity_path):
        done.append(f"hybrid connection {conduit.entity_path} taken out of {relay_config}")
    return done


def _connection_strings(plan: SitePlan) -> tuple[ConnectionString, ConnectionString]:
    """Those of the two rules, with new keys."""
    strings = []
    for rule in ("listen", "send"):
        key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
        text = f"Endpoint={plan.endpoint};EntityPath={plan.slug};SharedAccessKeyName={rule};SharedAccessKey={key}"
        try:
            strings.append(parse_connection_string(f"{text};UseDevelopmentEmulator=true"))
        except ConnectionStringError as error:
            raise ProvisioningError(f"The site's connection string would be wrong: {error}.") from error
    return strings[0], strings[1]


def _check_site(site: Site) -> None:
    try:
        site.full_clean()
    except ValidationError as error:
        if Site.objects.filter(slug=site.slug).exists():
            raise ProvisioningError(f"There is already a site {site.slug!r}; choose another slug.") from error
        field, messages = next(iter(error.message_dict.items()))
        raise ProvisioningError(f"{field.replace('_', ' ')}: {messages[0]}") from error
    if not site.name.isprintable():
        raise ProvisioningError("name: a site's name is one line of printable characters.")


def _check_out(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ProvisioningError(f"{out} is not an empty folder; name one that is empty or does not exist yet.")


def _own_keys(now: datetime) -> tuple[str, str]:
    """The web app's certificate and the issuer's public keys; both are made when the first site is.

    They are the only things that stay after a failure: they belong to the web app, not to the site.
    """
    make_private_dir(settings.SIGHTLINE.secrets_dir)
    certificate = ensure_web_app_identity(now)
    path = settings.SIGHTLINE.signing_key
    key = load_signing_key(path) if path.exists() else create_signing_key(path)
    return certificate, json.dumps(public_jwks(key), indent=1) + "\n"


def _write_folder(out: Path, files: dict[str, str], undo: contextlib.ExitStack) -> None:
    """The whole folder at once: written beside its place, then renamed. Secrets are 0600, folders 0700."""
    for folder in [folder for folder in reversed(out.parents) if not folder.exists()]:
        folder.mkdir()
        undo.callback(folder.rmdir)
    draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))  # 0700
    undo.callback(shutil.rmtree, draft, ignore_errors=True)
    for name, text in files.items():
        if name in {LISTEN_SECRET, AGENT_KEY}:
            write_private(draft / name, text)
        else:
            write_public(draft / name, text)
    draft.chmod(PRIVATE_DIR)
    draft.rename(out)
    undo.callback(shutil.rmtree, out, ignore_errors=True)


def _remove_send_key(conduit: Conduit) -> None:
    conduit.send_key_path.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (RelayConfigError, SigningKeyError, IdentityError) as error:
        raise ProvisioningError(str(error)) from error
    except OSError as error:
        raise ProvisioningError(f"Cannot write {error.filename}: {error.strerror}.") from error
