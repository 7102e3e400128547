"""The web app alone, as a process of its own on ``http://localhost``: there, not on 127.0.0.1, browsers offer passkeys.

``python -m tests.support.web_app PORT`` makes database, people and one site, and serves them.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.demo import ROOT, free_port, wait_for

READY_DEADLINE = 120.0  # seconds, on a busy machine
PASSWORD = "eleven grey herons stand"
PEOPLE = {"alice": "field-operator", "bob": "viewer", "charlie": "viewer"}


@contextmanager
def running_web_app(state: Path, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its address, once it answers. ``more``: further settings."""
    port = free_port()
    state.mkdir(mode=0o700, exist_ok=True)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hmi.settings",
        "SIGHTLINE_STATE_DIR": str(state),
        "SIGHTLINE_SECRET_KEY": secrets.token_urlsafe(64),
        "SIGHTLINE_PUBLIC_URL": f"http://localhost:{port}",
        "SIGHTLINE_ISSUER": "http://127.0.0.1/tests",
        "SIGHTLINE_ALLOWED_HOSTS": "localhost",
        "SIGHTLINE_SECOND_FACTOR": "always",
        "SIGHTLINE_GRANT_APPROVAL": "0",
        "PYTHONUNBUFFERED": "1",
        **(more or {}),
    }
    with (state / "web-app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.web_app", str(port)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://localhost:{port}"

    def ready() -> bool:
        assert process.poll() is None, (state / "web-app.log").read_text()[-4000:]
        try:
            with urllib.request.urlopen(f"{address}/sign-in/", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    try:
        wait_for(ready, "the web app answers", within=READY_DEADLINE)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    import django  # noqa: PLC0415 - the settings are in the environment

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    make_people(json.loads(os.environ.get("TEST_PEOPLE", "null")) or PEOPLE)
    from daphne.cli import CommandLineInterface  # noqa: PLC0415 - in this process: starting Django once is enough

    CommandLineInterface().run(["-e", f"tcp:{sys.argv[1]}:interface=127.0.0.1", "hmi.asgi:application"])


def make_people(people: Mapping[str, str]) -> None:
    import datetime as dt  # noqa: PLC0415

    from django.utils import timezone  # noqa: PLC0415

    from accounts.models import Role, User  # noqa: PLC0415
    from hmi.sites.models import Grant, Site  # noqa: PLC0415

    site = Site.objects.create(slug="north", name="North Terminal")
    for username, role in people.items():
        Grant.objects.create(
            user=User.objects.create_user(username, password=PASSWORD),
            role=Role.objects.get(slug=role),
            site=site,
            valid_until=timezone.now() + dt.timedelta(days=1),
            reason="operates the site",
        )


if __name__ == "__main__":
    main()
