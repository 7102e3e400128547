"""Reading where the rows are: an SQLite file, or a PostgreSQL server under TLS. Strictly, when the program starts.

SIGHTLINE_DATABASE=/var/lib/sightline/sightline.sqlite3     the default, in the state folder
SIGHTLINE_DATABASE_URL=postgresql://USER@HOST[:PORT]/NAME   and SIGHTLINE_DATABASE_PASSWORD_FILE, never in the address
SIGHTLINE_DATABASE_CA  the certificates that vouch for the server; without it, those that the system trusts
SIGHTLINE_DATABASE_TLS=off-on-loopback                      for a server on this machine that offers none

A HOST that begins with a slash, written %2F, is the folder of a Unix socket: nothing leaves the machine there.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from hmi import environment

URL = "SIGHTLINE_DATABASE_URL"
LOOK = f"{URL} must look like postgresql://USER@HOST:5432/NAME (docs/configuration.md)."
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CONNECT_WITHIN = 5  # seconds for a server to answer; several when its name has several addresses
LOCK_WITHIN = 10  # seconds that a writer waits for another one, as SQLite's "timeout" does
SILENT_WITHIN = 15_000  # milliseconds until a connection whose other end is gone fails


class _Place(NamedTuple):
    user: str
    host: str
    port: int
    name: str

    @property
    def is_socket(self) -> bool:
        return self.host.startswith("/")


def read_database(state_dir: Path) -> dict[str, Any]:
    """Django's ``DATABASES["default"]``; ``ImproperlyConfigured`` says what to do. Nothing is connected to here."""
    url = environment.text("DATABASE_URL", "").strip()
    if not url:
        _refuse_leftovers("DATABASE_PASSWORD", "DATABASE_PASSWORD_FILE", "DATABASE_CA", "DATABASE_TLS")
        return _sqlite(environment.path("DATABASE", str(state_dir / "sightline.sqlite3")))
    if f"{environment.PREFIX}DATABASE" in os.environ:
        raise ImproperlyConfigured(f"Set SIGHTLINE_DATABASE, an SQLite file, or {URL}, a PostgreSQL server: not both.")
    return _postgres(_read_url(url))


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            # Readers never block the writer and the other way round; writers queue instead of failing at once.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": LOCK_WITHIN,
        },
    }


def _postgres(place: _Place) -> dict[str, Any]:
    if importlib.util.find_spec("psycopg") is None:
        raise ImproperlyConfigured(f"{URL} needs the driver of PostgreSQL: pip install 'sightline[web,postgresql]'.")
    options = {
        "connect_timeout": CONNECT_WITHIN,
        "options": f"-c lock_timeout={LOCK_WITHIN * 1000}",
        "tcp_user_timeout": SILENT_WITHIN,
        "application_name": "sightline",
        **_tls(place),
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": place.name,
        "USER": place.user,
        "HOST": place.host,
        "PORT": place.port,
        "PASSWORD": _password(place),
        "OPTIONS": options,
    }


def _tls(place: _Place) -> dict[str, Any]:
    """How libpq checks the server. "require" would encrypt to whoever answers, so it is not offered."""
    wish = environment.choice("DATABASE_TLS", "verify-full", ("verify-full", "off-on-loopback"))
    if place.is_socket:
        _refuse_leftovers("DATABASE_TLS", "DATABASE_CA", why="a Unix socket has no TLS")
        return {}
    if wish == "off-on-loopback":
        if place.host not in LOOPBACK:
            raise ImproperlyConfigured(
                f"SIGHTLINE_DATABASE_TLS=off-on-loopback is for a server on this machine, not for {place.host}: leave "
                "it out, and give the server a certificate."
            )
        return {"sslmode": "disable"}
    if f"{environment.PREFIX}DATABASE_CA" not in os.environ:
        return {"sslmode": "verify-full", "sslrootcert": "system"}
    authority = environment.path("DATABASE_CA")
    if not authority.is_file():
        raise ImproperlyConfigured(f"SIGHTLINE_DATABASE_CA: there is no file {authority}.")
    return {"sslmode": "verify-full", "sslrootcert": str(authority)}


def _password(place: _Place) -> str:
    """A Unix socket may know its callers without one, by their account."""
    given = any(f"{environment.PREFIX}DATABASE_PASSWORD{end}" in os.environ for end in ("", "_FILE"))
    if place.is_socket and not given:
        return ""
    return environment.secret("DATABASE_PASSWORD", shortest=1)


def _read_url(url: str) -> _Place:
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        raise ImproperlyConfigured(LOOK) from None
    account, _, address = parts.netloc.rpartition("@")
    if parts.password is not None or ":" in account:
        # Not quoted, for it holds the password.
        raise ImproperlyConfigured(
            f"{URL} holds a password, and addresses are shown and logged. Put it into a file that "
            "SIGHTLINE_DATABASE_PASSWORD_FILE names."
        )
    if parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{URL} takes no parameters behind the name; TLS has settings of its own.")
    # The address as it was written: urlsplit makes a host's name small, and a folder's too.
    host = unquote(address) if address.lower().startswith("%2f") else parts.hostname or ""
    user, name = unquote(account), unquote(parts.path.removeprefix("/"))
    if parts.scheme not in {"postgresql", "postgres"} or not host or not user or not name or "/" in name:
        raise ImproperlyConfigured(LOOK)
    if any(not text.isprintable() or len(text) > 200 for text in (user, host, name)):
        raise ImproperlyConfigured(LOOK)
    return _Place(user, host, port, name)


def _refuse_leftovers(*names: str, why: str = f"it goes with {URL}, which is not set") -> None:
    """A setting that would be passed over is a mistake: whoever set it believes in it."""
    for name in names:
        if f"{environment.PREFIX}{name}" in os.environ:
            raise ImproperlyConfigured(f"Leave {environment.PREFIX}{name} out: {why}.")
