"""The demo's site: provisioned like any other, then given the simulated plant's tags."""

from __future__ import annotations

import shutil
from io import StringIO
from pathlib import Path

from django.core.management import call_command
from django.core.management.base import CommandError

from hmi.demo.setting import LOOPBACK, SITE, SITE_NAME, Setting, write_private
from hmi.sites.models import Site
from hmi.sites.relay_management import changing_relay
from relay_bridge.management import ManagementError

TANK_FARM = Path(__file__).with_name("tank_farm.toml")


def ensure_site(setting: Setting) -> None:
    """Provision once; an aborted first start is cleared away and done again."""
    complete = setting.site_dir / ".complete"
    if Site.objects.filter(slug=SITE).exists():
        if complete.exists():
            return
        raise CommandError(f"an earlier start did not finish; remove the folder {setting.directory} and start again.")
    if setting.site_dir.exists():
        shutil.rmtree(setting.site_dir)
    try:
        with changing_relay() as management:
            management.delete_conduit(SITE)
    except ManagementError as error:
        raise CommandError(str(error)) from error
    call_command(
        "provision_site",
        SITE,
        "--name", SITE_NAME,
        "--out", str(setting.site_dir),
        "--by", "make demo",
        verbosity=0,
        stdout=StringIO(),  # what to do next is for the person who provisions by hand
    )  # fmt: skip
    tags = TANK_FARM.read_text(encoding="utf-8")
    tags = tags.replace("@PLANT_URL@", f"opc.tcp://{LOOPBACK}:{setting.plant_port}")
    head = setting.site_config.read_text(encoding="utf-8").replace("allow_writes = false", "allow_writes = true")
    head = head.replace("allow_ack = false", "allow_ack = true")
    write_private(setting.site_config, head + tags)
    complete.touch(mode=0o600)
