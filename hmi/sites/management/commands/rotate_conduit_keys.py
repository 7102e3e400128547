"""``manage.py rotate_conduit_keys SLUG --rule send|listen``: new keys at the relay without an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from hmi.sites.key_rotation import begin_listen_rotation, finish_listen_rotation, rotate_send_key
from hmi.sites.models import Conduit
from relay_bridge.management import ManagementError


class Command(BaseCommand):
    help = (
        "Make a conduit's keys new while it is in use. Send: at once. Listen: with --out DIR the agent's new "
        "connection string is written; when the agent runs with it, --finish makes the old key useless."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--rule", required=True, choices=("send", "listen"))
        step = parser.add_mutually_exclusive_group()
        step.add_argument("--out", help="listen, first step: folder for the agent's new connection string")
        step.add_argument("--finish", action="store_true", help="listen, second step: the old key opens nothing more")
        parser.add_argument("--force", action="store_true", help="with --finish: although nobody listens")
        parser.add_argument("--repair", action="store_true", help="send: although the present key opens nothing")
        parser.add_argument("--by", default="", help="who does it, for the record (default: this account)")

    def handle(self, *args: Any, **options: Any) -> None:
        conduit = Conduit.objects.select_related("site").filter(site__slug=options["slug"]).first()
        if conduit is None:
            raise CommandError(f"There is no provisioned site {options['slug']!r}.")
        _check(options)
        try:
            if options["rule"] == "send":
                text = self._send(conduit, options)
            elif options["finish"]:
                text = self._finish(conduit, options)
            else:
                text = self._begin(conduit, options)
        except ManagementError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"Cannot write {error.filename}: {error.strerror}.") from error
        self.stdout.write(f"{conduit.site.name}: {text}")

    def _send(self, conduit: Conduit, options: dict[str, Any]) -> str:
        mark = rotate_send_key(conduit, timezone.now(), options["by"], repair=options["repair"])
        return f"the Send key is a new one ({mark}); the one before opens nothing any more."

    def _begin(self, conduit: Conduit, options: dict[str, Any]) -> str:
        out = Path(options["out"]).expanduser().absolute()
        file, mark = begin_listen_rotation(conduit, out, timezone.now(), options["by"])
        return (
            f"the agent's new connection string is in {file}. Put it in place of the agent's secrets/relay-listen "
            f"(mode 0600): the agent takes it up by itself and logs the key {mark}. Then run "
            f"manage.py rotate_conduit_keys {conduit.site.slug} --rule listen --finish; until then the old key is good."
        )

    def _finish(self, conduit: Conduit, options: dict[str, Any]) -> str:
        finish_listen_rotation(conduit, timezone.now(), options["by"], force=options["force"])
        return "the Listen key before opens nothing any more."


def _check(options: dict[str, Any]) -> None:
    """Options that contradict one another would be silently ignored otherwise."""
    if options["rule"] == "listen" and not (options["out"] or options["finish"]):
        raise CommandError("Say which step of the Listen rotation: --out DIR to begin, --finish to end it.")
    if options["rule"] == "send" and (options["out"] or options["finish"] or options["force"]):
        raise CommandError("--out, --finish and --force are for --rule listen; the Send key needs no second step.")
    if options["rule"] == "listen" and options["repair"]:
        raise CommandError("--repair is for --rule send.")
    if options["force"] and not options["finish"]:
        raise CommandError("--force goes with --finish.")
