"""The command ``sightline-site``: ``run`` serves the site, ``check`` says what is missing before it can.

Exit codes: 0 stopped in good order or nothing found, 1 findings, 2 a configuration that cannot be used.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.check import EXIT_FINDINGS, check
from relay_bridge.agent.config import load_config
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.journal_command import WHAT, journal_command

EXIT_CONFIG = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do it; the exit code."""
    options = _parser().parse_args(arguments)
    _start_logging(options.log_level)
    try:
        if options.command == "run":
            asyncio.run(_run(options.config))
            return 0
        if options.command == "journal":
            return journal_command(options.what, load_config(options.config), sys.stdout)
        findings = asyncio.run(check(options.config, sys.stdout))
    except ConfigError as error:
        print(f"sightline-site: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return 130
    for finding in findings:
        print(f"sightline-site: {finding}", file=sys.stderr)
    if findings:
        return EXIT_FINDINGS
    print("Nothing found: the agent can be started.")
    return 0


async def _run(path: Path) -> None:
    agent = SiteAgent(load_config(path))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stop)
    await agent.run()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, as for everything else that cannot be used."""
        self.exit(EXIT_CONFIG, f"sightline-site: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sightline-site", description="Serve a site's process values through a relay, without an open port."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("run", "serve the site until stopped"),
        ("check", "say what is wrong before the first start"),
        ("journal", "check this site's own audit trail, or print what it holds"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        if name == "journal":
            command.add_argument("what", choices=list(WHAT), help="; ".join(f"{w}: {does}" for w, does in WHAT.items()))
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the site.toml to use")
        command.add_argument(
            "--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="default: INFO"
        )
    return parser


def _start_logging(level: str) -> None:
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=level,
        stream=sys.stderr,
        format="%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    # The driver says every one of its library's troubles in words.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    # These write a line for every frame.
    for name in ("websockets", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
