"""Where one demo lives: its folder, its ports, its secrets, the environment of its programs."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shlex
import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path

SITE = "demo"
SITE_NAME = "Demo Terminal"
LOOPBACK = "127.0.0.1"
PORTS = ("relay", "management", "plant")
ISSUER = "http://127.0.0.1/demo"  # a name, not an address: PORT= may move the web app, the agent's pins stay


class DemoError(Exception):
    """One sentence that says what to do."""


@dataclass(frozen=True)
class Setting:
    """Paths and ports of one demo. The same folder gives the same ports, so that a second start finds everything."""

    directory: Path
    web_port: int
    relay_port: int
    management_port: int
    plant_port: int

    @property
    def relay_config(self) -> Path:
        return self.directory / "relay.toml"

    @property
    def management_token(self) -> Path:
        """Made by the relay at its first start, mode 0600."""
        return self.directory / "relay-management.token"

    @property
    def manage_env(self) -> Path:
        """For ``manage.py`` by hand: ``. .demo/manage.env``. It names files; no secret stands in it."""
        return self.directory / "manage.env"

    @property
    def site_dir(self) -> Path:
        return self.directory / "site"

    @property
    def site_config(self) -> Path:
        return self.site_dir / "site.toml"

    @property
    def credentials(self) -> Path:
        return self.directory / "credentials.json"

    @property
    def log_dir(self) -> Path:
        return self.directory / "log"

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the web app and of ``manage.py``."""
        return {**os.environ, **self.own_environment}

    @property
    def own_environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "hmi.settings",
            "SIGHTLINE_STATE_DIR": str(self.directory / "state"),
            "SIGHTLINE_SECRET_KEY_FILE": str(self.directory / "secret-key"),
            "SIGHTLINE_PUBLIC_URL": self.url,
            "SIGHTLINE_ISSUER": ISSUER,
            "SIGHTLINE_RELAY_MANAGEMENT": f"http://{LOOPBACK}:{self.management_port}",
            "SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE": str(self.management_token),
            "SIGHTLINE_RELAY_NAMESPACE": "local",
            # Its people sign in with the printed passwords alone: this machine's loopback is all that reaches them.
            "SIGHTLINE_SECOND_FACTOR": "off-on-loopback",
            # One person shows the demo: nobody is there to approve. "1" before make demo shows approval too.
            "SIGHTLINE_GRANT_APPROVAL": os.environ.get("SIGHTLINE_GRANT_APPROVAL", "0"),
        }


def prepare(directory: Path, port: str) -> Setting:
    """Make the folder and choose the ports; ``DemoError`` when something stands in the way."""
    web_port = _parse_port(port)
    directory = directory.expanduser().resolve()
    try:
        for folder in (directory, directory / "state", directory / "log"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(
            f"cannot write to {directory}: {error.strerror}. Choose another place with DEMO_DIR=."
        ) from None
    ports = _remembered_ports(directory)
    for number, what in ((web_port, "PORT="), *((port, "") for port in ports.values())):
        if not _is_free(number):
            advice = (
                f"choose another with {what}" if what else "stop the demo that still runs, or use another DEMO_DIR="
            )
            raise DemoError(f"port {number} on {LOOPBACK} is in use; {advice}.")
    setting = Setting(directory, web_port, ports["relay"], ports["management"], ports["plant"])
    _write_once(directory / "secret-key", secrets.token_urlsafe(64))
    _write_relay_config(setting)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in setting.own_environment.items()]
    write_private(setting.manage_env, "".join(lines))
    return setting


def _write_relay_config(setting: Setting) -> None:
    """The relay's file: where its management port is. What is made over that port the relay keeps in a file of its own.

    A demo of an earlier version has its hybrid connections in this file; they stay, and the port is added.
    """
    table = f"""\
# The management port, over which sites are provisioned.
[management]
listen = "{LOOPBACK}:{setting.management_port}"
token_file = "{setting.management_token.name}"
state_file = "relay-state.json"
"""
    path = setting.relay_config
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        known = tomllib.loads(before)
    except (OSError, ValueError):
        raise _damaged(path, setting.directory) from None
    if "management" not in known:
        write_private(path, f"{before}\n{table}" if known else table)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, all or nothing."""
    temporary = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        write_private(path, text)


def _parse_port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise DemoError(f"PORT={text} is not a port; it must be a whole number from 1 to 65535.")
    return port


def _remembered_ports(directory: Path) -> dict[str, int]:
    """Of relay, its management and plant: chosen free at the first start, kept because configurations name them."""
    path = directory / "ports.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        ports = {name: int(known[name]) for name in PORTS if name in known}
    except (OSError, ValueError, TypeError):
        raise _damaged(path, directory) from None
    missing = [name for name in PORTS if name not in ports]
    if missing:
        ports.update(zip(missing, _free_ports(len(missing)), strict=True))
        write_private(path, json.dumps(ports))
    return ports


def _damaged(path: Path, directory: Path) -> DemoError:
    return DemoError(f"{path} is damaged; remove the folder {directory} and start again.")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise DemoError(f"port {port} needs more rights than you have; choose one above 1023 with PORT=.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
