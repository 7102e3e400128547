"""The program ``sightline-relay``: a relay on loopback, from a configuration file.

    sightline-relay --listen 127.0.0.1:9400 --config relay.toml [--tls-cert FILE --tls-key FILE] [--record DIR]

It prints one line when it listens, and a second one when the configuration has a management port.

Exit codes: 0 stopped by a signal, 1 it could not listen, 2 wrong arguments or configuration. Every failure is one
sentence on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import ipaddress
import logging
import resource
import signal
import ssl
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from relay_bridge.emulator.management.config import parse_host_port
from relay_bridge.emulator.namespace import ConfigError
from relay_bridge.emulator.reload import ConfigFile, follow
from relay_bridge.emulator.server import MAX_SOCKETS, SPARE_CONNECTIONS, RelayEmulator

EXIT_CANNOT_LISTEN: Final = 1
EXIT_WRONG_INPUT: Final = 2
OTHER_FILES: Final = 64  # file descriptors beside the sockets

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOOPS: Final = ("auto", "asyncio", "uvloop")


class UsageError(Exception):
    """Arguments that cannot be used; the text is one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal; returns the exit code."""
    try:
        options = _parse_arguments(arguments)
        host, port = parse_listen(options.listen)
        _check_reach(host, options.allow_remote)
        new_loop = loop_factory(options.loop)
        tls = _tls_context(options.tls_cert, options.tls_key)
        file = ConfigFile(options.config)
        config = file.load()
        management = file.load_management()
        if management is not None:
            _check_reach(management.host, options.allow_remote)
        # A bad directory is found here, not when the first byte is to be recorded.
        emulator = RelayEmulator(config, host, port, options.record, tls=tls, management=management)
    except (UsageError, ConfigError) as error:
        return _fail(str(error), EXIT_WRONG_INPUT)
    except OSError as error:
        return _fail(f"--record {options.record}: {error.strerror or error}", EXIT_WRONG_INPUT)
    logging.basicConfig(
        level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    _allow_many_sockets()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_run(emulator, file, options.listen, "wss" if tls else "ws"))


def parse_listen(text: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPv6]:PORT``; port 0 takes a free one. Raises ``UsageError``."""
    try:
        return parse_host_port(text, f"--listen {text}")
    except ConfigError as error:
        raise UsageError(str(error)) from error


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only be reached from this machine. A name other than localhost is not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _run(emulator: RelayEmulator, file: ConfigFile, listen: str, scheme: str) -> int:
    try:
        await emulator.start()
    except ConfigError as error:
        return _fail(str(error), EXIT_WRONG_INPUT)
    except OSError as error:
        return _fail(f"cannot listen on {error.filename or listen}: {error.strerror or error}", EXIT_CANNOT_LISTEN)
    loop = asyncio.get_running_loop()
    stop, reload_now = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload_now.set)
    following = asyncio.create_task(follow(file, emulator, reload_now))
    print(f"Relay emulator is listening on {scheme}://{listen.rpartition(':')[0]}:{emulator.port}", flush=True)
    if file.management is not None:
        print(f"Management is listening on {emulator.management_url}", flush=True)
    try:
        await stop.wait()
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await emulator.stop()
    return 0


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="sightline-relay", description="A relay for Hybrid Connections on this machine.")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="where to listen, as in 127.0.0.1:9400")
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="hybrid connections, rules and keys")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="PEM certificate chain: serve wss://")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="PEM private key of the certificate")
    parser.add_argument("--record", type=Path, metavar="DIR", help="write a copy of every byte carried into DIR")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
    parser.add_argument("--loop", choices=LOOPS, default="auto", help="auto is uvloop where it is installed")
    parser.add_argument("--allow-remote", action="store_true", help="allow an address that others can reach")
    return parser.parse_args(arguments)


def _check_reach(host: str, allow_remote: bool) -> None:
    if not allow_remote and not is_loopback(host):
        raise UsageError(f"{host} is not a loopback address; --allow-remote is needed to listen there")


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop; None is the one of Python."""
    if name == "asyncio" or (name == "auto" and importlib.util.find_spec("uvloop") is None):
        return None
    try:
        import uvloop  # noqa: PLC0415 - not on every machine
    except ImportError as error:
        raise UsageError("--loop uvloop: uvloop is not installed; use --loop asyncio") from error
    return uvloop.new_event_loop


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _tls_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise UsageError("--tls-cert and --tls-key go together")
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if not path.is_file():
            raise UsageError(f"{option} {path}: there is no such file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password: a key that needs one is refused instead of asked for at a terminal nobody watches.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise UsageError(
            f"--tls-cert {certificate} and --tls-key {key} are no PEM certificate with its unencrypted private key"
        ) from error
    return context


def _allow_many_sockets() -> None:
    """The usual limit of 1,024 open files would end the relay's quota long before it is reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_SOCKETS + SPARE_CONNECTIONS + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _fail(sentence: str, code: int) -> int:
    print(f"sightline-relay: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
