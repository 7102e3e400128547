"""With the audit trail full the API goes on reading; with the database gone it says so as a problem."""

from __future__ import annotations

from typing import Any

import httpx
from asgiref.sync import sync_to_async
from django.db import connection

from tests.hmi.ingest.terminal import Terminal
from tests.support.full_disk import no_events


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


async def test_reading_goes_on_while_nothing_can_be_recorded(api: httpx.AsyncClient, terminal: Terminal) -> None:
    full: Any = no_events()
    await sync_to_async(full.__enter__)()
    try:
        assert (await api.get("/sites")).status_code == 200
        answer = await api.get("/sites/north/readings", params={"tag": "TK-101.level", "fresh": "true"})
        assert answer.status_code == 200
        assert answer.json()["origin"] == "site"
    finally:
        await sync_to_async(full.__exit__)(None, None, None)


async def test_database_that_fails_is_a_problem_in_words(api: httpx.AsyncClient) -> None:
    await sync_to_async(_run)("ALTER TABLE oauth_authorizedtoken RENAME TO elsewhere")
    try:
        answer = await api.get("/sites")
    finally:
        await sync_to_async(_run)("ALTER TABLE elsewhere RENAME TO oauth_authorizedtoken")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "30"
    assert answer.json()["type"] == "urn:sightline:problem:not-stored"
    assert (await api.get("/sites")).status_code == 200
