"""Where one demo lives: its folder, its ports, its secrets, the environment of its programs."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

SITE = "demo"
SITE_NAME = "Demo Terminal"
LOOPBACK = "127.0.0.1"
ISSUER = "http://127.0.0.1/demo"  # a name, not an address: PORT= may move the web app, the agent's pins stay


class DemoError(Exception):
    """One sentence that says what to do."""


@dataclass(frozen=True)
class Setting:
    """Paths and ports of one demo. The same folder gives the same ports, so that a second start finds everything."""

    directory: Path
    web_port: int
    relay_port: int
    plant_port: int

    @property
    def relay_config(self) -> Path:
        return self.directory / "relay.toml"

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
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "hmi.settings",
            "SIGHTLINE_STATE_DIR": str(self.directory / "state"),
            "SIGHTLINE_SECRET_KEY_FILE": str(self.directory / "secret-key"),
            "SIGHTLINE_PUBLIC_URL": self.url,
            "SIGHTLINE_ISSUER": ISSUER,
            "SIGHTLINE_RELAY_CONFIG": str(self.relay_config),
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
    relay_port, plant_port = _remembered_ports(directory)
    for number, what in ((web_port, "PORT="), (relay_port, ""), (plant_port, "")):
        if not _is_free(number):
            advice = (
                f"choose another with {what}" if what else "stop the demo that still runs, or use another DEMO_DIR="
            )
            raise DemoError(f"port {number} on {LOOPBACK} is in use; {advice}.")
    setting = Setting(directory, web_port, relay_port, plant_port)
    _write_once(directory / "secret-key", secrets.token_urlsafe(64))
    _write_once(setting.relay_config, "# Hybrid connections of the demo; provisioning adds them here.\n")
    return setting


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


def _remembered_ports(directory: Path) -> tuple[int, int]:
    """Relay and plant ports: chosen free at the first start, kept because the site's configuration names them."""
    path = directory / "ports.json"
    try:
        ports = json.loads(path.read_text(encoding="utf-8"))
        return int(ports["relay"]), int(ports["plant"])
    except FileNotFoundError:
        relay, plant = _free_ports(2)
        write_private(path, json.dumps({"relay": relay, "plant": plant}))
        return relay, plant
    except (ValueError, KeyError, TypeError):
        raise DemoError(f"{path} is damaged; remove the folder {directory} and start again.") from None


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
