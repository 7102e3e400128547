"""The description is the code's own, lies in docs as it is served, and names every address and nothing else."""

from __future__ import annotations

import json

from django.conf import settings

from hmi.api.description_view import document
from hmi.api.openapi import describe
from hmi.api.urls import urlpatterns

WRITTEN = settings.BASE_DIR / "docs" / "api" / "openapi.json"


def test_the_description_in_docs_is_the_one_that_is_served():
    # To renew it: python manage.py shell -c "..." as docs/oauth.md says.
    assert WRITTEN.read_bytes() == document()


def test_every_address_is_described():
    routes = {"/" + str(pattern.pattern).replace("<str:", "{").replace(">", "}") for pattern in urlpatterns}
    assert set(describe()["paths"]) == {route for route in routes if "(" not in route and route != "/openapi.json"}


def test_every_operation_needs_an_offered_scope_and_says_how_it_refuses():
    text = json.dumps(describe())
    assert "http://" not in text and "https://" not in text
    for path in describe()["paths"].values():
        operation = path["get"]
        ((scope,),) = (list(entry.values()) for entry in operation["security"])
        assert (
            scope[0] in describe()["components"]["securitySchemes"]["sightline"]["flows"]["clientCredentials"]["scopes"]
        )
        assert {"401", "403", "404", "429"} <= operation["responses"].keys()


async def test_it_is_served_to_everybody_with_an_etag(async_client):
    answer = await async_client.get("/api/v1/openapi.json")
    assert answer.status_code == 200 and answer.json()["openapi"] == "3.1.0"
    again = await async_client.get("/api/v1/openapi.json", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert (await async_client.post("/api/v1/openapi.json")).status_code == 405
