"""schemathesis, given the description and a valid token, tries to break the API and finds nothing."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from accounts.buckets import Buckets
from hmi.api import access
from tests.hmi.api.test_generated_client import run

# What is meant: alarms say 501 until a site serves them, a silent site is a 503, times that lie the wrong way round or
# too far apart are a 422: no schema can say that. The values make most
# requests reach something; made-up ones are among what each phase sends.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "501", "503"]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "5xx"]

[parameters]
site = "north"
asset = "TK-101"
tag = ["TK-101.level"]
from = "%(start)s"
to = "%(end)s"
"""


async def test_schemathesis_finds_nothing(api, origin, tmp_path, settings, monkeypatch):
    settings.API_REQUESTS_PER_MINUTE = {"token": 1_000_000, "person": 1_000_000}
    monkeypatch.setattr(access, "FAILURES", Buckets(1_000_000, 1_000_000))
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    stretch = {"start": (now - dt.timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    (tmp_path / "schemathesis.toml").write_text(CONFIG % stretch)
    said = await run(
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{origin}/api/v1/openapi.json",
        "--header", f"Authorization: {api.headers['authorization']}",
        "--checks", "all", "--phases", "coverage,fuzzing,stateful", "--max-examples", "6",
        "--generation-deterministic", "--no-color", "--workers", "2", cwd=tmp_path,
    )  # fmt: skip
    assert "No issues found" in said, said
    assert "7 selected / 7 total" in said
