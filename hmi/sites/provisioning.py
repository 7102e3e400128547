"""A new site, all or nothing: the relay's hybrid connection, rows, keys, certificates and the agent's folder.

What is made where:

    relay               the hybrid connection with the rules "listen" and "send", through its management plane
    database            Site, Conduit (with the agent's certificate as the pin)
    web app's secrets   the Send key; on first use the web app's own identity and the issuer's signing key
    DIR                 site.toml, secrets/ (Listen connection string, agent key; 0600), trust/ (what the agent pins)
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.issuer import SigningKeyError, create_signing_key, load_ring
from hmi.sites.conduit_changes import record_change
from hmi.sites.enrolment_rows import end_enrolments
from hmi.sites.identity import IDENTITY_LIFE, IdentityError, ensure_web_app_identity, make_identity
from hmi.sites.models import Conduit, Site
from hmi.sites.relay_management import changing_relay, check_same_relay, endpoint_of
from hmi.sites.secret_files import PRIVATE_DIR, make_private_dir, write_private, write_public
from relay_bridge.contract.site_file import (
    AGENT_CERT,
    AGENT_KEY,
    LISTEN_SECRET,
    TOKEN_KEYS,
    WEB_APP_PIN,
    write_site_file,
)
from relay_bridge.management import SEND_RULE, AlreadyExists, ConduitKeys, ManagementError, RelayManagement

logger = logging.getLogger(__name__)


class ProvisioningError(Exception):
    """Nothing was made. The text is one sentence that says what to do."""


@dataclass(frozen=True)
class SitePlan:
    """What was asked for; ``by`` is for the record. Without ``out`` no agent is made: one enrols with a code."""

    slug: str
    name: str
    out: Path | None
    time_zone: str = "UTC"
    by: str = ""


@dataclass(frozen=True)
class Provisioned:
    """``site_file``: None when the agent is still to enrol."""

    site: Site
    site_file: Path | None
    identity_ends: datetime


def provision_site(plan: SitePlan, now: datetime) -> Provisioned:
    """Make the site of ``plan``. Raises ``ProvisioningError``, and then nothing of it is left behind."""
    site = Site(slug=plan.slug, name=plan.name.strip(), time_zone=plan.time_zone)
    _check_site(site)
    if plan.out is not None:
        _check_out(plan.out)
    left: list[str] = []
    try:
        # The relay first, and outside the transaction: nobody else's write waits for an answer from Azure.
        with _explained(), changing_relay() as management, contextlib.ExitStack() as undo:
            keys = _make_hybrid_connection(management, site, undo, left)
            files, agent_cert = _agents_files(plan, site, keys, now)
            with transaction.atomic():
                site.save()
                conduit = _conduit(site, keys, agent_cert, now)
                conduit.save()
                undo.callback(_remove_send_key, conduit)
                write_private(conduit.send_key_path, f"{keys.send.primary.key}\n")
                if plan.out is not None:
                    _write_folder(plan.out, files, undo)
                record_change(conduit, "provisioned", plan.by, now, tag="conduit:site:provisioned")
            undo.pop_all()  # committed: from here on it stays
    except ProvisioningError as error:
        raise ProvisioningError(" ".join([str(error), *left])) from error
    return Provisioned(site, plan.out / "site.toml" if plan.out is not None else None, now + IDENTITY_LIFE)


def cut_off_site(site: Site, now: datetime, by: str = "") -> list[str]:
    """Close every way to ``site``; answers what was done, in words. Doing it twice changes nothing.

    Switching the site off ends its access tokens and closes open pages; without the pin and the key no session can be
    opened. The hybrid connection is deleted, not given new keys: only that closes at once what is open at the relay,
    which looks at a key when a socket is opened and never again. The rows stay, for history.

    ``ManagementError`` when the relay could not be asked; all the rest is done by then, and doing it again goes on.
    """
    done = []
    with transaction.atomic():
        if site.enabled:
            site.enabled = False
            site.save()
            done.append("switched off: pages close, tokens end")
        if end_enrolments(site, "The site was cut off."):
            done.append("enrolment code ended")
        conduit = Conduit.objects.select_related("site").filter(site=site).first()
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
    if done:
        record_change(conduit, f"cut off: {'; '.join(done)}", by, now, tag="conduit:site:cut-off")
    with changing_relay() as management:
        if management.find_conduit(conduit.entity_path) is not None:
            check_same_relay(conduit, management.get_rule_keys(conduit.entity_path, SEND_RULE).primary)
            management.delete_conduit(conduit.entity_path)
            done.append(f"hybrid connection {conduit.entity_path} deleted at the relay: its sockets are closed")
            record_change(conduit, done[-1], by, now, tag="conduit:relay:deleted")
    return done


def _agents_files(plan: SitePlan, site: Site, keys: ConduitKeys, now: datetime) -> tuple[dict[str, str], str]:
    """What the agent's folder will hold, and the agent's certificate; nothing of an agent that is still to enrol."""
    web_app_cert, jwks = own_keys(now)
    if plan.out is None:
        return {}, ""
    agent_cert, agent_key = make_identity("agent", plan.slug, now)
    site_file = write_site_file(
        slug=site.slug,
        name=site.name,
        time_zone=site.time_zone,
        issuer=settings.SIGHTLINE.issuer,
        audience=site.audience,
    )
    files = {
        "site.toml": site_file,
        LISTEN_SECRET: f"{keys.listen.primary.format()}\n",
        AGENT_KEY: agent_key,
        AGENT_CERT: agent_cert,
        WEB_APP_PIN: web_app_cert,
        TOKEN_KEYS: jwks,
    }
    return files, agent_cert


def _make_hybrid_connection(
    management: RelayManagement, site: Site, undo: contextlib.ExitStack, left: list[str]
) -> ConduitKeys:
    try:
        keys = management.create_conduit(site.slug, must_be_new=True)
    except AlreadyExists as error:
        # It may be another site's, with another agent at it: never taken over.
        raise ProvisioningError(f"{error} Choose another slug, or delete it there first.") from error
    undo.callback(_remove_hybrid_connection, management, site.slug, left)
    return keys


def _remove_hybrid_connection(management: RelayManagement, path: str, left: list[str]) -> None:
    try:
        management.delete_conduit(path)
    except ManagementError as error:
        left.append(f"The hybrid connection {path!r} is left at the relay: {error} Delete it there.")
        logger.error(left[-1])  # noqa: TRY400 - a sentence for the administrator, not a fault of ours


def _conduit(site: Site, keys: ConduitKeys, agent_cert: str, now: datetime) -> Conduit:
    return Conduit(
        site=site,
        endpoint=endpoint_of(keys.send.primary),
        entity_path=keys.path,
        use_emulator=not keys.send.primary.use_tls,
        send_key_name=keys.send.rule,
        send_key_ref=f"file:conduits/{site.id}.send",
        agent_pin=agent_cert,
        send_key_changed=now,
        listen_key_changed=now,
    )


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


def own_keys(now: datetime) -> tuple[str, str]:
    """The web app's certificate and the issuer's public keys; both are made when the first site is.

    They are the only things that stay after a failure: they belong to the web app, not to the site.
    """
    make_private_dir(settings.SIGHTLINE.secrets_dir)
    certificate = ensure_web_app_identity(now)
    path = settings.SIGHTLINE.signing_key
    if not path.exists():
        create_signing_key(path)
    return certificate, json.dumps(load_ring(path).public_jwks(now.timestamp()), indent=1) + "\n"


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
    except (ManagementError, SigningKeyError, IdentityError) as error:
        raise ProvisioningError(str(error)) from error
    except OSError as error:
        raise ProvisioningError(f"Cannot write {error.filename}: {error.strerror}.") from error
