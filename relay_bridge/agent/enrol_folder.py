"""The agent's folder, written whole: a new one appears at once, an existing one is touched only when that was asked.

A new folder is made beside its place, checked as ``run`` will check it, and renamed. With ``replace`` the five files of
an enrolment take the place of the ones before all together (enrol_pending.py); those are kept in
``before-enrolment-TIME/``, and ``site.toml`` with all that was added to it stays.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import tempfile
import tomllib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relay_bridge.agent.config_file import TrustSection
from relay_bridge.agent.enrol_http import EnrolError
from relay_bridge.agent.enrol_pending import FILES, finish_enrolment, switch, sync
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.secret_files import read_secret
from relay_bridge.agent.trust import load_trust
from relay_bridge.contract.enrolment import Terms
from relay_bridge.contract.site_file import (
    AGENT_CERT,
    AGENT_KEY,
    LISTEN_SECRET,
    TOKEN_KEYS,
    WEB_APP_PIN,
    write_site_file,
)

SITE_FILE = "site.toml"
PRIVATE_DIR, PRIVATE_FILE, PUBLIC_FILE = 0o700, 0o600, 0o644
_PRIVATE = {LISTEN_SECRET, AGENT_KEY}


class SiteFolder:
    """``with SiteFolder(path, replace=...) as folder: folder.write(...)``. Leaving without ``write`` leaves nothing.

    ``EnrolError`` at once when the place cannot be used, so that no code is spent on it.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self.path = path.absolute()
        self._replace = replace
        self._draft: Path | None = None
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        self._check_place()
        if self._replace:
            try:
                finish_enrolment(self.path)
            except ConfigError as error:
                raise EnrolError(str(error)) from None
        try:
            for folder in [each for each in reversed(self.path.parents) if not each.exists()]:
                folder.mkdir(PRIVATE_DIR)
                self._made.append(folder)
            # Beside the folder, or inside the one that stays: on the same disk, where renaming is one step.
            place = self.path if (self.path / SITE_FILE).exists() else self.path.parent
            self._draft = Path(tempfile.mkdtemp(dir=place, prefix=f".{self.path.name}.enrol-"))  # 0700
        except OSError as error:
            self._tidy()
            raise EnrolError(f"Cannot write in {error.filename or self.path.parent}: {error.strerror}.") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tidy()

    def check_terms(self, terms: Terms) -> None:
        """``EnrolError`` when an existing folder belongs to another site: before anything is decided."""
        site_file = self.path / SITE_FILE
        if not site_file.exists():
            return
        try:
            found = tomllib.loads(site_file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise EnrolError(f"{site_file} cannot be read ({error}): mend it, or enrol into another folder.") from None
        wanted = {
            ("site", "id"): terms.site, ("trust", "issuer"): terms.issuer, ("trust", "audience"): terms.audience,
            ("relay", "connection_string"): f"file:{LISTEN_SECRET}", ("trust", "agent_key"): AGENT_KEY,
            ("trust", "agent_cert"): AGENT_CERT, ("trust", "web_app_pin"): WEB_APP_PIN,
            ("trust", "token_keys"): TOKEN_KEYS,
        }  # fmt: skip
        for (section, key), value in wanted.items():
            if _at(found, section, key) != value:
                raise EnrolError(
                    f'{site_file}: [{section}] {key} is not "{value}", as this enrolment has it. '
                    "Set it so, or enrol into another folder with --dir."
                )

    def write(self, terms: Terms, *, certificate: str, key: str, connection_string: str, now: dt.datetime) -> Path:
        """Everything at once; the path of site.toml. ``EnrolError`` when what the web app said cannot be used."""
        draft = self._draft
        assert draft is not None  # noqa: S101 - inside the with
        files = {
            AGENT_KEY: key, AGENT_CERT: certificate, WEB_APP_PIN: terms.web_app_cert, TOKEN_KEYS: terms.token_keys,
            LISTEN_SECRET: f"{connection_string}\n",
        }  # fmt: skip
        try:
            for name in FILES:
                _put(draft / name, files[name], PRIVATE_FILE if name in _PRIVATE else PUBLIC_FILE)
            _check(draft, terms, now)
            if (self.path / SITE_FILE).exists():
                self._take_place(draft, now)
            else:
                text = write_site_file(
                    slug=terms.site, name=terms.name, time_zone=terms.time_zone, issuer=terms.issuer,
                    audience=terms.audience,
                )  # fmt: skip
                _put(draft / SITE_FILE, text, PUBLIC_FILE)
                with contextlib.suppress(FileNotFoundError):
                    self.path.rmdir()  # it was empty; a rename onto it works on POSIX only
                draft.rename(self.path)
            sync(self.path.parent)
        except OSError as error:
            raise EnrolError(f"Cannot write {error.filename or self.path}: {error.strerror}.") from None
        self._made.clear()
        return self.path / SITE_FILE

    def _check_place(self) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise EnrolError(f"{self.path} is no folder; name another with --dir.")
        if (self.path / SITE_FILE).exists():
            if not self._replace:
                raise EnrolError(
                    f"{self.path} holds a site already. Name another folder with --dir, or add --replace to give this "
                    "one new keys; its site.toml stays."
                )
        elif any(self.path.iterdir()):
            raise EnrolError(f"{self.path} is not empty and holds no site; name a new folder with --dir.")

    def _take_place(self, draft: Path, now: dt.datetime) -> None:
        """The five files at once, and a copy of those before; whoever is killed in between leaves one or the other."""
        before = self.path / f"before-enrolment-{now:%Y%m%dT%H%M%SZ}"
        before.mkdir(PRIVATE_DIR)
        for name in FILES:
            old = self.path / name
            if old.exists():
                (before / name).parent.mkdir(PRIVATE_DIR, exist_ok=True)
                shutil.copy2(old, before / name)
        for part in {(draft / name).parent for name in FILES} | {draft}:
            sync(part)
        self._draft = None  # from here on its files are the site's
        switch(self.path, draft)

    def _tidy(self) -> None:
        if self._draft is not None:
            shutil.rmtree(self._draft, ignore_errors=True)
            self._draft = None
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._made.clear()


def _check(draft: Path, terms: Terms, now: dt.datetime) -> None:
    """As ``run`` will load it: whatever it would refuse is said before the folder is there."""
    section = TrustSection(
        issuer=terms.issuer,
        audience=terms.audience,
        token_keys=str(draft / TOKEN_KEYS),
        web_app_pin=str(draft / WEB_APP_PIN),
        agent_cert=str(draft / AGENT_CERT),
        agent_key=str(draft / AGENT_KEY),
    )
    try:
        load_trust(section, now)
        read_secret(f"file:{LISTEN_SECRET}", where="[relay] connection_string", base=draft)
    except ConfigError as error:
        text = str(error).replace(f"{draft}{os.sep}", "")
        raise EnrolError(f"What the web app sent cannot be used: {text}") from None


def _put(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(PRIVATE_DIR, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _at(document: dict[str, Any], section: str, key: str) -> Any:
    part = document.get(section)
    return part.get(key) if isinstance(part, dict) else None
