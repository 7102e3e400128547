"""``sightline-site enrol URL [CODE]``: what stands on the command line, and what is said on the way."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import TextIO

from relay_bridge.agent.enrol import Enrolment, enrol
from relay_bridge.agent.enrol_http import EnrolError

DEFAULT_FOLDER = Path("site")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the web app: https://HOST[:PORT]")
    parser.add_argument(
        "code", metavar="CODE", nargs="?", default="-", help="the one-time code; left out or -: it is asked for"
    )
    parser.add_argument(
        "--dir", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="folder to make (default: ./site)"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE", help="trust this authority (PEM) for URL, and no other")
    parser.add_argument(
        "--replace", action="store_true", help="give the site that is in DIR new keys; its site.toml stays"
    )


def enrol_command(options: argparse.Namespace, out: TextIO) -> list[str]:
    """Findings in sentences; none when the folder is written."""
    code = _asked() if options.code == "-" else options.code
    wanted = Enrolment(options.url, code, options.dir, options.ca, options.replace)
    try:
        asyncio.run(enrol(wanted, out))
    except EnrolError as error:
        return [str(error)]
    return []


def _asked() -> str:
    """From a terminal without showing it, or the first line of what is piped in."""
    if sys.stdin.isatty():
        return getpass.getpass("Enrolment code: ")
    return sys.stdin.readline(200)
