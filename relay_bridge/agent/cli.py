"""The command ``sightline-site``: ``run`` serves the site, ``check`` says what is missing before it can.

Exit codes: 0 stopped in good order or nothing found, 1 findings, 2 a configuration that cannot be used, 3 another agent
serves this folder. ``status`` has codes of its own (status_command.py).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.check import EXIT_FINDINGS, check
from relay_bridge.agent.config import load_config, status_file, switch_folder
from relay_bridge.agent.enrol_command import add_options as add_enrol_options
from relay_bridge.agent.enrol_command import enrol_command
from relay_bridge.agent.enrol_pending import finish_enrolment
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.findings import Named
from relay_bridge.agent.folder_lock import AlreadyRunning
from relay_bridge.agent.importing.commands import add_import_options, add_tags_options, import_command, tags_command
from relay_bridge.agent.journal_command import WHAT, journal_command
from relay_bridge.agent.logging_setup import FORMATS, start_logging
from relay_bridge.agent.mode_command import MODES, mode_command
from relay_bridge.agent.status_command import UNKNOWN, status_command

EXIT_CONFIG = 2
EXIT_RUNS_ALREADY = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do it; the exit code."""
    options = _parser().parse_args(arguments)
    start_logging(options.log_level, options.log_format)
    try:
        if options.command in {"run", "check"} and finish_enrolment(options.config.absolute().parent):
            print("sightline-site: an enrolment that was cut off has been finished.", file=sys.stderr)
        if options.command == "run":
            asyncio.run(_run(options.config))
            return 0
        if options.command == "enrol":
            return _tell(enrol_command(options, sys.stdout))
        if options.command == "status":
            return status_command(status_file(options.config), sys.stdout, as_json=options.json)
        if options.command == "import":
            return _tell(import_command(options))
        if options.command == "tags":
            return _tell(tags_command(options))
        if options.command == "journal":
            return journal_command(options.what, load_config(options.config), sys.stdout)
        if options.command == "mode":
            folder = switch_folder(options.config)
            return _tell(mode_command(folder, options.mode, options.by, options.why, sys.stdout))
        checking = check(options.config, sys.stdout, machine=True, relay=not options.without_relay)
        findings = asyncio.run(checking)
    except ConfigError as error:
        print(f"sightline-site: {error}", file=sys.stderr)
        if options.command == "status":
            return UNKNOWN
        return EXIT_RUNS_ALREADY if isinstance(error, AlreadyRunning) else EXIT_CONFIG
    except KeyboardInterrupt:
        return 130
    if _tell(findings):
        return EXIT_FINDINGS
    print("Nothing found: the agent can be started.")
    return 0


def _tell(findings: Sequence[str]) -> int:
    """Print each as a sentence of this program, with its name if it has one; the exit code."""
    for finding in findings:
        name = f" [{finding.code}]" if isinstance(finding, Named) else ""
        print(f"sightline-site: {finding}{name}", file=sys.stderr)
    return EXIT_FINDINGS if findings else 0


async def _run(path: Path) -> None:
    agent = SiteAgent(load_config(path))
    _stop_on_signals(agent)
    await agent.run()


def _stop_on_signals(agent: SiteAgent) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, agent.stop)
        except NotImplementedError:  # Windows: the interpreter's own handlers, which wake the loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(agent.stop))


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
        ("enrol", "become a site's agent with a one-time code"),
        ("status", "say how the running agent stands"),
        ("check", "say what is wrong before the first start"),
        ("import", "look around at a process server and propose tanks and tags"),
        ("tags", "the list of tags for a spreadsheet, and back"),
        ("journal", "check this site's own audit trail, or print what it holds"),
        ("mode", "turn the switch at the plant, or say how it stands"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        if name == "journal":
            command.add_argument("what", choices=list(WHAT), help="; ".join(f"{w}: {does}" for w, does in WHAT.items()))
        if name == "mode":
            command.add_argument("mode", nargs="?", choices=MODES, help="how it shall stand; left out: only say")
            command.add_argument("--by", metavar="NAME", help="who turns it; phones and the journal show it")
            command.add_argument("--why", default="", metavar="TEXT", help="the reason, shown beside the name")
        if name == "check":
            command.add_argument(
                "--without-relay", action="store_true", help="for a desk from which the relay cannot be reached"
            )
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs: the whole report")
        if name == "enrol":
            add_enrol_options(command)
        elif name == "import":
            add_import_options(command)
        elif name == "tags":
            add_tags_options(command)
        else:
            command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the site.toml to use")
        command.add_argument(
            "--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="default: INFO"
        )
        command.add_argument(
            "--log-format", default="text", choices=FORMATS, help="default: text; json: for collectors"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
