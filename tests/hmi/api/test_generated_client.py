"""A client that openapi-python-client writes from docs/api/openapi.json reads a running site."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from django.conf import settings

DESCRIPTION = settings.BASE_DIR / "docs" / "api" / "openapi.json"
DEADLINE = 60.0  # seconds for one program
PROGRAM = """
import sys
from sightline_read_api_client import AuthenticatedClient
from sightline_read_api_client.api.default import get_asset, list_assets, list_history, list_readings, list_sites
from sightline_read_api_client.models import ListHistoryMode, ProblemDetails

client = AuthenticatedClient(base_url=sys.argv[1] + "/api/v1", token=sys.stdin.read(), raise_on_unexpected_status=True)
site = list_sites.sync(client=client).items[0]
assert site.name == "North Terminal" and site.access_until.tzinfo is not None, site
assets = list_assets.sync(site.slug, client=client, limit=1)
assert [asset.id for asset in assets.items] == ["TK-101"], assets
more = list_assets.sync(site.slug, client=client, limit=1, cursor=assets.next_cursor)
assert [asset.id for asset in more.items] == ["TK-102"] and more.next_cursor is None, more
tank = get_asset.sync(site.slug, "TK-101", client=client)
level = next(tag for tag in tank.tags if tag.quantity == "level")
readings = list_readings.sync(site.slug, client=client, tag=[level.id], fresh=True)
(reading,) = readings.items
assert reading.value == 12.5 and reading.quality.status == "good" and reading.stale is False, reading
past = list_history.sync(site.slug, client=client, tag=[level.id], buckets=10)
assert {bucket.tag for bucket in past.buckets} == {level.id} and past.units[level.id] == level.unit, past
newest = [bucket for bucket in past.buckets if bucket.average is not None][-1]
assert newest.maximum == 12.5 and newest.source.value == "agent" and newest.start.tzinfo is not None, newest
samples = list_history.sync(site.slug, client=client, tag=[level.id], mode=ListHistoryMode.SAMPLES)
assert [sample.value for sample in samples.samples] == [12.5] and samples.buckets == [], samples
together = list_history.sync(site.slug, client=client, tag=[level.id, "TK-102.level"], mode=ListHistoryMode.SAMPLES)
assert isinstance(together, ProblemDetails) and together.status == 422, together
missing = get_asset.sync(site.slug, "TK-999", client=client)
assert isinstance(missing, ProblemDetails) and missing.status == 404, missing
print("read", reading.value)
"""


async def run(*command: str, cwd: Path, stdin: str = "") -> str:
    """What the program printed; the test fails when it fails or does not end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            output, _ = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_a_generated_client_reads_a_running_site(api, origin, tmp_path):
    tool = str(Path(sys.executable).parent / "openapi-python-client")
    config = tmp_path / "config.yaml"
    config.write_text("post_hooks: []\n")  # formatting it would prove nothing
    said = await run(tool, "generate", "--path", str(DESCRIPTION), "--config", str(config), cwd=tmp_path)
    assert "warning" not in said.lower() and "unable" not in said.lower(), said
    token = api.headers["authorization"].removeprefix("Bearer ")
    program = ["-c", PROGRAM, origin]
    assert "read 12.5" in await run(sys.executable, *program, cwd=tmp_path / "sightline-read-api-client", stdin=token)
