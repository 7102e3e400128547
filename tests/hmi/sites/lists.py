"""How a list of the administration is measured: the queries that one page costs, whatever else Django remembers."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def queries_of(client: Client, page: str, **query: Any) -> int:
    """How many queries the page costs the second time; content types and the like are known by then."""
    assert client.get(page, query).status_code == 200
    with CaptureQueriesContext(connection) as counted:
        client.get(page, query)
    return len(counted)
