"""``sightline-plant``: the simulated plant on the command line."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from relay_bridge.simulator.faults import Fault, FaultError, parse_fault
from relay_bridge.simulator.server import PlantServer, quiet_asyncua

USAGE, CANNOT_START = 2, 1  # exit codes


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no address; say HOST:PORT, as in 127.0.0.1:4840")
    return host, int(port)


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(USAGE, f"sightline-plant: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sightline-plant", description="A simulated tank farm as an OPC UA server.")
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 4840), metavar="HOST:PORT")
    parser.add_argument("--seed", type=int, default=1, help="another number, another plant")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="NAME[=TARGETS][@START][/DURATION]",
        help="freeze, stick, bad-quality, uncertain-quality, comms-loss, alarm-burst or alarm-flood; may be repeated",
    )
    parser.add_argument("--certificate-dir", type=Path, metavar="DIR", help="also offer Basic256Sha256 SignAndEncrypt")
    parser.add_argument("--allow-remote", action="store_true", help="listen on an address that others can reach")
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _serve(arguments: argparse.Namespace) -> None:
    host, port = arguments.listen
    plant = PlantServer(host, port, arguments.seed, certificate_dir=arguments.certificate_dir)
    for fault in arguments.fault:
        plant.faults.add(fault)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with plant:
        print(f"The simulated plant listens at {plant.url}", flush=True)
        await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; a sentence on standard error and a non-zero exit when it cannot start."""
    arguments = _parser().parse_args(argv)
    host, port = arguments.listen
    if not arguments.allow_remote and not _is_loopback(host):
        print(
            f"sightline-plant: {host} can be reached from outside and the plant takes everybody; "
            "add --allow-remote if that is meant",
            file=sys.stderr,
        )
        return USAGE
    quiet_asyncua()
    try:
        asyncio.run(_serve(arguments))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        what = f"{error.filename}: {reason}" if error.filename else f"cannot listen on {host}:{port}: {reason}"
        print(f"sightline-plant: {what}", file=sys.stderr)
        return CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
